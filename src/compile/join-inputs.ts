/**
 * A network runs from one value. That of a network with several inputs is all of them one after the other, each as it lies in memory,
 * and the nodes that hand every input its part are the first of the network: what is known of one input (gradients, paths between two
 * inputs, noise, relevance) is then known of all of them together.
 */

import type { Attribute, Node, StaticGraph } from "../graph/ir";
import { sizeOf } from "../tensor";
import { mark } from "./own-names";

/** The name of the value that all inputs are. */
const joinedName = `inputs${mark}joined`;

/** One of several inputs. */
export interface PlacedInput {
  readonly name: string;
  /** As the graph orders its axes. */
  readonly shape: readonly number[];
  /** Where it begins among all of them, in elements. */
  readonly start: number;
  readonly size: number;
}

/** Every input of a graph, and where it lies in the value that the network starts from. */
export function placedInputs({ inputs, shapes }: StaticGraph): PlacedInput[] {
  let next = 0;
  return inputs.map(({ name }) => {
    const shape = shapes.get(name) ?? [];
    const size = sizeOf(shape);
    const start = next;
    next += size;
    return { name, shape, start, size };
  });
}

/** The graph with one input; a graph that has one already is left as it is. */
export function joinInputs(graph: StaticGraph): StaticGraph {
  if (graph.inputs.length < 2) return graph;
  const placed = placedInputs(graph);
  const shape = [1, placed.reduce((total, { size }) => total + size, 0)];
  const parts = placed.map(
    ({ name, shape: own, start }): Node => ({
      name: `${name}${mark}part`,
      op: "InputPart",
      inputs: [joinedName],
      outputs: [name],
      attributes: new Map<string, Attribute>([
        ["start", start],
        ["shape", own],
      ]),
    }),
  );
  return {
    ...graph,
    inputs: [{ name: joinedName, shape }],
    shapes: new Map([...graph.shapes, [joinedName, shape]]),
    nodes: [...parts, ...graph.nodes],
  };
}
