import type { Node, StaticGraph } from "../graph/ir";
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
    const renamed = { ...node, inputs: node.inputs.map(resolved) };
    const isNoOp = operators.get(node.op)?.noOp;
    const constants = node.inputs.map((input) => graph.constants.get(input));
    const changes = node.outputs.slice(1).some((output) => output !== "");
    const shapes = renamed.inputs.map((name) => graph.shapes.get(name));
    const same = shapes[0]?.join() === graph.shapes.get(node.outputs[0])?.join();
    if (isNoOp && !changes && same && isNoOp(node, shapes, constants)) aliases.set(node.outputs[0], renamed.inputs[0]);
    else nodes.push(renamed);
  }
  // A pass before may have left aliases of what is removed here.
  for (const [removed, remaining] of aliases) aliases.set(removed, resolved(remaining));
  return {
    ...graph,
    nodes,
    aliases,
    outputs: graph.outputs.map(resolved),
    shapes: new Map([...graph.shapes].filter(([name]) => !aliases.has(name))),
  };
}
