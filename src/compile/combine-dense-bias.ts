import type { Node, StaticGraph } from "../graph/ir";
import { bothWays, GraphPieces } from "./graph-pieces";
import { wantedValues, withoutValues } from "./inner-values";

/**
 * x·W + b, as PyTorch writes a dense layer of tokens: MatMul and Add become one MatMul with b as a third input, which is added where
 * the sums are written instead of in a pass of its own. The bits stay.
 *
 * @param keep  names of values that must still be computed
 */
export function combineDenseBias(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "MatMul")) return graph;
  const pieces = new GraphPieces(graph);
  const asked = wantedValues(graph, keep);
  const gone = new Set<string>();
  const made = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const [product] = node.outputs;
    if (!isDenseLayer(graph, node) || asked.has(product)) continue;
    const add = pieces.onlyReader(product);
    if (add?.op !== "Add" || !pieces.haveSameShape(product, add.outputs[0])) continue;
    const bias = bothWays(add).find(([value, other]) => value === product && isBias(graph, other, product))?.[1];
    if (bias === undefined) continue;
    gone.add(product);
    made.set(add, { ...node, inputs: [...node.inputs, bias], outputs: add.outputs });
  }
  if (made.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => (gone.has(node.outputs[0]) ? [] : [made.get(node) ?? node]));
  return withoutValues({ ...graph, nodes }, gone);
}

/** A value times a matrix of the file in floats, still without a bias. */
function isDenseLayer({ constants }: StaticGraph, { op, inputs, attributes }: Node): boolean {
  if (op !== "MatMul" || inputs.length !== 2 || attributes.has("integers") || constants.has(inputs[0])) return false;
  return constants.get(inputs[1])?.shape.length === 2;
}

/** One number for each place of the last axis, the same everywhere else. */
function isBias({ constants, shapes }: StaticGraph, name: string, product: string): boolean {
  const constant = constants.get(name);
  const outputs = shapes.get(product)?.at(-1);
  return constant?.kind === "float" && constant.size === outputs && constant.shape.at(-1) === outputs;
}
