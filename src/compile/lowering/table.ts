/** Every operator that is written by others, by its name. */
import { type Attribute, stringAttribute } from "../../graph/ir";
import { activated, attention, multiHeadAttention, packedAttention, rotaryEmbedding } from "./attention";
import { einsum } from "./einsum";
import type { Lowered, Lowering } from "./emitter";
import { globalLpPool, lpPool } from "./norm-pools";
import {
  fusedGroupNorm,
  groupNormalization,
  lpNormalization,
  meanVariance,
  simplified,
  skipNormalization,
} from "./normalization";
import {
  computedLookup,
  isCombining,
  isComputedLookup,
  isPadAnywhere,
  isResizedAnywhere,
  padAnywhere,
  resizeAnywhere,
  scatterCombining,
} from "./places";
import {
  cast,
  celu,
  clip,
  extremum,
  hardmax,
  isCastToWhole,
  isWholeQuotient,
  mean,
  softsign,
  wholeQuotient,
} from "./pointwise";
import { gru, lstm, rnn } from "./recurrent";

/** The last two axes change places. */
function turned(from: Lowered, index: number, key: string): string {
  if (!from.number(key, 0)) return from.input(index);
  const axes = from.shape(index).map((_, axis) => axis);
  const [rows, columns] = axes.splice(-2);
  return from.transpose(from.input(index), [...axes, columns, rows]);
}

const scaled = (from: Lowered, x: string, by: number): string =>
  by === 1 ? x : from.emit("Mul", [x, from.scalar(by)]);

const fusedMatMul: Lowering = (from) => {
  if (from.number("transBatchA", 0) || from.number("transBatchB", 0))
    return "transBatchA and transBatchB are not supported";
  const product = from.emit("MatMul", [turned(from, 0, "transA"), turned(from, 1, "transB")]);
  return from.result(scaled(from, product, from.number("alpha", 1)));
};

/** Where it is no layer with a matrix of weights behind the value and a bias for each output. */
const gemm: Lowering = (from) => {
  const product = from.emit("MatMul", [turned(from, 0, "transA"), turned(from, 1, "transB")]);
  const sum = scaled(from, product, from.number("alpha", 1));
  if (!from.has(2)) return from.result(sum);
  return from.result(from.emit("Add", [sum, scaled(from, from.input(2), from.number("beta", 1))]));
};

const isLayer = ({ node, shapes: [a, b, c], known }: Lowered): boolean => {
  const outputs = a && b ? b[node.attributes.get("transB") ? 0 : 1] : 0;
  const hasRow =
    c === undefined ||
    c.length === 0 ||
    c.reduce((n, extent) => n * extent, 1) === 1 ||
    (c[c.length - 1] === outputs && c.slice(0, -1).every((extent) => extent === 1));
  const isBehind = known[0] === undefined && known[1] !== undefined && (c === undefined || known[2] !== undefined);
  return isBehind && hasRow && !node.attributes.get("transA");
};

const withActivation =
  (op: string, inputs: number, sum?: number): Lowering =>
  (from) => {
    const own = ["activation", "activation_params"];
    const attributes = Object.fromEntries([...from.node.attributes].filter(([key]) => !own.includes(key)));
    const y = from.emit(op, from.node.inputs.slice(0, inputs), attributes);
    const all = sum !== undefined && from.has(sum) ? from.emit("Add", [y, from.input(sum)]) : y;
    const result = activated(from, all);
    if (result === undefined) return `its activation "${stringAttribute(from.node, "activation")}" is not supported`;
    return from.result(result);
  };

const gelu =
  (attributes: Readonly<Record<string, Attribute>>): Lowering =>
  (from) => {
    const x = from.has(1) ? from.emit("Add", [from.input(0), from.input(1)]) : from.input(0);
    return from.result(from.emit("Gelu", [x], attributes));
  };

const quickGelu: Lowering = (from) => {
  const gate = from.emit("Sigmoid", [scaled(from, from.input(0), from.number("alpha", 1.702))]);
  return from.result(from.emit("Mul", [from.input(0), gate]));
};

