import type { StaticGraph } from "../graph/ir";
import { keptEntries } from "../graph/kept-entries";

/**
 * Values that one node alone reads, once, and that nobody else asks for: what a pass may do without.
 *
 * @param keep  names of values that must still be computed
 */
export function innerValues(graph: StaticGraph, keep: ReadonlySet<string>): ReadonlySet<string> {
  const seen = new Set<string>();
  const inner = new Set<string>();
  for (const { inputs } of graph.nodes) {
    for (const input of inputs) {
      if (seen.has(input)) inner.delete(input);
      else inner.add(input);
      seen.add(input);
    }
  }
  for (const name of wantedValues(graph, keep)) inner.delete(name);
  return inner;
}

/** Values that somebody asks for, by the names under which they are computed. */
export const wantedValues = (graph: StaticGraph, keep: ReadonlySet<string>): ReadonlySet<string> =>
  new Set([...graph.outputs, ...[...keep].map((name) => graph.aliases.get(name) ?? name)]);

/** The graph without some values that are computed no more, and without the aliases of those. */
export function withoutValues(graph: StaticGraph, gone: ReadonlySet<string>): StaticGraph {
  return {
    ...graph,
    shapes: keptEntries(graph.shapes, (name) => !gone.has(name)),
    aliases: keptEntries(graph.aliases, (_, remaining) => !gone.has(remaining)),
  };
}
