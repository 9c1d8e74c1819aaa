/** Which nodes stand before a layer with weights: what they pick is part of the network, and no post-processing. */
import type { Graph, Node } from "../graph/ir";
import { producersOf } from "../graph/producers";
import { survey } from "./unsupported-operators";

const weighted = /Conv|Gemm|MatMul|LSTM|GRU|RNN|Normali[sz]ation|PRelu|Einsum|Attention/;
/** A matrix that makes corners of centres has 16 numbers, and is no weight. */
const mostOfNoWeight = 16;

/**
 * Whether a layer with weights is computed from what a node makes.
 *
 * @param fixed  values that do not depend on the image
 */
export function beforeLayers(graph: Graph, fixed: ReadonlySet<string>): (node: Node) => boolean {
  const producers = producersOf(graph);
  const sizes = new Map<string, number>();
  /** Elements of the largest constant that a fixed value is made of: weights may be cast, turned or made of integers first. */
  const sizeOf = (value: string): number => {
    const known = sizes.get(value);
    if (known !== undefined) return known;
    sizes.set(value, 0);
    const own = graph.constants.get(value)?.size;
    const size = own ?? Math.max(0, ...(producers.get(value)?.inputs ?? []).map(sizeOf));
    sizes.set(value, size);
    return size;
  };
  const isLayer = ({ op, inputs }: Node): boolean =>
    weighted.test(op) && inputs.some((input) => fixed.has(input) && sizeOf(input) > mostOfNoWeight);
  const read = new Set<string>();
  const before = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    const isBefore = node.outputs.some((output) => read.has(output));
    if (isBefore) before.add(node);
    if (isBefore || isLayer(node)) for (const input of node.inputs) read.add(input);
  }
  return (node) => before.has(node);
}

/**
 * The graph with every TopK behind all layers marked as one that cannot run: a network that ends in the best of its results would answer with
 * whichever they are, and that is no score of anything. What it picks in front of layers is part of the network.
 */
export function refusingLastPicks(graph: Graph): Graph {
  const { fixed } = survey(graph);
  const isInside = beforeLayers(graph, fixed);
  const isLast = (node: Node): boolean =>
    node.op === "TopK" && !isInside(node) && node.inputs.some((input) => input !== "" && !fixed.has(input));
  return graph.nodes.some(isLast)
    ? { ...graph, nodes: graph.nodes.map((node) => (isLast(node) ? { ...node, refusal: "" } : node)) }
    : graph;
}
