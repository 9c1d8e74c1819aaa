/** The branches of an If, or the body of a loop, as the graph has them: values by names of their own, what they read from outside among the node's inputs. */
import { type Branch, Constant, type Node } from "../graph/ir";
import { constantOf } from "./constant-node";
import type { FileNode, OnnxFileGraph } from "./file-node";
import { sortedNodes, uniquelyNamed } from "./node-order";

/** Where a node stands. */
interface Scope {
  /** In front of the names of what it defines. */
  readonly prefix: string;
  /** What a value is called that it reads. */
  readonly resolve: (name: string) => string;
}

/** Of a name in front of others; those of graphs in graphs in graphs would fill the memory. */
const longestPrefix = 200;

/** Names that nothing in the file has yet: nodes of one name may have branches each, and a name may look as if it were made here. */
export class InnerNames {
  readonly #values: Taken;
  readonly #prefixes = new Taken();

  /** @param values  those outside of all branches */
  constructor(values: Iterable<string>) {
    this.#values = new Taken(values);
  }

  value = (name: string): string => this.#values.added(name, (n) => `${name}_${n}`);

  prefix(name: string): string {
    const short = name.slice(-longestPrefix);
    return this.#prefixes.added(`${short}/`, (n) => `${short}_${n}/`);
  }
}

class Taken {
  readonly #names: Set<string>;
  /** The number to try next for each name, so that many of one name do not count through all of them. */
  readonly #next = new Map<string, number>();

  constructor(names: Iterable<string> = []) {
    this.#names = new Set(names);
  }

  added(first: string, other: (n: number) => string): string {
    let name = first;
    if (this.#names.has(name)) {
      let n = this.#next.get(first) ?? 2;
      for (name = other(n); this.#names.has(name); name = other(n)) n++;
      this.#next.set(first, n + 1);
    }
    this.#names.add(name);
    return name;
  }
}

const withGraphs: ReadonlySet<string> = /* @__PURE__ */ new Set(["If", "Loop", "Scan"]);

const outermost: Scope = { prefix: "", resolve: (name) => name };

/**
 * @param check  a node as it is read outside
 * @param names  those of the file
 */
export function withBranches(
  node: FileNode,
  check: (node: FileNode) => Node,
  names: InnerNames,
  scope: Scope = outermost,
): Node {
  const checked = check(node);
  const { graphs } = node;
  if (scope === outermost && !graphs) return checked;
  const { prefix, resolve } = scope;
  const inputs = checked.inputs.map(resolve);
  if (!withGraphs.has(node.op) || !graphs) return { ...checked, inputs };
  const read = new Set<string>();
  const branches = new Map<string, Branch>();
  for (const [key, graph] of graphs) {
    const own = { prefix: names.prefix(`${prefix}${node.name || node.outputs[0]}/${key}`), resolve };
    const { branch, captured } = branchOf(graph, own, names, check);
    branches.set(key, branch);
    for (const name of captured) read.add(name);
  }
  // The places of the node's own inputs say what they are.
  for (const name of inputs) read.delete(name);
  return { ...checked, inputs: [...inputs, ...read], branches };
}

function branchOf(
  graph: OnnxFileGraph,
  { prefix, resolve }: Scope,
  names: InnerNames,
  check: (node: FileNode) => Node,
): { readonly branch: Branch; readonly captured: ReadonlySet<string> } {
  const constants = new Map<string, Constant>();
  const own = new Map<string, string>();
  const written = [...graph.inputs, ...graph.initialisers.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  for (const name of written) if (name !== "" && !own.has(name)) own.set(name, names.value(prefix + name));
  const captured = new Set<string>();
  const inner = (name: string): string => {
    const found = name === "" ? "" : own.get(name);
    if (found !== undefined) return found;
    const outer = resolve(name);
    captured.add(outer);
    return outer;
  };
  for (const [name, value] of graph.initialisers) constants.set(inner(name), value);
  const nodes = graph.nodes.flatMap((each): Node[] => {
    const node = withBranches(each, check, names, { prefix, resolve: inner });
    const value = node.op === "Constant" ? constantOf(node) : undefined;
    if (value instanceof Constant) {
      constants.set(inner(node.outputs[0]), value);
      return [];
    }
    const name = `${prefix}${node.name || node.outputs[0] || node.op}`;
    return [{ ...node, name, outputs: node.outputs.map(inner) }];
  });
  const outputs = graph.outputs.map(inner);
  const inputs = graph.inputs.map(inner);
  const sorted = sortedNodes(uniquelyNamed(nodes), [...inputs, ...constants.keys(), ...captured], outputs);
  return { branch: { nodes: sorted, constants, outputs, inputs }, captured };
}
