import { UnsupportedOperatorError, type UnsupportedUse } from "../../errors";
import { valueKinds } from "../element-kind";
import type { ConstantKind, Graph, Node } from "../ir";
import { shapeRules } from "../shapes";

const reasons: readonly { readonly ops: RegExp; readonly reason: string }[] = [
  {
    ops: /^(ArgMax|ArgMin|TopK(V2)?|NonZero|(Combined)?NonMaxSuppression(V\d)?|Unique)$/,
    reason: "its result is integers that depend on the image",
  },
  {
    ops: /^(If|Loop|Scan|SequenceMap|Stateless(If|While)|While|Switch|Merge|Enter|Exit|(Stateful)?PartitionedCall)$/,
    reason: "control flow is not supported",
  },
  {
    ops: /^(RNN|(Conv)?LSTM(1D|2D|3D)?|GRU|SimpleRNN|Bidirectional|(MultiHead|GroupQuery)?Attention|RotaryEmbedding|com\.microsoft::.*Attention)$/,
    reason: "recurrent and attention layers are not supported",
  },
  { ops: /(Quantize|QLinear|Integer$|^QGemm)/, reason: "quantised arithmetic is not supported; use the float network" },
  { ops: /^Constant$/, reason: "only numeric constants are supported" },
];

/**
 * Refuses a graph with operators that cannot run: unknown ones, and those that compute integers or booleans from the image
 * (integers exist only as constants, for shape arithmetic).
 *
 * @returns the kind of every value
 * @throws {UnsupportedOperatorError} listing every use at once
 */
export function rejectUnsupported(graph: Graph): ReadonlyMap<string, ConstantKind> {
  const kinds = valueKinds(graph);
  const fixed = new Set(graph.constants.keys());
  const positions = new Set<string>();
  const wanted = new Set([...graph.outputs, ...graph.nodes.flatMap(({ inputs }) => inputs)]);
  const uses: UnsupportedUse[] = [];

  for (const node of graph.nodes) {
    const refuse = (reason: string) => uses.push({ op: node.op, node: node.name, reason });
    if (node.refusal !== undefined || !shapeRules.has(node.op)) {
      refuse(node.refusal || (reasons.find(({ ops }) => ops.test(node.op))?.reason ?? "the operator is not known"));
      continue;
    }
    const present = node.inputs.filter((input) => input !== "");
    const changing = present.filter((input) => !fixed.has(input));
    if (node.op !== "MaxUnpool" && changing.some((input) => positions.has(input))) {
      refuse("the positions of a MaxPool are supported only in MaxUnpool");
    }
    const isFixed = node.op === "Shape" || node.op === "Size" || (present.length > 0 && changing.length === 0);
    node.outputs.forEach((output, i) => {
      if (output === "" || !wanted.has(output)) return;
      const kind = kinds.get(output) ?? "float";
      if (isFixed) fixed.add(output);
      else if (node.op === "MaxPool" && i === 1) positions.add(output);
      // Only where integers begin: what follows from them is not another reason.
      else if (kind !== "float" && changing.every((input) => (kinds.get(input) ?? "float") === "float")) {
        refuse(`it computes ${kind === "int" ? "integers" : "booleans"} from the image`);
      }
    });
  }
  if (uses.length > 0) throw unsupported(uses);
  return kinds;
}

/** One message for all uses: every operator once, with its count, its first node and the reason. */
export function unsupported(uses: readonly UnsupportedUse[]): UnsupportedOperatorError {
  const byOperator = new Map<string, UnsupportedUse[]>();
  for (const use of uses) byOperator.set(use.op, [...(byOperator.get(use.op) ?? []), use]);
  const list = [...byOperator].map(([op, all]) => {
    const where = all.length === 1 ? `at "${all[0].node}"` : `${all.length} times, first at "${all[0].node}"`;
    return `${op} (${where}: ${all[0].reason})`;
  });
  const count = list.length === 1 ? "an operator that is" : `${list.length} operators that are`;
  return new UnsupportedOperatorError(
    `The network uses ${count} not supported: ${list.join(", ")}. ` +
      "If they only post-process the result, name the layer before them as the option output, cut them off " +
      "(onnx.utils.extract_model) or export the network without them.",
    uses,
  );
}

/** An integer node that could not be evaluated although its inputs are known. */
export const notEvaluated = (node: Node): UnsupportedUse => ({
  op: node.op,
  node: node.name,
  reason: "it is not supported on integers and booleans",
});
