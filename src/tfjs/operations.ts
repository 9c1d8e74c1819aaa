/** The operators of TensorFlow's GraphDef that convolutional networks use, each as operators of the graph. */
import { Constant } from "../graph/ir";
import { axisIndex, graphAxis, image, inPlainOrder, reshaped, shapeOf, transposed } from "./axes";
import { type GraphBuilder, numbersOf, refuse, type Value } from "./graph-builder";
import { softmax } from "./operators/activation";
import { concat, gather, pad, type ResizeAttributes, resize, slice, split } from "./operators/arrange";
import {
  type ConvOptions,
  type ConvPadding,
  convolution,
  dense,
  depthwise,
  transposedConvolution,
} from "./operators/convolution";
import { batchToSpace, dilatedConvolution, spaceToBatch, stillSpread } from "./operators/dilation";
import { namesakes } from "./operators/namesakes";
import { batchNorm, binary, clip, elementwiseOf, prelu, unary } from "./operators/pointwise";
import { pool, type Reduction, reduction } from "./operators/pooling";
import { stridedSlice } from "./operators/strided-slice";

/** The attributes of an operator by TensorFlow's names. */
export interface Attributes {
  string(key: string, fallback: string): string;
  strings(key: string): string[];
  number(key: string, fallback: number): number;
  numbers(key: string): number[];
  boolean(key: string, fallback?: boolean): boolean;
  /** An element type as ONNX numbers it. */
  elementType(key: string): number;
}

/** An operator that is to be converted. */
export interface TfjsOperator {
  readonly b: GraphBuilder;
  readonly attributes: Attributes;
  readonly inputs: readonly Value[];
}

type Convert = (operator: TfjsOperator) => Value | Value[];

const isChannelsFirst = (attributes: Attributes): boolean => attributes.string("data_format", "NHWC") === "NCHW";

/** Of a list with one entry per axis, the entries of the image axes. */
const spatial = <T>(attributes: Attributes, list: readonly T[]): T[] =>
  isChannelsFirst(attributes) ? list.slice(2) : list.slice(1, -1);

function windowOptions(attributes: Attributes) {
  const name = attributes.string("padding", "VALID");
  const explicit = attributes.numbers("explicit_paddings");
  const pairs = Array.from({ length: explicit.length / 2 }, (_, i) => [explicit[2 * i], explicit[2 * i + 1]] as const);
  const padding: ConvPadding =
    name === "EXPLICIT"
      ? { begin: spatial(attributes, pairs).map(([n]) => n), end: spatial(attributes, pairs).map(([, n]) => n) }
      : name === "SAME"
        ? "same"
        : "valid";
  const channelsFirst = isChannelsFirst(attributes);
  return { strides: spatial(attributes, attributes.numbers("strides")), padding, channelsFirst };
}

function convOptions(attributes: Attributes): ConvOptions {
  const listed = spatial(attributes, attributes.numbers("dilations"));
  const window = windowOptions(attributes);
  return { ...window, dilations: listed.length > 0 ? listed : window.strides.map(() => 1) };
}

const conv =
  (apply: typeof convolution): Convert =>
  ({ b, attributes, inputs: [x, filter] }) =>
    dilatedConvolution(x, convOptions(attributes), (options) => apply(b, x, filter, options));

/** The operators after which TensorFlow.js applies further ones at once. */
const fused =
  (apply: (operator: TfjsOperator, bias: Value | undefined) => Value): Convert =>
  (operator) => {
    const { b, attributes, inputs } = operator;
    const steps = attributes.strings("fused_ops").filter((step) => step !== "NoOp");
    const bias = steps[0] === "BiasAdd" ? inputs[2] : undefined;
    const rest = bias ? steps.slice(1) : steps;
    const result = apply(operator, bias);
    return rest.reduce((x, step) => {
      if (step === "Prelu") return prelu(b, x, inputs[3]);
      if (step === "LeakyRelu") return unary(b, step, x, { alpha: attributes.number("leakyrelu_alpha", 0.2) });
      const convert = Object.hasOwn(functions, step) ? functions[step] : undefined;
      return convert ? convert(b, x) : refuse(`its fused operator ${step} is not supported`);
    }, result);
  };

