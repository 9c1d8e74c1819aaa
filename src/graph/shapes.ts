/**
 * Shape inference: one table from operator to rule, and the geometry functions that the execution layer shares with it.
 * Shapes and axes are those of ONNX (N, C, spatial…).
 */
import { constantOperators } from "./constant-indexing";
import type { Arrange } from "./regions";
import { arrangements } from "./shapes/arrange";
import * as convolution from "./shapes/convolution";
import { dequantize } from "./shapes/dequantize";
import * as matrix from "./shapes/matrix";
import * as numbers from "./shapes/numbers";
import * as pointwise from "./shapes/pointwise";
import { reduction } from "./shapes/reduce";
import { reshaping } from "./shapes/reshape";
import { resize } from "./shapes/resize";
import { type ShapeRule, sameShape } from "./shapes/rule";

export { arrangements, chosenIndices, paddedFrom, paddings, permutation } from "./shapes/arrange";
export { dequantisation } from "./shapes/dequantize";
export { shapeRange } from "./shapes/numbers";
export { reduction } from "./shapes/reduce";
export { reshaping } from "./shapes/reshape";
export { resizeGeometry } from "./shapes/resize";
export type { InputConstants, InputShapes, Shape, ShapeRule } from "./shapes/rule";
export { softmaxAxes } from "./shapes/softmax-axes";
export { transposeGeometry, windowGeometry } from "./shapes/window";

const unary = [
  "Abs",
  "Cast",
  "Ceil",
  "Cos",
  "Elu",
  "Erf",
  "Exp",
  "Floor",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "IsInf",
  "IsNaN",
  "LeakyRelu",
  "Log",
  "Neg",
  "Not",
  "Reciprocal",
  "Relu",
  "Round",
  "Selu",
  "Sigmoid",
  "Sign",
  "Sin",
  "Softplus",
  "Sqrt",
  "Tanh",
];

/** Every operator that makes one number of the elements along some axes. */
export const reductions = [
  "ReduceL1",
  "ReduceL2",
  "ReduceLogSum",
  "ReduceLogSumExp",
  "ReduceMax",
  "ReduceMean",
  "ReduceMin",
  "ReduceProd",
  "ReduceSum",
  "ReduceSumSquare",
];

const binary = "Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Mod Mul Or Pow Sub Xor".split(" ");

const shapeOnly =
  (arrange: Arrange): ShapeRule =>
  (node, inputs, constants) =>
    arrange(node, inputs, constants).shapes;

const reduce = /* @__PURE__ */ shapeOnly(reduction);

/** Operators whose result at a place depends on their operands at that place, where those are repeated at the one that is. */
export const pointwiseRules: ReadonlyMap<string, ShapeRule> = /* @__PURE__ */ (() =>
  new Map<string, ShapeRule>([
    ...unary.map((op): [string, ShapeRule] => [op, sameShape]),
    ...binary.map((op): [string, ShapeRule] => [op, pointwise.broadcastOf(2)]),
    ["BatchNormalization", pointwise.batchNormalization],
    ["Clip", pointwise.clip],
    ["Dropout", pointwise.dropout],
    ["Max", pointwise.broadcast],
    ["Min", pointwise.broadcast],
    ["PRelu", pointwise.prelu],
    ["Sum", pointwise.broadcast],
    ["Where", pointwise.broadcastOf(3)],
  ]))();

/** Every operator this package knows, with its shape rule. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = /* @__PURE__ */ (() =>
  new Map<string, ShapeRule>([
    ...pointwiseRules,
    ...reshaping,
    ...[...arrangements].map(([op, arrange]): [string, ShapeRule] => [op, shapeOnly(arrange)]),
    ...[...constantOperators].map(([op, { shape }]): [string, ShapeRule] => [op, shape]),
    ["AveragePool", convolution.averagePool],
    ["ConstantOfShape", numbers.constantOfShape],
    ["Conv", convolution.conv],
    ["ConvTranspose", convolution.convTranspose],
    ["com.microsoft::DequantizeLinear", dequantize],
    ["DequantizeLinear", dequantize],
    ["Gemm", matrix.gemm],
    ["GlobalAveragePool", convolution.globalPool],
    ["GlobalMaxPool", convolution.globalPool],
    ["InstanceNormalization", pointwise.instanceNormalization],
    ["LRN", pointwise.lrn],
    ["LayerNormalization", pointwise.layerNormalization],
    ["RMSNormalization", pointwise.layerNormalization],
    ["LogSoftmax", pointwise.softmax],
    ["MatMul", matrix.matMul],
    ["MaxPool", convolution.maxPool],
    ["MaxUnpool", convolution.maxUnpool],
    ["Range", numbers.range],
    ...reductions.map((op): [string, ShapeRule] => [op, reduce]),
    ["Resize", resize],
    ["Shape", numbers.shapeOf],
    ["Size", numbers.scalar],
    ["Softmax", pointwise.softmax],
    ["Upsample", resize],
  ]))();
