import type { Constant, Graph } from "../graph/ir";

/** The graph with some inputs known: what follows from them alone is then arithmetic on constants. */
export function fixInputs(graph: Graph, values: ReadonlyMap<string, Constant>): Graph {
  if (values.size === 0) return graph;
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !values.has(name)),
    constants: new Map([...graph.constants, ...values]),
  };
}
