import type { StaticGraph } from "../graph/ir";

/**
 * Values that one node alone reads, once, and that nobody else asks for: what a pass may do without.
 *
 * @param keep  names of values that must still be computed
 */
export function innerValues(graph: StaticGraph, keep: ReadonlySet<string>): ReadonlySet<string> {
  const readers = new Map<string, number>();
  for (const input of graph.nodes.flatMap((node) => node.inputs)) readers.set(input, (readers.get(input) ?? 0) + 1);
  const wanted = wantedValues(graph, keep);
  return new Set([...readers].flatMap(([name, count]) => (count === 1 && !wanted.has(name) ? [name] : [])));
}

/** Values that somebody asks for, by the names under which they are computed. */
export const wantedValues = (graph: StaticGraph, keep: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...graph.outputs, ...[...keep].map((name) => graph.aliases.get(name) ?? name)]);

/** The graph without some values that are computed no more, and without the aliases of those. */
export function withoutValues(graph: StaticGraph, gone: ReadonlySet<string>): StaticGraph {
  return {
    ...graph,
    shapes: new Map([...graph.shapes].filter(([name]) => !gone.has(name))),
    aliases: new Map([...graph.aliases].filter(([, remaining]) => !gone.has(remaining))),
  };
}
