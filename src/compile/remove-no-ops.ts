import type { Node, StaticGraph } from "../graph/ir";
import { keptEntries } from "../graph/kept-entries";
import { operators } from "../operators/table";

/**
 * Removes nodes that give back their input unchanged. The removed value's name becomes an alias of the remaining one; the
 * graph's `outputs` then name the remaining value, so every output is still computed.
 */
export function removeNoOps(graph: StaticGraph): StaticGraph {
  const aliases = new Map(graph.aliases);
  const resolved = (name: string): string => aliases.get(name) ?? name;
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const isRenamed = aliases.size > 0 && node.inputs.some((name) => aliases.has(name));
    const inputs = isRenamed ? node.inputs.map(resolved) : node.inputs;
    if (doesNothing(graph, node, inputs)) aliases.set(node.outputs[0], inputs[0]);
    else nodes.push(isRenamed ? { ...node, inputs } : node);
  }
  // A pass before may have left aliases of what is removed here.
  for (const [removed, remaining] of aliases) aliases.set(removed, resolved(remaining));
  return {
    ...graph,
    nodes,
    aliases,
    outputs: graph.outputs.map(resolved),
    shapes: keptEntries(graph.shapes, (name) => !aliases.has(name)),
  };
}

/** @param inputs  by the names that they have now */
function doesNothing(graph: StaticGraph, node: Node, inputs: readonly string[]): boolean {
  const isNoOp = operators.get(node.op)?.noOp;
  if (!isNoOp || node.outputs.slice(1).some((output) => output !== "")) return false;
  const shapes = inputs.map((name) => graph.shapes.get(name));
  if (shapes[0]?.join() !== graph.shapes.get(node.outputs[0])?.join()) return false;
  const constants = node.inputs.map((input) => graph.constants.get(input));
  return isNoOp(node, shapes, constants);
}
