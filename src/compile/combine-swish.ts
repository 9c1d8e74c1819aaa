import type { Node, StaticGraph } from "../graph/ir";
import { innerValues, withoutValues } from "./inner-values";

/**
 * x · Sigmoid(x), as exporters write it, becomes the operator Swish of opset 24: one pass over the values instead of two, and
 * the sigmoid is not kept.
 *
 * @param keep  names of values that must still be computed
 */
export function combineSwish(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "Sigmoid")) return graph;
  const inner = innerValues(graph, keep);
  const sigmoids = new Map(
    graph.nodes
      .filter(({ op, outputs }) => op === "Sigmoid" && inner.has(outputs[0]))
      .map((node) => [node.outputs[0], node] as const),
  );
  const gone = new Set<string>();
  const combined = graph.nodes.map((node): Node => {
    if (node.op !== "Mul") return node;
    const [a, b] = node.inputs;
    const gate = [a, b].find((name) => sigmoids.has(name));
    if (gate === undefined || sigmoids.get(gate)?.inputs[0] !== (gate === a ? b : a)) return node;
    gone.add(gate);
    return { ...node, op: "Swish", inputs: [gate === a ? b : a], attributes: new Map() };
  });
  if (gone.size === 0) return graph;
  return withoutValues({ ...graph, nodes: combined.filter(({ outputs }) => !gone.has(outputs[0])) }, gone);
}