const fusedConv = (apply: typeof convolution): Convert =>
  fused(({ b, attributes, inputs: [x, filter] }, bias) =>
    dilatedConvolution(x, convOptions(attributes), (options) => apply(b, x, filter, options, bias)),
  );

function matMul({ b, attributes, inputs: [x, matrix] }: TfjsOperator, bias?: Value): Value {
  if (attributes.boolean("transpose_a") || attributes.boolean("adj_x")) refuse("transpose_a is not supported");
  const turned = attributes.boolean("transpose_b") || attributes.boolean("adj_y");
  return dense(b, x, turned ? transposed(b, matrix, [1, 0]) : matrix, bias);
}

/** A constant's numbers as one pair per row. */
function pairsOf(value: Value, what: string): [number, number][] {
  const numbers = numbersOf(value, what);
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]);
}

const spread: Convert = ({ b, inputs: [x, block, pads] }) =>
  spaceToBatch(b, x, numbersOf(block, "block shape"), pairsOf(pads, "paddings"));

const gathered: Convert = ({ b, inputs: [x, , crops] }) => batchToSpace(b, x, pairsOf(crops, "crops"));

const biasAdd: Convert = ({ b, attributes, inputs: [x, bias] }) => {
  const first = isChannelsFirst(attributes) && x.shape.length >= 3;
  const aligned = first ? reshaped(b, bias, [-1, ...x.shape.slice(2).map(() => 1)]) : bias;
  return stillSpread(x, binary(b, "Add", x, aligned));
};

const transposedConv: Convert = ({ b, attributes, inputs: [size, filter, x] }) =>
  transposedConvolution(b, x, filter, {
    ...convOptions(attributes),
    output: spatial(attributes, numbersOf(size, "input_sizes")),
  });

const pooling =
  (op: "MaxPool" | "AveragePool"): Convert =>
  ({ b, attributes, inputs: [x] }) =>
    pool(b, op, x, spatial(attributes, attributes.numbers("ksize")), windowOptions(attributes));

const fusedBatchNorm: Convert = ({ b, attributes, inputs: [x, scale, shift, mean, variance] }) => {
  if (attributes.boolean("is_training")) refuse("it is in training mode, so its result depends on the batch");
  const axis = isChannelsFirst(attributes) ? 1 : -1;
  return batchNorm(b, x, { scale, shift, mean, variance }, attributes.number("epsilon", 1e-4), axis);
};

const reduce =
  (kind: Reduction): Convert =>
  ({ b, attributes, inputs: [x, axes] }) =>
    reduction(b, kind, x, numbersOf(axes, "axes"), attributes.boolean("keep_dims"));

/** Functions of one value by TensorFlow's names; also what may be fused to a convolution. */
const functions: Readonly<Record<string, (b: GraphBuilder, x: Value) => Value>> = {
  ...Object.fromEntries([...namesakes].map(([name, op]) => [name, (b: GraphBuilder, x: Value) => unary(b, op, x)])),
  Relu6: (b, x) => clip(b, x, 0, 6),
  Rsqrt: (b, x) => unary(b, "Reciprocal", unary(b, "Sqrt", x)),
  Square: (b, x) => binary(b, "Mul", x, x),
  Softmax: (b, x) => softmax(b, "Softmax", x),
  LogSoftmax: (b, x) => softmax(b, "LogSoftmax", x),
  Identity: (_, x) => x,
};

const arithmetic =
  (op: string): Convert =>
  ({ b, inputs: [left, right] }) =>
    binary(b, op, left, right);

/** Whole numbers divide towards zero, so the rest by the sign of the divisor is taken off first. */
const floorDivided: Convert = ({ b, inputs: [left, right] }) => {
  const isWhole = left.constant?.kind === "int" && right.constant?.kind === "int";
  if (isWhole) return binary(b, "Div", binary(b, "Sub", left, binary(b, "Mod", left, right)), right);
  return b.emit("Floor", [binary(b, "Div", left, right)]);
};

