import { ModelError } from "../errors";
import type { Node } from "../graph/ir";

/** Gives every node a unique name: its own, else its first output's, else either with a number behind it. */
export function uniquelyNamed(nodes: readonly Node[]): Node[] {
  const taken = new Set<string>();
  const owned = nodes.map((node) => {
    if (node.name === "" || taken.has(node.name)) return false;
    taken.add(node.name);
    return true;
  });
  // The number to try next for each name, so that many nodes of one name do not count through all of them.
  const numbers = new Map<string, number>();
  return nodes.map((node, i) => {
    if (owned[i]) return node;
    const fallback = node.outputs.find((output) => output !== "") ?? (node.name || node.op);
    let name = fallback;
    let n = numbers.get(fallback) ?? 2;
    for (; taken.has(name); n++) name = `${fallback}_${n}`;
    numbers.set(fallback, n);
    taken.add(name);
    return { ...node, name };
  });
}

/**
 * Nodes in an order in which every value is produced before it is read; the file's order where that already is one.
 *
 * @param known    names of the values that exist from the start: inputs and constants
 * @param outputs  names of the graph's outputs, which must exist in the end
 * @throws {ModelError} if a value is defined twice or not at all, or if nodes wait for each other
 */
export function sortedNodes(nodes: readonly Node[], known: readonly string[], outputs: readonly string[]): Node[] {
  const ready = new Set(known);
  const producers = producersOf(nodes, ready);
  for (const node of nodes) {
    const missing = node.inputs.find((input) => input !== "" && !ready.has(input) && !producers.has(input));
    if (missing !== undefined) {
      throw new ModelError(
        `${node.op} "${node.name}" reads the value "${missing}", which nothing in the file defines. The file is damaged or was cut by hand.`,
      );
    }
  }
  const absent = outputs.find((output) => !ready.has(output) && !producers.has(output));
  if (absent !== undefined) throw new ModelError(`The graph's output "${absent}" is not computed by any node.`);

  const sorted: Node[] = [];
  const waiting = new Map<string, Waiting[]>();
  const place = (first: Node): void => {
    const next = [first];
    for (let node = next.pop(); node; node = next.pop()) {
      sorted.push(node);
      for (const output of node.outputs) {
        if (output === "") continue;
        ready.add(output);
        for (const other of (waiting.get(output) ?? []).reverse()) if (--other.missing === 0) next.push(other.node);
        waiting.delete(output);
      }
    }
  };
  for (const node of nodes) {
    if (waiting.size === 0 && node.inputs.every((input) => input === "" || ready.has(input))) {
      sorted.push(node);
      for (const output of node.outputs) if (output !== "") ready.add(output);
      continue;
    }
    const pending = new Set(node.inputs.filter((input) => input !== "" && !ready.has(input)));
    const entry = { node, missing: pending.size };
    for (const input of pending) {
      const others = waiting.get(input);
      if (others) others.push(entry);
      else waiting.set(input, [entry]);
    }
    if (pending.size === 0) place(node);
  }
  for (const [value, [{ node }]] of waiting) {
    throw new ModelError(`${node.op} "${node.name}" waits for the value "${value}", which depends on the node itself.`);
  }
  return sorted;
}

/** A node, and how many of its inputs are not there yet. */
interface Waiting {
  readonly node: Node;
  missing: number;
}

function producersOf(nodes: readonly Node[], known: ReadonlySet<string>): Map<string, Node> {
  const producers = new Map<string, Node>();
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === "") continue;
      if (known.has(output) || producers.has(output)) {
        throw new ModelError(`${node.op} "${node.name}" defines the value "${output}" a second time.`);
      }
      producers.set(output, node);
    }
  }
  return producers;
}
