import type { Graph } from "../graph/ir";
import { keptEntries } from "../graph/kept-entries";

/**
 * Keeps what the given values need: their nodes, and the constants and inputs of those. Outputs of the graph that are not
 * computed any more are dropped. Works on a file's graph (before `specialise`, to cut off what cannot run) and on a static
 * one.
 *
 * @param roots  names of values; one that another value has replaced is followed through the graph's aliases
 */
export function removeDeadNodes<G extends Graph & { readonly aliases?: ReadonlyMap<string, string> }>(
  graph: G,
  roots: readonly string[],
): G {
  const needed = new Set(roots.map((root) => graph.aliases?.get(root) ?? root));
  const alive = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    alive.add(node.name);
    for (const input of node.inputs) if (input !== "") needed.add(input);
  }
  const nodes = graph.nodes.filter((node) => alive.has(node.name));
  const computed = new Set(needed);
  for (const { outputs } of nodes) for (const output of outputs) computed.add(output);
  const live = <V>(map: ReadonlyMap<string, V>) => keptEntries(map, (name) => computed.has(name));
  const rest = isStatic(graph)
    ? {
        shapes: live(graph.shapes),
        aliases: keptEntries(graph.aliases, (_, remaining) => computed.has(remaining)),
      }
    : {};
  return {
    ...graph,
    ...rest,
    nodes,
    inputs: graph.inputs.filter(({ name }) => needed.has(name)),
    outputs: graph.outputs.filter((output) => computed.has(output)),
    constants: live(graph.constants),
  };
}

const isStatic = (
  graph: object,
): graph is { shapes: ReadonlyMap<string, readonly number[]>; aliases: ReadonlyMap<string, string> } =>
  "shapes" in graph && "aliases" in graph;