const selected: Convert = ({ b, inputs }) => elementwiseOf(b, "Where", inputs);

/** In the first version a list of conditions chooses along the first axis. */
const selectedRows: Convert = (operator) => {
  const { b, inputs } = operator;
  const [condition, yes, no] = inputs;
  if (condition.shape.length !== 1) return selected(operator);
  const missing = yes.shape.slice(1).map(() => 1);
  return selected({ ...operator, inputs: [reshaped(b, condition, [...shapeOf(condition), ...missing]), yes, no] });
};

const cumulated: Convert = ({ b, attributes, inputs: [given, axis] }) => {
  const x = image(b, given);
  const along = scalarInt(b, graphAxis(x, numbersOf(axis, "axis")[0]));
  const [exclusive, reverse] = ["exclusive", "reverse"].map((key) => Number(attributes.boolean(key)));
  return b.emit("CumSum", [x, along], { exclusive, reverse });
};

const resizing =
  (mode: ResizeAttributes["mode"]): Convert =>
  ({ b, attributes, inputs: [x, size] }) =>
    resize(b, x, numbersOf(size, "size"), {
      mode,
      alignCorners: attributes.boolean("align_corners"),
      halfPixelCenters: attributes.boolean("half_pixel_centers"),
      channelsFirst: false,
    });

const expandDims: Convert = ({ b, inputs: [x, at] }) => {
  const shape = shapeOf(x);
  const [axis] = numbersOf(at, "axis");
  shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);
  return reshaped(b, x, shape);
};

const squeeze: Convert = ({ b, attributes, inputs: [x] }) => {
  const axes = attributes.numbers("squeeze_dims").map((axis) => axisIndex(x, axis));
  const drop = (extent: number, axis: number): boolean => (axes.length > 0 ? axes.includes(axis) : extent === 1);
  return reshaped(
    b,
    x,
    shapeOf(x).filter((extent, axis) => !drop(extent, axis)),
  );
};

const pack: Convert = ({ b, attributes, inputs }) => {
  const axis = attributes.number("axis", 0);
  const rows = inputs.map((value) => {
    const shape = shapeOf(value);
    shape.splice(axis < 0 ? axis + shape.length + 1 : axis, 0, 1);
    return reshaped(b, value, shape);
  });
  return concat(b, rows, axis);
};

const padding =
  (isMirror: boolean): Convert =>
  ({ b, attributes, inputs: [x, pads, fill] }) => {
    const [value] = fill ? numbersOf(fill, "value") : [0];
    const mirror = isMirror && attributes.string("mode", "REFLECT");
    if (mirror && mirror !== "REFLECT" && mirror !== "SYMMETRIC") refuse(`its mode ${mirror} is not known`);
    const mode = mirror ? (mirror === "REFLECT" ? "reflect" : "symmetric") : "constant";
    return pad(b, x, pairsOf(pads, "paddings"), mode, value);
  };

const sliced: Convert = ({ b, inputs: [x, begin, size] }) => {
  const from = numbersOf(begin, "begin");
  const sizes = numbersOf(size, "size");
  const end = shapeOf(x).map((extent, axis) => (sizes[axis] === -1 ? extent : from[axis] + sizes[axis]));
  return slice(
    b,
    x,
    from,
    end,
    from.map(() => 1),
  );
};

const joined: Convert = ({ b, inputs }) =>
  concat(b, inputs.slice(0, -1), numbersOf(inputs[inputs.length - 1], "axis")[0]);

const splitEqually: Convert = ({ b, attributes, inputs: [at, x] }) => {
  const [axis] = numbersOf(at, "axis");
  const count = attributes.number("num_split", 1);
  const extent = shapeOf(x)[axisIndex(x, axis)];
  if (!(Number.isInteger(count) && count > 0 && extent % count === 0))
    refuse(`${extent} elements cannot be split into ${count} equal parts`);
  b.allow(count);
  return split(b, x, axis, new Array<number>(count).fill(extent / count));
};

