import type { StaticGraph } from "../graph/ir";
import { combineChannelShuffle } from "./combine-channel-shuffle";
import { combineGelu } from "./combine-gelu";
import { combineLayerNorm } from "./combine-layer-norm";
import { combineSwish } from "./combine-swish";
import { foldBatchNorm } from "./fold-batch-norm";

/**
 * The network as it runs where nobody asks for what lies in between: batch normalisation in the weights, x·sigmoid(x), GELU,
 * layer normalisation and channel shuffles as one operator.
 *
 * @param keep  names of values that must still be computed
 */
export const combineOperators = (graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph =>
  [foldBatchNorm, combineSwish, combineGelu, combineLayerNorm, combineChannelShuffle].reduce(
    (combined, pass) => pass(combined, keep),
    graph,
  );
