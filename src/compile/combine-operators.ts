import type { StaticGraph } from "../graph/ir";
import { combineChannelShuffle } from "./combine-channel-shuffle";
import { combineSwish } from "./combine-swish";
import { foldBatchNorm } from "./fold-batch-norm";

/**
 * The network as it runs where nobody asks for what lies in between: batch normalisation in the weights, x·sigmoid(x), GELU,
 * layer normalisation, dense layers with their bias and channel shuffles as one operator.
 *
 * @param keep  names of values that must still be computed
 */
export type Combining = (graph: StaticGraph, keep: ReadonlySet<string>) => StaticGraph;

/** Without one of these a file has no GELU, no layer normalisation and no dense layer in pieces. */
const ofPieces: ReadonlySet<string> = /* @__PURE__ */ new Set(["Erf", "Tanh", "Sqrt", "MatMul"]);

/** How the operators of a graph, and of others that differ from it in their constants, are combined. */
export async function combiningFor({ nodes }: StaticGraph): Promise<Combining> {
  const passes = nodes.some(({ op }) => ofPieces.has(op)) ? (await import("./combine-pieces")).passesOfPieces : [];
  return (graph, keep) =>
    [foldBatchNorm, combineSwish, ...passes, combineChannelShuffle].reduce(
      (combined, pass) => pass(combined, keep),
      graph,
    );
}
