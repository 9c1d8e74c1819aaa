import type { Constant, Graph, Node } from "../graph/ir";
import { type Limits, withinLimit } from "../limits";
import { removeDeadNodes } from "./remove-dead-nodes";

/**
 * Puts the branch that is taken in the place of every If whose condition is known.
 *
 * @param known  the constants so far
 * @returns the same graph where there is none
 */
export function takeBranches(graph: Graph, known: ReadonlyMap<string, Constant>, limits: Limits): Graph {
  const constants = new Map(graph.constants);
  let taken = 0;
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const condition = known.get(node.inputs[0]);
    if (node.op !== "If" || !node.branches || !condition) return [node];
    const branch = node.branches.get(condition.numbers()[0] ? "then_branch" : "else_branch");
    if (!branch || branch.outputs.length < node.outputs.length) return [node];
    taken += 1;
    for (const [name, value] of branch.constants) constants.set(name, value);
    const passed = node.outputs.flatMap((output, i): Node[] => {
      if (output === "") return [];
      return [
        {
          name: `${node.name}/${output}`,
          op: "Identity",
          inputs: [branch.outputs[i]],
          outputs: [output],
          attributes: new Map(),
        },
      ];
    });
    return [...branch.nodes, ...passed];
  });
  if (taken === 0) return graph;
  withinLimit(limits, "nodes", nodes.length, "The network has too many nodes");
  // What only the other branch read need not run.
  return { ...removeDeadNodes({ ...graph, nodes, constants }, graph.outputs), inputs: graph.inputs };
}