const splitAt: Convert = ({ b, inputs: [x, sizes, at] }) => {
  const [axis] = numbersOf(at, "axis");
  const parts = numbersOf(sizes, "sizes");
  const rest = shapeOf(x)[axisIndex(x, axis)] - parts.reduce((sum, part) => sum + Math.max(part, 0), 0);
  return split(
    b,
    x,
    axis,
    parts.map((part) => (part === -1 ? rest : part)),
  );
};

const shape: Convert = ({ b, inputs: [x] }) => b.ints(shapeOf(x));

const fill: Convert = ({ b, inputs: [dims, value] }) => {
  if (!value.constant) refuse("its value depends on the image");
  const rank = numbersOf(dims, "extents").length;
  const one = reshaped(b, value, new Array<number>(rank).fill(1));
  return b.emit("Expand", [inPlainOrder(b, one), dims]);
};

const localResponse: Convert = ({ b, attributes, inputs: [x] }) => {
  const size = 2 * attributes.number("depth_radius", 5) + 1;
  const alpha = attributes.number("alpha", 1) * size; // ONNX divides by the number of neighbours
  const bias = attributes.number("bias", 1);
  return unary(b, "LRN", x, { size, alpha, bias, beta: attributes.number("beta", 0.5) });
};

const squaredDifference: Convert = ({ b, inputs: [left, right] }) => {
  const difference = binary(b, "Sub", left, right);
  return b.emit("Mul", [difference, difference]);
};

const scalarInt = (b: GraphBuilder, n: number): Value => b.constant(Constant.fromNumbers("int", [n], []));

/** How many inputs an operator has at least, where that is more than one. */
export const leastInputs: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ...[
    "Conv2D _FusedConv2D DepthwiseConv2dNative FusedDepthwiseConv2dNative MatMul BatchMatMul BatchMatMulV2 _FusedMatMul BiasAdd Prelu",
    "Mean Sum Max Min Prod Add AddV2 Sub Mul RealDiv Div FloorDiv Pow SquaredDifference Maximum Minimum ConcatV2 Split Reshape ExpandDims",
    "Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr Mod FloorMod Cumsum",
    "Pad PadV2 MirrorPad Transpose ResizeBilinear ResizeNearestNeighbor Fill GatherV2",
  ].flatMap((names) => names.split(" ").map((name): [string, number] => [name, 2])),
  ...[
    "Conv2DBackpropInput",
    "SpaceToBatchND",
    "BatchToSpaceND",
    "ClipByValue",
    "SplitV",
    "Range",
    "Slice",
    "Select",
    "SelectV2",
  ].map((name): [string, number] => [name, 3]),
  ["StridedSlice", 4],
  ["FusedBatchNorm", 5],
  ["FusedBatchNormV2", 5],
  ["FusedBatchNormV3", 5],
]);

