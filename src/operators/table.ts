/**
 * Every operator: the only list of names.
 *
 * How to add an operator:
 *
 *  1. Write its record (`operator.ts` says what belongs into it) in the file of its family.
 *  2. Give it a line here.
 *  3. If it needs a kernel: write it in `assembly/`, export it there, declare it in `wasm/kernels.ts`.
 */
import * as activation from "./activation";
import * as arithmetic from "./arithmetic";
import * as comparison from "./comparison";
import * as constants from "./constants";
import * as convolution from "./convolution";
import { dequantizeLinear } from "./dequantize";
import * as functions from "./functions";
import * as gathering from "./gathering";
import { gridSample } from "./grid-sample";
import { gridSum } from "./grid-sum";
import * as identity from "./identity";
import * as indexing from "./indexing";
import * as joining from "./joining";
import * as layerNorm from "./layer-norm";
import * as matrix from "./matrix";
import * as moving from "./moving";
import * as normalization from "./normalization";
import type { Nature, Operator } from "./operator";
import { pad } from "./pad";
import * as picking from "./picking";
import * as pooling from "./pooling";
import { quantizeLinear } from "./quantize";
import * as reduction from "./reduction";
import * as reshaping from "./reshaping";
import * as resizing from "./resizing";
import { roundToGrid } from "./round-to-grid";
import { cumSum } from "./running-sum";
import * as scattering from "./scattering";
import * as steps from "./steps";
import { where } from "./where";

const records = (): Readonly<Record<string, Operator>> => ({
  Abs: functions.abs,
  Add: arithmetic.add,
  And: comparison.and,
  AveragePool: pooling.averagePool,
  BatchNormalization: normalization.batchNormalization,
  Cast: identity.cast,
  Ceil: steps.ceil,
  Clip: activation.clip,
  Concat: joining.concat,
  ConstantOfShape: constants.constantOfShape,
  Conv: convolution.conv,
  ConvTranspose: convolution.convTranspose,
  Cos: functions.cos,
  CumSum: cumSum,
  DepthToSpace: moving.depthToSpace,
  DequantizeLinear: dequantizeLinear,
  Detached: steps.detached,
  Div: arithmetic.div,
  Dropout: identity.dropout,
  Elu: activation.elu,
  Equal: comparison.equal,
  Erf: functions.erf,
  Exp: functions.exp,
  Expand: moving.expand,
  EyeLike: indexing.eyeLike,
  Flatten: reshaping.flatten,
  Floor: steps.floor,
  Gather: gathering.gather,
  GatherElements: gathering.gatherElements,
  GatherND: gathering.gatherNd,
  Gelu: activation.gelu,
  Gemm: matrix.gemm,
  GlobalAveragePool: pooling.globalAveragePool,
  GlobalMaxPool: pooling.globalMaxPool,
  Greater: comparison.greater,
  GreaterOrEqual: comparison.greaterOrEqual,
  GridSample: gridSample,
  GridSum: gridSum,
  HardSigmoid: activation.hardSigmoid,
  HardSwish: activation.hardSwish,
  Identity: identity.identity,
  InputPart: joining.inputPart,
  InstanceNormalization: normalization.instanceNormalization,
  IsInf: steps.isInf,
  IsNaN: steps.isNan,
  LRN: normalization.lrn,
  LayerNormalization: layerNorm.layerNormalization,
  LeakyRelu: activation.leakyRelu,
  Less: comparison.less,
  LessOrEqual: comparison.lessOrEqual,
  Log: functions.log,
  LogSoftmax: normalization.logSoftmax,
  Lookup: picking.lookup,
  MatMul: matrix.matMul,
  Max: arithmetic.max,
  MaxPool: pooling.maxPool,
  MaxUnpool: pooling.maxUnpool,
  Min: arithmetic.min,
  Mish: activation.mish,
  Mod: arithmetic.mod,
  Mul: arithmetic.mul,
  Neg: functions.neg,
  NonZero: indexing.nonZero,
  Not: steps.not,
  OneHot: indexing.oneHot,
  Or: comparison.or,
  PRelu: activation.prelu,
  Pad: pad,
  Pow: arithmetic.pow,
  QuantizeLinear: quantizeLinear,
  RMSNormalization: layerNorm.rmsNormalization,
  Range: constants.range,
  Reciprocal: functions.reciprocal,
  ReduceL1: reduction.reduceL1,
  ReduceL2: reduction.reduceL2,
  ReduceLogSum: reduction.reduceLogSum,
  ReduceLogSumExp: reduction.reduceLogSumExp,
  ReduceMax: reduction.reduceMax,
  ReduceMean: reduction.reduceMean,
  ReduceMin: reduction.reduceMin,
  ReduceProd: reduction.reduceProd,
  ReduceSum: reduction.reduceSum,
  ReduceSumSquare: reduction.reduceSumSquare,
  Relu: activation.relu,
  Reshape: reshaping.reshape,
  Resize: resizing.resize,
  Round: steps.round,
  RoundToGrid: roundToGrid,
  ScatterElements: scattering.scatterElements,
  ScatterND: scattering.scatterNd,
  Selu: activation.selu,
  Shape: constants.shape,
  Shrink: activation.shrink,
  Sigmoid: activation.sigmoid,
  Sign: steps.sign,
  Sin: functions.sin,
  Size: constants.size,
  Slice: joining.slice,
  Softmax: normalization.softmax,
  Softplus: activation.softplus,
  SpaceToDepth: moving.spaceToDepth,
  Split: joining.split,
  Sqrt: functions.sqrt,
  Squeeze: reshaping.squeeze,
  Sub: arithmetic.sub,
  Sum: arithmetic.sum,
  Swish: activation.swish,
  Tanh: activation.tanh,
  ThresholdedRelu: activation.thresholdedRelu,
  Tile: moving.tile,
  TopK: picking.topK,
  Transpose: moving.transpose,
  Trilu: moving.trilu,
  Truncate: steps.truncate,
  Unsqueeze: reshaping.unsqueeze,
  Upsample: resizing.upsample,
  Where: where,
  Xor: comparison.xor,
  "com.microsoft::DequantizeLinear": dequantizeLinear,
  "com.microsoft::QuantizeLinear": quantizeLinear,
});

/** By ONNX name; operators of other domains carry theirs in front. */
export const operators: ReadonlyMap<string, Operator> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ Object.entries(/* @__PURE__ */ records()),
);

/** What kind of function an operator is; undefined for one that is not known. */
export const natureOf = (op: string | undefined): Nature | undefined => operators.get(op ?? "")?.nature;

/** True for an operator that only writes the same elements under another shape. */
export const isReshaping = (op: string | undefined): boolean => operators.get(op ?? "")?.reach === "row-major";
