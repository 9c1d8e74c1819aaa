import type { Node } from "./ir";

/** The node that computes each value; none for inputs and constants. */
export const producersOf = ({ nodes }: { readonly nodes: readonly Node[] }): ReadonlyMap<string, Node> =>
  new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