export const operations: Readonly<Record<string, Convert>> = {
  ...Object.fromEntries(
    Object.entries(functions).map(([op, apply]): [string, Convert] => [op, ({ b, inputs: [x] }) => apply(b, x)]),
  ),
  Conv2D: conv(convolution),
  _FusedConv2D: fusedConv(convolution),
  DepthwiseConv2dNative: conv(depthwise),
  FusedDepthwiseConv2dNative: fusedConv(depthwise),
  Conv2DBackpropInput: transposedConv,
  SpaceToBatchND: spread,
  BatchToSpaceND: gathered,
  MatMul: matMul,
  BatchMatMul: matMul,
  BatchMatMulV2: matMul,
  _FusedMatMul: fused(matMul),
  BiasAdd: biasAdd,
  FusedBatchNorm: fusedBatchNorm,
  FusedBatchNormV2: fusedBatchNorm,
  FusedBatchNormV3: fusedBatchNorm,
  LRN: localResponse,
  LeakyRelu: ({ b, attributes, inputs: [x] }) => unary(b, "LeakyRelu", x, { alpha: attributes.number("alpha", 0.2) }),
  Prelu: ({ b, inputs: [x, slope] }) => prelu(b, x, slope),
  ClipByValue: ({ b, inputs: [x, low, high] }) =>
    clip(b, x, numbersOf(low, "minimum")[0], numbersOf(high, "maximum")[0]),
  MaxPool: pooling("MaxPool"),
  AvgPool: pooling("AveragePool"),
  Mean: reduce("Mean"),
  Sum: reduce("Sum"),
  Max: reduce("Max"),
  Min: reduce("Min"),
  Prod: reduce("Prod"),
  Add: arithmetic("Add"),
  AddV2: arithmetic("Add"),
  Sub: arithmetic("Sub"),
  Mul: arithmetic("Mul"),
  RealDiv: arithmetic("Div"),
  Div: arithmetic("Div"),
  FloorDiv: floorDivided,
  Pow: ({ b, inputs: [x, exponent] }) => binary(b, "Pow", x, exponent),
  AddN: ({ b, inputs }) => inputs.reduce((left, right) => binary(b, "Add", left, right)),
  SquaredDifference: squaredDifference,
  Maximum: arithmetic("Max"),
  Minimum: arithmetic("Min"),
  Equal: arithmetic("Equal"),
  NotEqual: (operator) => operator.b.emit("Not", [arithmetic("Equal")(operator) as Value]),
  Greater: arithmetic("Greater"),
  GreaterEqual: arithmetic("GreaterOrEqual"),
  Less: arithmetic("Less"),
  LessEqual: arithmetic("LessOrEqual"),
  LogicalAnd: arithmetic("And"),
  LogicalOr: arithmetic("Or"),
  Mod: arithmetic("Mod"),
  FloorMod: arithmetic("Mod"),
  Select: selectedRows,
  SelectV2: selected,
  Cumsum: cumulated,
  ConcatV2: joined,
  Split: splitEqually,
  SplitV: splitAt,
  Reshape: ({ b, inputs: [x, target] }) => reshaped(b, x, numbersOf(target, "target shape")),
  Squeeze: squeeze,
  ExpandDims: expandDims,
  Pad: padding(false),
  PadV2: padding(false),
  MirrorPad: padding(true),
  Transpose: ({ b, inputs: [x, perm] }) => transposed(b, x, numbersOf(perm, "permutation")),
  ResizeBilinear: resizing("linear"),
  ResizeNearestNeighbor: resizing("nearest"),
  DepthToSpace: ({ b, attributes, inputs: [x] }) =>
    unary(b, "DepthToSpace", x, { blocksize: attributes.number("block_size", 2) }),
  StopGradient: ({ inputs: [x] }) => x,
  Snapshot: ({ inputs: [x] }) => x,
  EnsureShape: ({ inputs: [x] }) => x,
  Cast: ({ b, attributes, inputs: [x] }) => {
    const to = attributes.elementType("DstT");
    return x.constant || to !== 1 ? b.emit("Cast", [x], { to }) : x;
  },
  Shape: shape,
  Size: ({ b, inputs: [x] }) =>
    scalarInt(
      b,
      x.shape.reduce((size, extent) => size * extent, 1),
    ),
  Rank: ({ b, inputs: [x] }) => scalarInt(b, x.shape.length),
  Fill: fill,
  Range: ({ b, inputs }) => b.emit("Range", inputs),
  Slice: sliced,
  StridedSlice: ({ b, attributes, inputs }) => stridedSlice(b, attributes, inputs),
  Pack: pack,
  Unpack: ({ b, attributes, inputs: [x] }) => {
    const axis = axisIndex(x, attributes.number("axis", 0));
    const [count] = shapeOf(x).splice(axis, 1);
    const rest = shapeOf(x).filter((_, i) => i !== axis);
    b.allow(count);
    return split(b, x, axis, new Array<number>(count).fill(1)).map((part) => reshaped(b, part, rest));
  },
  GatherV2: ({ b, inputs: [x, indices, axis] }) => gather(b, x, indices, axis ? numbersOf(axis, "axis")[0] : 0),
};
