/** An output of the file that is the same whatever the input is: it is written as it is, and nothing goes back. */
import type { Node, StaticGraph } from "../graph/ir";
import { toMemoryOrder } from "./layout";
import { type Builder, oneToOne } from "./operation";

const op = "Constant";

/** The graph with a node for every output that is a constant, so that it can be run, scored and explained like any other. */
export function withConstantOutputs(graph: StaticGraph): StaticGraph {
  const [input] = graph.inputs;
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const missing = graph.outputs.filter((name) => graph.constants.has(name) && !made.has(name));
  if (!input || missing.length === 0) return graph;
  const nodes = missing.map(
    (name): Node => ({ name: `${name}\0`, op, inputs: [input.name], outputs: [name], attributes: new Map() }),
  );
  return { ...graph, nodes: [...graph.nodes, ...nodes] };
}

export const constantOutput: Builder = (context) => {
  const [name] = context.node.outputs;
  const constant = context.constant(name) ?? context.refuse("its value is not known");
  const values = toMemoryOrder(constant.floats(), constant.shape);
  const size = context.shape(context.node.inputs[0]).reduce((product, extent) => product * extent, 1);
  return oneToOne(context, {
    linear: true,
    forward: ({ memory, batch }, _, y) => {
      const out = memory.floats(y, values.length * batch);
      for (let sample = 0; sample < batch; sample++) out.set(values, sample * values.length);
    },
    backward: ({ memory, batch }, _, dx) => {
      memory.floats(dx, size * batch).fill(0);
    },
  });
};
