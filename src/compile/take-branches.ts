import type { Constant, Node } from "../graph/ir";

/** What stands in the place of a node of control flow. */
export interface InPlace {
  readonly nodes: readonly Node[];
  readonly constants: Iterable<readonly [string, Constant]>;
}

/** True for a Loop or a Scan whose body could be read. */
export const isLoop = ({ op, branches }: Node): boolean =>
  (op === "Loop" || op === "Scan") && branches?.get("body")?.inputs !== undefined;

/**
 * The branch of an If that is taken where its condition is known.
 *
 * @returns undefined where it is not, or where the If has no such branch
 */
export function takenBranch(node: Node, known: ReadonlyMap<string, Constant>): InPlace | undefined {
  const condition = node.op === "If" ? known.get(node.inputs[0]) : undefined;
  const branch = condition && node.branches?.get(condition.numbers()[0] ? "then_branch" : "else_branch");
  if (!branch || branch.outputs.length < node.outputs.length) return undefined;
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
  return { nodes: [...branch.nodes, ...passed], constants: branch.constants };
}
