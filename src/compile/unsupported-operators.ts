import { UnsupportedOperatorError, type UnsupportedUse } from "../errors";
import type { ConstantKind, Graph, Node } from "../graph/ir";
import { valueKinds } from "../operators/element-kind";
import type { Nature, Operator } from "../operators/operator";
import { quantisedOperators } from "../operators/quantised-names";
import { operators } from "../operators/table";
import type { Compounds } from "./lowering/emitter";
import { isLoop } from "./take-branches";
import type { UnrolledLoops } from "./unroll-loops";

const quantised = "quantised arithmetic is not supported";

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
    ops: /[Qq]uant|QLinear|Integer|(^|::)Q(Gemm|Attention|Ordered|MoE|EmbedLayer)|NBits|Bnb4/,
    reason: quantised,
  },
  {
    ops: /^((Conv)?LSTM(1D|2D|3D)?|GRU|SimpleRNN|Bidirectional|(MultiHead|GroupQuery)?Attention|RotaryEmbedding|com\.microsoft::.*Attention)$/,
    reason: "recurrent and attention layers are not supported",
  },
  { ops: /^Constant$/, reason: "only numeric constants are supported" },
];

/** What is known of a graph before its shapes are. */
export interface Survey {
  /** The kind of every value. */
  readonly kinds: ReadonlyMap<string, ConstantKind>;
  /** Values that do not depend on the image, though they may depend on its size. */
  readonly fixed: ReadonlySet<string>;
  /** Every use of an operator that cannot run. */
  readonly uses: readonly UnsupportedUse[];
}

/** What does with booleans, which are 1 and 0, what it does with numbers. */
const ofBooleans: ReadonlySet<Nature> = /* @__PURE__ */ new Set<Nature>(["step", "moves", "identity", "selection"]);
/** What makes whole numbers of whole numbers, as ONNX says it of integers. */
const ofIntegers: ReadonlySet<Nature> = /* @__PURE__ */ new Set<Nature>([
  ...["step", "moves", "identity", "selection", "sum", "difference", "product"],
  ...["extremum", "maximum", "clamp", "total"],
] as Nature[]);

/** Why an operator cannot take booleans or integers that are computed from the image; undefined where it can. */
function kindRefusal(operator: Operator | undefined, kinds: readonly ConstantKind[]): string | undefined {
  const takes = (kind: ConstantKind): boolean =>
    kind === "float" ||
    (operator !== undefined && (kind === "bool" ? ofBooleans : ofIntegers).has(operator.nature)) ||
    (kind === "int" && operator?.wholes === true);
  const refused = kinds.find((kind) => !takes(kind));
  return (
    refused && `it computes with ${refused === "int" ? "integers" : "booleans"} from the image; cast them to floats`
  );
}

/** True for a node that its file, or its operator set, says cannot run, whatever it reads. */
export const isRefused = ({ op, refusal }: Node, { opset }: Graph): boolean =>
  refusal !== undefined || (op === "Scan" && opset < 9);

/** What else than the operators of the table runs. */
interface AlsoRuns {
  /** Whether quantised operators are written by others. */
  readonly isQuantised?: boolean;
  readonly compounds?: Compounds | undefined;
  readonly loops?: UnrolledLoops | undefined;
}

/**
 * Looks for operators that cannot run: unknown ones, and those that do something else with integers or booleans from the image than
 * with the floats as which they are kept.
 */
export function survey(graph: Graph, { isQuantised = false, compounds, loops }: AlsoRuns = {}): Survey {
  const kinds = valueKinds(graph);
  const fixed = new Set(graph.constants.keys());
  const positions = new Set<string>();
  // Which of their positions are read; few files have any.
  const pools = graph.nodes.some(({ op, outputs }) => op === "MaxPool" && outputs.length > 1);
  const wanted = new Set(pools ? [...graph.outputs, ...graph.nodes.flatMap(({ inputs }) => inputs)] : []);
  const uses: UnsupportedUse[] = [];

  for (const node of graph.nodes) {
    const refuse = (reason: string) => uses.push({ op: node.op, node: node.name, reason });
    const changing = node.inputs.filter((input) => input !== "" && !fixed.has(input));
    const operator = operators.get(node.op);
    const isFixed = operator?.measures || changing.length === 0;
    if (isFixed) for (const output of node.outputs) fixed.add(output);
    if (node.op === "If" && node.branches && node.refusal === undefined) {
      // Which branch is taken turns out where its condition does.
      if (!fixed.has(node.inputs[0])) refuse("its condition depends on the image");
      continue;
    }
    if (isQuantised && node.refusal === undefined && quantisedOperators.has(node.op)) continue;
    if (loops && isLoop(node) && !isRefused(node, graph)) {
      if (node.op === "Loop" && ![0, 1].every((i) => node.inputs[i] === "" || fixed.has(node.inputs[i])))
        refuse("how often it runs depends on the image");
      continue;
    }
    if (node.refusal !== undefined || !(operator || compounds?.has(node.op)) || (operator?.constantsOnly && !isFixed)) {
      refuse(
        node.refusal ||
          (reasons.find(({ ops }) => ops.test(node.op))?.reason ??
            (operator ? "it runs on constants alone" : "the operator is not known")),
      );
      continue;
    }
    if (node.op !== "MaxUnpool" && changing.some((input) => positions.has(input))) {
      refuse("the positions of a MaxPool are supported only in MaxUnpool");
    }
    if (isFixed) continue;
    if (node.op === "MaxPool" && wanted.has(node.outputs[1])) positions.add(node.outputs[1]);
    const refusal =
      node.op === "MaxUnpool"
        ? undefined
        : kindRefusal(
            operator,
            changing.map((input) => kinds.get(input) ?? "float"),
          );
    if (refusal !== undefined && !changing.some((input) => positions.has(input))) refuse(refusal);
  }
  return { kinds, fixed, uses };
}

