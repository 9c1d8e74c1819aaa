/** An output of the file that is the same whatever the input is. */
import type { Node, StaticGraph } from "../graph/ir";

/** The operator of the node that writes such an output; a file's own constants are no nodes. */
export const constantOp = "Constant";

/** The graph with a node for every output that is a constant, so that it can be run, scored and explained like any other. */
export function withConstantOutputs(graph: StaticGraph): StaticGraph {
  const [input] = graph.inputs;
  const known = graph.outputs.filter((name) => graph.constants.has(name));
  if (known.length === 0) return graph;
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const missing = known.filter((name) => !made.has(name));
  if (!input || missing.length === 0) return graph;
  const nodes = missing.map(
    (name): Node => ({
      name: `${name}\0`,
      op: constantOp,
      inputs: [input.name],
      outputs: [name],
      attributes: new Map(),
    }),
  );
  return { ...graph, nodes: [...graph.nodes, ...nodes] };
}