const table: ReadonlyMap<string, Lowering> = /* @__PURE__ */ (() => {
  const microsoft = (op: string): string => `com.microsoft::${op}`;
  return new Map<string, Lowering>([
    ["Attention", attention],
    ["Cast", cast],
    ["Celu", celu],
    ["Clip", clip],
    ["Div", wholeQuotient],
    ["Einsum", einsum],
    ["Gather", computedLookup],
    ["GatherElements", computedLookup],
    ["GatherND", computedLookup],
    ["Gemm", gemm],
    ["GlobalLpPool", globalLpPool],
    ["GRU", gru],
    ["GroupNormalization", groupNormalization],
    ["LSTM", lstm],
    ["Hardmax", hardmax],
    ["LpNormalization", lpNormalization],
    ["LpPool", lpPool],
    ["Max", extremum],
    ["Mean", mean],
    ["MeanVarianceNormalization", meanVariance],
    ["Min", extremum],
    ["Pad", padAnywhere],
    ["Resize", resizeAnywhere],
    ["RNN", rnn],
    ["RotaryEmbedding", rotaryEmbedding],
    ["ScatterElements", scatterCombining],
    ["ScatterND", scatterCombining],
    ["SimplifiedLayerNormalization", simplified],
    ["Softsign", softsign],
    [microsoft("Attention"), packedAttention],
    [microsoft("BiasGelu"), gelu({})],
    [microsoft("FastGelu"), gelu({ approximate: "tanh" })],
    [microsoft("FusedConv"), withActivation("Conv", 3, 3)],
    [microsoft("FusedGemm"), withActivation("Gemm", 3)],
    [microsoft("FusedMatMul"), fusedMatMul],
    [microsoft("Gelu"), gelu({})],
    [microsoft("GroupNorm"), fusedGroupNorm],
    [microsoft("MultiHeadAttention"), multiHeadAttention],
    [microsoft("QuickGelu"), quickGelu],
    [microsoft("RotaryEmbedding"), rotaryEmbedding],
    [microsoft("SimplifiedLayerNormalization"), simplified],
    [microsoft("SkipLayerNormalization"), skipNormalization("LayerNormalization")],
    [microsoft("SkipSimplifiedLayerNormalization"), skipNormalization("RMSNormalization")],
  ]);
})();

/** Where all inputs are known, the operator is computed as it is. */
const unlessKnown =
  (applies: (from: Lowered) => boolean) =>
  (from: Lowered): boolean =>
    !from.node.inputs.every((input, i) => input === "" || from.known[i] !== undefined) && applies(from);

/** Of operators that run as they are: where they are written by others all the same, as what is not computed of constants is. */
const partly: ReadonlyMap<string, (from: Lowered) => boolean> = /* @__PURE__ */ new Map<
  string,
  (from: Lowered) => boolean
>([
  ["Cast", unlessKnown(isCastToWhole)],
  ["Clip", ({ node, known }) => node.inputs.some((input, i) => i > 0 && input !== "" && !known[i])],
  ["Div", unlessKnown(isWholeQuotient)],
  ["Gather", isComputedLookup],
  ["GatherElements", isComputedLookup],
  ["GatherND", isComputedLookup],
  ["Gemm", (from) => !isLayer(from)],
  ["Max", unlessKnown(({ node }) => node.inputs.length > 2)],
  ["Min", unlessKnown(({ node }) => node.inputs.length > 2)],
  ["Pad", isPadAnywhere],
  ["Resize", isResizedAnywhere],
  ["ScatterElements", unlessKnown(isCombining)],
  ["ScatterND", unlessKnown(isCombining)],
]);

/** True for operators that are written by others, be it somewhere or everywhere. */
export const mayBeWritten = (op: string): boolean => table.has(op);

/** The names of those that are known by what they are written by alone. */
export const writtenNames: readonly string[] = /* @__PURE__ */ [...table.keys()].filter((op) => !partly.has(op));

/** True for operators that are known by what they are written by alone. */
export const isLowered = (op: string): boolean => table.has(op) && !partly.has(op);

/** How a node is written by others; undefined where it runs, or is computed, as it is. */
export function loweringOf(from: Lowered): Lowering | undefined {
  const applies = partly.get(from.node.op);
  return !applies || applies(from) ? table.get(from.node.op) : undefined;
}
