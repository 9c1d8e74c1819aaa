import type { Graph } from "../graph/ir";

/** What became of one node. */
export interface RewriteStep {
  readonly node: string;
  readonly op: string;
  /** In words. */
  readonly change: string;
}

/** A name that no value and no node of the graph has. */
export function freshName(graph: Graph, wish: string): string {
  const taken = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.constants.keys(),
    ...graph.nodes.flatMap(({ name, outputs }) => [name, ...outputs]),
  ]);
  let name = wish;
  for (let n = 2; taken.has(name); n++) name = `${wish}_${n}`;
  return name;
}
