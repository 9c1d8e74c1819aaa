/** The branches of an If as the graph has them: values by names of their own, what they read from outside among the node's inputs. */
import { type Branch, Constant, type Node } from "../graph/ir";
import { constantOf } from "./constant-node";
import type { FileGraph, FileNode } from "./file-node";
import { sortedNodes, uniquelyNamed } from "./node-order";

/**
 * @param check  a node as it is read outside
 * @param outer  what the values outside are called here
 */
export function withBranches({ graphs, references, ...node }: FileNode, check: (node: FileNode) => Node): Node {
  const checked = check({ ...node, references });
  if (node.op !== "If" || !graphs) return checked;
  const read = new Set(checked.inputs);
  const branches = new Map<string, Branch>();
  for (const [key, graph] of graphs) {
    const { branch, captured } = branchOf(graph, `${node.name || node.outputs[0]}/${key}/`, check);
    branches.set(key, branch);
    for (const name of captured) read.add(name);
  }
  return { ...checked, inputs: [...read], branches };
}

function branchOf(graph: FileGraph, prefix: string, check: (node: FileNode) => Node) {
  const constants = new Map([...graph.initialisers].map(([name, value]) => [prefix + name, value] as const));
  const own = new Set([...graph.initialisers.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs)]);
  const captured = new Set<string>();
  const inner = (name: string): string => {
    if (name === "") return "";
    if (own.has(name)) return prefix + name;
    captured.add(name);
    return name;
  };
  const nodes = graph.nodes.flatMap((written): Node[] => {
    const node = withBranches(written, check);
    const value = node.op === "Constant" ? constantOf(node) : undefined;
    if (value instanceof Constant) {
      constants.set(prefix + node.outputs[0], value);
      return [];
    }
    return [
      {
        ...node,
        name: `${prefix}${node.name || node.outputs[0] || node.op}`,
        inputs: node.inputs.map(inner),
        outputs: node.outputs.map((name) => (name === "" ? "" : prefix + name)),
        ...(node.branches && { refusal: "control flow inside of control flow is not supported" }),
      },
    ];
  });
  const outputs = graph.outputs.map(inner);
  const sorted = sortedNodes(uniquelyNamed(nodes), [...constants.keys(), ...captured], outputs);
  return { branch: { nodes: sorted, constants, outputs }, captured };
}
