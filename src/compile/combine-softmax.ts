import type { Node, StaticGraph } from "../graph/ir";
import { producersOf } from "../graph/producers";
import { removeDeadNodes } from "./remove-dead-nodes";
import { writtenOut } from "./written-out";

/**
 * Exponentials of scores less their maximum over the sum of these, as files write a softmax in pieces, become the operator Softmax
 * (their logarithm LogSoftmax): the same numbers, and no maximum of values has to be computed by itself.
 */
export function combineSoftmax(graph: StaticGraph): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "ReduceMax")) return graph;
  const producers = producersOf(graph);
  const nodes = graph.nodes.map((node): Node => {
    const [output] = node.outputs;
    const found = writtenOut(graph, (name) => producers.get(name), output);
    const [axis, ...more] = found?.axes ?? [];
    const rank = graph.shapes.get(output)?.length ?? 0;
    // Before operator set 13 a softmax takes all axes from one on together.
    if (!found?.shifted || more.length > 0 || (graph.opset < 13 && axis !== rank - 1)) return node;
    const op = node.op === "Sub" || node.op === "Log" ? "LogSoftmax" : "Softmax";
    return { ...node, op, inputs: [found.value], attributes: new Map([["axis", axis]]) };
  });
  const isChanged = nodes.some((node, i) => node !== graph.nodes[i]);
  // Outputs that nothing computes are the input itself or constants.
  return isChanged ? { ...removeDeadNodes({ ...graph, nodes }, graph.outputs), inputs: graph.inputs } : graph;
}
