import type { StaticGraph } from "../ir";

/**
 * Files from TensorFlow take images channels last, [N, H, W, C], and start with a Transpose to channels first. Memory is
 * channels last here anyway, so that node does nothing: the graph then takes [N, C, H, W] like every other file.
 */
export function channelsFirstInput(graph: StaticGraph): StaticGraph {
  const [input] = graph.inputs;
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(input?.name));
  const [transpose] = readers;
  if (readers.length !== 1 || transpose.op !== "Transpose" || graph.outputs.includes(input.name)) return graph;
  const order = transpose.attributes.get("perm");
  if (!Array.isArray(order) || order.join() !== "0,3,1,2") return graph;
  const [output] = transpose.outputs;
  if (graph.outputs.includes(output)) return graph;
  const shape = graph.shapes.get(output) ?? [];
  return {
    ...graph,
    inputs: [{ name: input.name, shape }],
    shapes: new Map([...graph.shapes, [input.name, shape]]),
    aliases: new Map([...graph.aliases, [output, input.name]]),
    nodes: graph.nodes
      .filter((node) => node !== transpose)
      .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === output ? input.name : name)) })),
  };
}
