import type { Node } from "./ir";

/** The node that computes each value; none for inputs and constants. */
export function producersOf({ nodes }: { readonly nodes: readonly Node[] }): ReadonlyMap<string, Node> {
  const producers = new Map<string, Node>();
  for (const node of nodes) for (const output of node.outputs) producers.set(output, node);
  return producers;
}

/** The names of all values that nodes read. */
export function valuesRead(nodes: readonly Node[]): Set<string> {
  const read = new Set<string>();
  for (const { inputs } of nodes) for (const input of inputs) read.add(input);
  return read;
}
