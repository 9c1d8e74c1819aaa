/** Every operator that is known by what it is written by alone. Loaded for a network that has one. */
import { type Attribute, stringAttribute } from "../../graph/ir";
import { activated, attention, multiHeadAttention, packedAttention, rotaryEmbedding } from "./attention";
import { einsum } from "./einsum";
import type { Compounds, Lowering } from "./emitter";
import { globalLpPool, lpPool } from "./norm-pools";
import {
  fusedGroupNorm,
  groupNormalization,
  lpNormalization,
  meanVariance,
  simplified,
  skipNormalization,
} from "./normalization";
import { celu, hardmax, mean, softsign } from "./pointwise";
import { scaled, turned } from "./products";
import { gru, lstm, rnn } from "./recurrent";

const fusedMatMul: Lowering = (from) => {
  if (from.number("transBatchA", 0) || from.number("transBatchB", 0))
    return "transBatchA and transBatchB are not supported";
  const product = from.emit("MatMul", [turned(from, 0, "transA"), turned(from, 1, "transB")]);
  return from.result(scaled(from, product, from.number("alpha", 1)));
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

export const compounds: Compounds = /* @__PURE__ */ (() => {
  const microsoft = (op: string): string => `com.microsoft::${op}`;
  return new Map<string, Lowering>([
    ["Attention", attention],
    ["Celu", celu],
    ["Einsum", einsum],
    ["GlobalLpPool", globalLpPool],
    ["GRU", gru],
    ["GroupNormalization", groupNormalization],
    ["LSTM", lstm],
    ["Hardmax", hardmax],
    ["LpNormalization", lpNormalization],
    ["LpPool", lpPool],
    ["Mean", mean],
    ["MeanVarianceNormalization", meanVariance],
    ["RNN", rnn],
    ["RotaryEmbedding", rotaryEmbedding],
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
