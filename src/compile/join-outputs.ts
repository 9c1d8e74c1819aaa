/**
 * What is said of several outputs at once (boxes in one and their offsets in another, coefficients beside prototypes of masks) is a
 * function of one value, as every score is: all of them one after the other, in the file's order of their elements.
 */
import type { Attribute, Node, StaticGraph } from "../graph/ir";
import { sizeOf } from "../tensor";
import { mark } from "./own-names";

/** The name of the value that all outputs are. */
export const joinedOutputs = `outputs${mark}joined`;

/** The graph with a value of several others; that of one is left as it is. */
export function joinOutputs(graph: StaticGraph, values: readonly string[]): StaticGraph {
  if (values.length < 2) return graph;
  const node = (name: string, op: string, inputs: readonly string[], attribute: [string, Attribute]): Node => ({
    name,
    op,
    inputs,
    outputs: [name],
    attributes: new Map([attribute]),
  });
  const flat = values.map((value, i) => node(`output ${i}${mark}flat`, "Flatten", [value], ["axis", 0]));
  const sizes = values.map((value) => sizeOf(graph.shapes.get(value) ?? []));
  const names = flat.map(({ name }) => name);
  return {
    ...graph,
    nodes: [...graph.nodes, ...flat, node(joinedOutputs, "Concat", names, ["axis", 1])],
    shapes: new Map([
      ...graph.shapes,
      ...names.map((name, i) => [name, [1, sizes[i]]] as const),
      [joinedOutputs, [1, sizes.reduce((a, b) => a + b, 0)]] as const,
    ]),
  };
}