/** One message for all uses: every operator once for each reason, with its count, its first node, and the way out. */
export function unsupported(uses: readonly UnsupportedUse[], graph: Graph): UnsupportedOperatorError {
  const order = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const sorted = [...uses].sort((a, b) => (order.get(a.node) ?? 0) - (order.get(b.node) ?? 0));
  const groups = new Map<string, UnsupportedUse[]>();
  for (const use of sorted) {
    const key = `${use.op} ${use.reason}`;
    const others = groups.get(key);
    if (others) others.push(use);
    else groups.set(key, [use]);
  }
  const list = [...groups.values()].map((all) => {
    const where = all.length === 1 ? `at "${all[0].node}"` : `${all.length} times, first at "${all[0].node}"`;
    return `${all[0].op} (${where}: ${all[0].reason})`;
  });
  const { size } = names(uses);
  const count = size === 1 ? "an operator that is" : `${size} operators that are`;
  return new UnsupportedOperatorError(
    `The network uses ${count} not supported: ${list.join(", ")}. ${adviceFor(sorted, graph)}`,
    sorted,
  );
}

const names = (uses: readonly UnsupportedUse[]): ReadonlySet<string> => new Set(uses.map(({ op }) => op));

/** Quantised networks have a float one that they were made from; only an end without weights can be cut off. */
function adviceFor(uses: readonly UnsupportedUse[], graph: Graph): string {
  const others = uses.filter(({ reason }) => reason !== quantised);
  const float = "Use the float network that the quantised one was made from.";
  if (others.length === 0) return float;
  const isBehind = behindTheWeights(graph);
  const behind = others.filter(({ node }) => isBehind(node));
  const parts = others.length < uses.length ? [float] : [];
  if (behind.length > 0) {
    const who = behind.length === others.length ? "This comes" : `The end (${listed(behind)}) comes`;
    parts.push(
      `${who} behind the last layer with weights and is only post-processing: name the value before ` +
        `as the option output${valueBefore(behind[0].node, graph)}, or cut the end off (onnx.utils.extract_model).`,
    );
  }
  if (behind.length < others.length) {
    parts.push(
      `${behind.length > 0 ? "The others are" : names(others).size === 1 ? "It is" : "They are"} part of the network itself: ` +
        "export it with other operators, or explain an earlier layer by the option output.",
    );
  }
  return parts.join(" ");
}

const listed = (uses: readonly UnsupportedUse[]): string => {
  const all = [...names(uses)];
  return all.length === 1 ? all[0] : `${all.slice(0, -1).join(", ")} and ${all[all.length - 1]}`;
};

function valueBefore(name: string, graph: Graph): string {
  const node = graph.nodes.find((each) => each.name === name);
  const input = node?.inputs.find((each) => each !== "" && !graph.constants.has(each));
  return input === undefined ? "" : ` ("${input}")`;
}

const weighted = /Conv|Gemm|MatMul|Dense|LSTM|GRU|RNN|Bidirectional|Normali[sz]ation|PRelu|Einsum|Attention/;

/** Whether a node stands behind every layer with weights: behind one, and in front of none. */
function behindTheWeights(graph: Graph): (node: string) => boolean {
  const { fixed } = survey(graph);
  // A layer that could not be read has its weights nowhere in the graph.
  const hasWeights = ({ op, inputs, refusal }: Node): boolean =>
    weighted.test(op) && (refusal !== undefined || inputs.some((input) => fixed.has(input)));
  const fromWeights = new Set<string>();
  for (const node of graph.nodes) {
    if (!hasWeights(node) && !node.inputs.some((input) => fromWeights.has(input))) continue;
    for (const output of node.outputs) if (output !== "") fromWeights.add(output);
  }
  const toWeights = new Set<string>();
  const behind = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    const inputs = node.inputs.filter((input) => input !== "");
    if (hasWeights(node) || node.outputs.some((output) => toWeights.has(output))) {
      for (const input of inputs) toWeights.add(input);
    } else if (inputs.some((input) => fromWeights.has(input))) behind.add(node.name);
  }
  return (node) => behind.has(node);
}

/** An integer node that could not be evaluated although its inputs are known. */
export const notEvaluated = (node: Node): UnsupportedUse => ({
  op: node.op,
  node: node.name,
  reason: "it is not supported on integers and booleans",
});
