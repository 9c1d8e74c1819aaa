/**
 * Shape inference: one table from operator to rule, and the geometry functions that the execution layer shares with it.
 * Shapes and axes are those of ONNX (N, C, spatial…).
 */
import * as arrange from "./shapes/arrange";
import * as convolution from "./shapes/convolution";
import * as matrix from "./shapes/matrix";
import * as pointwise from "./shapes/pointwise";
import { reduce } from "./shapes/reduce";
import * as resize from "./shapes/resize";
import { type ShapeRule, sameShape } from "./shapes/rule";

export {
  paddings,
  permutation,
  shapeRange,
  sliceGeometry,
  splitGeometry,
} from "./shapes/arrange";
export { reduceGeometry } from "./shapes/reduce";
export { resizeGeometry } from "./shapes/resize";
export type { InputConstants, InputShapes, Shape, ShapeRule } from "./shapes/rule";
export { transposeGeometry, windowGeometry } from "./shapes/window";

const elementwise = [
  "Abs",
  "Cast",
  "Ceil",
  "Elu",
  "Erf",
  "Exp",
  "Floor",
  "Gelu",
  "HardSigmoid",
  "HardSwish",
  "Identity",
  "LeakyRelu",
  "Log",
  "Neg",
  "Not",
  "Reciprocal",
  "Relu",
  "Selu",
  "Sigmoid",
  "Softplus",
  "Sqrt",
  "Tanh",
];

const pairwise = ["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub"];

/** Every operator this package knows, with its shape rule. */
export const shapeRules: ReadonlyMap<string, ShapeRule> = /* @__PURE__ */ (() =>
  new Map<string, ShapeRule>([
    ...elementwise.map((op): [string, ShapeRule] => [op, sameShape]),
    ...pairwise.map((op): [string, ShapeRule] => [op, pointwise.broadcastOf(2)]),
    ["AveragePool", convolution.averagePool],
    ["BatchNormalization", pointwise.batchNormalization],
    ["Clip", arrange.clip],
    ["Concat", arrange.concat],
    ["ConstantOfShape", arrange.constantOfShape],
    ["Conv", convolution.conv],
    ["ConvTranspose", convolution.convTranspose],
    ["DepthToSpace", resize.depthToSpace],
    ["Dropout", pointwise.dropout],
    ["Expand", arrange.expand],
    ["Flatten", arrange.flatten],
    ["Gather", arrange.gather],
    ["Gemm", matrix.gemm],
    ["GlobalAveragePool", convolution.globalPool],
    ["GlobalMaxPool", convolution.globalPool],
    ["InstanceNormalization", pointwise.instanceNormalization],
    ["LRN", pointwise.lrn],
    ["LogSoftmax", pointwise.softmax],
    ["MatMul", matrix.matMul],
    ["Max", pointwise.broadcast],
    ["MaxPool", convolution.maxPool],
    ["MaxUnpool", convolution.maxUnpool],
    ["Min", pointwise.broadcast],
    ["PRelu", pointwise.prelu],
    ["Pad", arrange.pad],
    ["Range", arrange.range],
    ["ReduceMax", reduce],
    ["ReduceMean", reduce],
    ["ReduceProd", reduce],
    ["ReduceSum", reduce],
    ["Reshape", arrange.reshape],
    ["Resize", resize.resize],
    ["Shape", arrange.shapeOf],
    ["Size", arrange.scalar],
    ["Slice", arrange.slice],
    ["Softmax", pointwise.softmax],
    ["SpaceToDepth", resize.spaceToDepth],
    ["Split", arrange.split],
    ["Squeeze", arrange.squeeze],
    ["Sum", pointwise.broadcast],
    ["Tile", arrange.tile],
    ["Transpose", arrange.transpose],
    ["Unsqueeze", arrange.unsqueeze],
    ["Upsample", resize.resize],
    ["Where", pointwise.broadcastOf(3)],
  ]))();
