/** The branches of an If, or the body of a loop, as the graph has them: values by names of their own, what they read from outside among the node's inputs. */
import { type Branch, Constant, type Node } from "../graph/ir";
import { constantOf } from "./constant-node";
import type { FileGraph, FileNode } from "./file-node";
import { sortedNodes, uniquelyNamed } from "./node-order";

/** Where a node stands. */
interface Scope {
  /** In front of the names of what it defines. */
  readonly prefix: string;
  /** What a value is called that it reads. */
  readonly resolve: (name: string) => string;
}

const withGraphs: ReadonlySet<string> = /* @__PURE__ */ new Set(["If", "Loop", "Scan"]);

const outermost: Scope = { prefix: "", resolve: (name) => name };

/** @param check  a node as it is read outside */
export function withBranches(
  { graphs, references, ...node }: FileNode,
  check: (node: FileNode) => Node,
  { prefix, resolve }: Scope = outermost,
): Node {
  const checked = check({ ...node, references });
  const inputs = checked.inputs.map(resolve);
  if (!withGraphs.has(node.op) || !graphs) return { ...checked, inputs };
  const read = new Set<string>();
  const branches = new Map<string, Branch>();
  for (const [key, graph] of graphs) {
    const own = { prefix: `${prefix}${node.name || node.outputs[0]}/${key}/`, resolve };
    const { branch, captured } = branchOf(graph, own, check);
    branches.set(key, branch);
    for (const name of captured) read.add(name);
  }
  // The places of the node's own inputs say what they are.
  return { ...checked, inputs: [...inputs, ...[...read].filter((name) => !inputs.includes(name))], branches };
}

function branchOf(graph: FileGraph, { prefix, resolve }: Scope, check: (node: FileNode) => Node) {
  const constants = new Map([...graph.initialisers].map(([name, value]) => [prefix + name, value] as const));
  const own = new Set([
    ...graph.inputs,
    ...graph.initialisers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const captured = new Set<string>();
  const inner = (name: string): string => {
    if (name === "") return "";
    if (own.has(name)) return prefix + name;
    const outer = resolve(name);
    captured.add(outer);
    return outer;
  };
  const nodes = graph.nodes.flatMap((written): Node[] => {
    const node = withBranches(written, check, { prefix, resolve: inner });
    const value = node.op === "Constant" ? constantOf(node) : undefined;
    if (value instanceof Constant) {
      constants.set(prefix + node.outputs[0], value);
      return [];
    }
    const name = `${prefix}${node.name || node.outputs[0] || node.op}`;
    return [{ ...node, name, outputs: node.outputs.map((output) => (output === "" ? "" : prefix + output)) }];
  });
  const outputs = graph.outputs.map(inner);
  const inputs = graph.inputs.map(inner);
  const sorted = sortedNodes(uniquelyNamed(nodes), [...inputs, ...constants.keys(), ...captured], outputs);
  return { branch: { nodes: sorted, constants, outputs, inputs }, captured };
}
