/** The operators of TensorFlow Lite, each as operators of the graph: where TensorFlow has the same one, by way of it. */
import { image, inGraphOrder, inPlainOrder, reordered, reshaped, shapeOf, transposed } from "../tfjs/axes";
import { type GraphBuilder, numbersOf, refuse, type Value } from "../tfjs/graph-builder";
import { leastInputs, operations as tensorflow } from "../tfjs/operations";
import { softmax } from "../tfjs/operators/activation";
import { concat, gather } from "../tfjs/operators/arrange";
import {
  type ConvOptions,
  convolution,
  dense,
  depthwise,
  transposedConvolution,
  type WindowOptions,
  windowAttributes,
} from "../tfjs/operators/convolution";
import { dilatedConvolution } from "../tfjs/operators/dilation";
import { binary, clip, unary } from "../tfjs/operators/pointwise";
import { pool } from "../tfjs/operators/pooling";
import { gridPlaces, rescaled, roundedFrom, type TensorGrid } from "./grids";
import { NamedOptions } from "./options";
import type { FileOperator, LiteTensor } from "./schema";
import type { Table } from "./table";

/** An operator that is to be converted. */
export interface Call {
  readonly b: GraphBuilder;
  readonly operator: FileOperator;
  /** Inputs that the file leaves out are undefined. */
  readonly inputs: readonly (Value | undefined)[];
  /** What the file says of its results. */
  readonly results: readonly LiteTensor[];
  /** The integers of a layer, by the places of its inputs; undefined where it computes with real numbers. */
  readonly integers: (data: number, filter: number, bias: number) => LayerIntegers | undefined;
  /** The grid on which the first input and the result both lie; undefined where they do not, or are read as real numbers. */
  readonly grid: TensorGrid | undefined;
}

/** A layer with weights whose input, weights and result are integers. */
export interface LayerIntegers {
  readonly input: TensorGrid;
  /** Weights less their zero point. */
  readonly filter: Value;
  /** In units of products. */
  readonly bias?: Value;
  /** What a product is in steps of the result, for all channels or for each. */
  readonly units: readonly number[];
  readonly output: TensorGrid;
}

export interface Conversion {
  /** Inputs that must be there. */
  readonly least: number;
  readonly convert: (call: Call) => Value | Value[];
}

const conversion = (least: number, convert: Conversion["convert"]): Conversion => ({ least, convert });

const given = ({ inputs }: Call): Value[] => inputs.filter((input) => input !== undefined);

const first = ({ inputs }: Call): Value => inputs[0] ?? refuse("its input is missing");

const int = ({ operator: { options } }: Call, field: number, fallback = 0): number =>
  options?.int(field, fallback) ?? fallback;

/** TensorFlow's operator of the same meaning. */
function like(op: string, attributes: (options: Table) => ConstructorParameters<typeof NamedOptions>[0] = () => ({})) {
  return conversion(leastInputs.get(op) ?? 1, (call) => {
    const { options } = call.operator;
    const named = new NamedOptions(options ? attributes(options) : {});
    return tensorflow[op]({ b: call.b, attributes: named, inputs: given(call) });
  });
}

const unaryOf = (op: string): Conversion => conversion(1, (call) => unary(call.b, op, first(call)));

const clipped = (low: number, high: number): Conversion =>
  conversion(1, (call) => clip(call.b, first(call), low, high));

const activationNames = ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT"] as const;

/** What an operator applies to its own result. */
function activated(b: GraphBuilder, x: Value, number: number): Value {
  const name = activationNames[number];
  if (name === "NONE") return x;
  if (name === "RELU") return unary(b, "Relu", x);
  if (name === "RELU6") return clip(b, x, 0, 6);
  if (name === "RELU_N1_TO_1") return clip(b, x, -1, 1);
  if (name === "TANH") return unary(b, "Tanh", x);
  return refuse(`its fused activation ${name ?? number} is not supported`);
}

const fused = (call: Call, field: number): number => call.operator.options?.int8(field) ?? 0;

const paddings = ["same", "valid"] as const;
const paddingOf = (number: number): "same" | "valid" =>
  paddings[number] ?? refuse(`its padding ${number} is not known`);

function windowOptions(call: Call): WindowOptions {
  return {
    strides: [int(call, 2), int(call, 1)],
    padding: paddingOf(call.operator.options?.int8(0) ?? 0),
    channelsFirst: false,
  };
}

interface ConvFields {
  readonly activation: number;
  /** The dilation along x; that along y is the next field. */
  readonly dilation: number;
}

const convFields: ConvFields = { activation: 3, dilation: 4 };
const depthwiseFields: ConvFields = { activation: 4, dilation: 5 };

/** Inputs of a layer, by their places: data, filter, bias. */
type Places = readonly [number, number, number];

/**
 * A layer with weights, of real numbers or of integers. Sums of integers have another unit in every channel, so of what they are clamped to
 * zero alone is a value of theirs: the other bounds are those of the grid.
 */
function layered(
  call: Call,
  [data, filter, bias]: Places,
  activation: number,
  apply: (x: Value, filter: Value, bias: Value | undefined, integers: number) => Value,
): Value {
  const { b, inputs } = call;
  const x = inputs[data] as Value;
  const whole = call.integers(data, filter, bias);
  if (!whole) return activated(b, apply(x, inputs[filter] as Value, inputs[bias], 0), activation);
  const { input, output, units } = whole;
  const bits = input.high - input.low > 255 ? 16 : 8;
  const sum = apply(gridPlaces(b, x, input), whole.filter, whole.bias, bits);
  return rescaled(b, rectified(b, sum, activation), units, bounded(output, activation));
}

/** The rectifier in an activation, whose zero is that of integers too. */
const rectified = (b: GraphBuilder, x: Value, activation: number): Value =>
  ["RELU", "RELU6"].includes(activationNames[activation]) ? b.emit("Relu", [x]) : x;

/** A grid between the bounds of an activation. */
function bounded(grid: TensorGrid, activation: number): TensorGrid {
  const name = activationNames[activation];
  if (name === "TANH" || name === "SIGN_BIT" || name === undefined)
    refuse("its fused activation is not supported on integers");
  const most = name === "RELU6" ? 6 : name === "RELU_N1_TO_1" ? 1 : Number.POSITIVE_INFINITY;
  const least = name === "RELU_N1_TO_1" ? -1 : Number.NEGATIVE_INFINITY;
  const { low, high, scale } = grid;
  return { ...grid, low: Math.max(low, Math.round(least / scale)), high: Math.min(high, Math.round(most / scale)) };
}

const usualPlaces: Places = [0, 1, 2];

/** A convolution whose filter is turned to TensorFlow's order, spatial…, in, out. */
const conv = (apply: typeof convolution, fields: ConvFields, turn: readonly number[]): Conversion =>
  conversion(2, (call) => {
    const { b, inputs } = call;
    const [x, given] = inputs as [Value, Value];
    if (given.shape.length !== 4) refuse(`its filter has rank ${given.shape.length}`);
    const dilations = [int(call, fields.dilation + 1, 1), int(call, fields.dilation, 1)];
    const options: ConvOptions = { ...windowOptions(call), dilations };
    return dilatedConvolution(x, options, (all) =>
      layered(call, usualPlaces, fused(call, fields.activation), (data, filter, bias, integers) =>
        apply(b, data, reordered(b, inPlainOrder(b, filter), turn, false), { ...all, integers }, bias),
      ),
    );
  });

const fullyConnected = conversion(2, (call) => {
  const { b, inputs, operator } = call;
  const [, given] = inputs as [Value, Value];
  if (given.shape.length !== 2) refuse(`its matrix has rank ${given.shape.length}`);
  if ((operator.options?.int8(1) ?? 0) !== 0) refuse("its weights are shuffled");
  const keepsAxes = operator.options?.boolean(2) ?? false;
  return layered(call, usualPlaces, fused(call, 0), (x, matrix, bias, integers) => {
    const rows = keepsAxes || x.shape.length === 2 ? x : reshaped(b, x, [-1, matrix.shape[1]]);
    return dense(b, rows, reordered(b, matrix, [1, 0], false), bias, integers);
  });
});

/** Filters are out, spatial…, in here, and spatial…, out, in in TensorFlow. */
function turnedOver(b: GraphBuilder, filter: Value): Value {
  if (filter.shape.length !== 4) refuse(`its filter has rank ${filter.shape.length}`);
  return reordered(b, inPlainOrder(b, filter), [1, 2, 0, 3], false);
}

const transposeConv = conversion(3, (call) => {
  const { b, inputs } = call;
  const [size] = inputs as [Value];
  const output = numbersOf(size, "output shape").slice(1, 3);
  const options = { ...windowOptions(call), dilations: [1, 1], output };
  return layered(call, [2, 1, 3], fused(call, 3), (x, filter, bias, integers) =>
    transposedConvolution(b, x, turnedOver(b, filter), { ...options, integers }, bias),
  );
});

const pooling = (op: "MaxPool" | "AveragePool"): Conversion =>
  conversion(1, (call) => {
    const pooled = (x: Value): Value => pool(call.b, op, x, [int(call, 4), int(call, 3)], windowOptions(call));
    if (op === "AveragePool") return averaged(call, pooled, fused(call, 5), 0);
    return activated(call.b, pooled(first(call)), fused(call, 5));
  });

/**
 * An average, of integers of one grid without an error, so that halves are what they are. They go away from the integer `from`, as
 * the file counts integers.
 */
function averaged(call: Call, average: (x: Value) => Value, activation: number, from: number): Value {
  const { b, grid } = call;
  if (!grid) return activated(b, average(first(call)), activation);
  const mean = average(gridPlaces(b, image(b, first(call)), grid));
  return roundedFrom(b, rectified(b, mean, activation), bounded(grid, activation), from);
}

/** √ of the mean of squares. */
const l2Pool = conversion(1, (call) => {
  const { b } = call;
  const x = first(call);
  const mean = pool(b, "AveragePool", binary(b, "Mul", x, x), [int(call, 4), int(call, 3)], windowOptions(call));
  return activated(b, unary(b, "Sqrt", mean), fused(call, 5));
});

const arithmetic = (op: string): Conversion =>
  conversion(2, (call) => {
    const [left, right] = call.inputs as [Value, Value];
    return activated(call.b, binary(call.b, op, left, right), fused(call, 0));
  });

const joined = conversion(1, (call) => activated(call.b, concat(call.b, given(call), int(call, 0)), fused(call, 1)));

/** x / max(√Σx², 10⁻⁶) along the last axis. */
const l2Normalisation = conversion(1, (call) => {
  const { b } = call;
  const x = image(b, first(call));
  const axes = b.ints([x.moved ? 1 : x.shape.length - 1]);
  const sum = b.emit("ReduceSum", [b.emit("Mul", [x, x]), axes], { keepdims: 1 });
  const length = b.emit("Sqrt", [clip(b, sum, 1e-12)]);
  return activated(b, b.emit("Div", [x, length]), fused(call, 0));
});

const softmaxed = (op: "Softmax" | "LogSoftmax"): Conversion =>
  conversion(1, (call) => {
    const x = first(call);
    const beta = op === "Softmax" ? (call.operator.options?.float(0) ?? 1) : 1;
    return softmax(call.b, op, beta === 1 ? x : binary(call.b, "Mul", x, call.b.scalar(beta)));
  });

const reshape = conversion(1, (call) => {
  const [x, target] = call.inputs as [Value, Value | undefined];
  const shape = target ? numbersOf(target, "target shape") : call.operator.options?.ints(0);
  return shape ? reshaped(call.b, x, shape) : refuse("its target shape is missing");
});

const gathered = conversion(2, (call) => {
  const [x, indices] = call.inputs as [Value, Value];
  if (int(call, 1) !== 0) refuse("its batch_dims are not supported");
  return gather(call.b, x, indices, int(call, 0));
});

const tiled = conversion(2, (call) => {
  const [given, repeats] = call.inputs as [Value, Value];
  const x = image(call.b, given);
  const times = inGraphOrder(x, numbersOf(repeats, "repetitions"));
  return call.b.emit("Tile", [x, call.b.ints(times)]);
});

const spaceToDepth = conversion(1, (call) =>
  call.b.emit("SpaceToDepth", [image(call.b, first(call))], { blocksize: int(call, 0) }),
);

const batchMatMul = conversion(2, (call) => {
  const { b, operator } = call;
  const [left, right] = call.inputs as [Value, Value];
  const turned = (x: Value, turn: boolean): Value => {
    if (!turn) return x;
    const order = x.shape.map((_, axis) => axis);
    const last = order.length - 1;
    return transposed(b, x, [...order.slice(0, -2), last, last - 1]);
  };
  const [x, y] = [
    turned(left, operator.options?.boolean(0) ?? false),
    turned(right, operator.options?.boolean(1) ?? false),
  ];
  if (y.constant && y.shape.length === 2) return dense(b, x, y);
  return b.emit("MatMul", [inPlainOrder(b, x), inPlainOrder(b, y)], {}, false);
});

/** Whole numbers of 32 bits at the beginning of a custom operator's options, which are a struct of C. */
function structOf({ operator: { customOptions } }: Call, count: number): number[] {
  if (customOptions.byteLength < 4 * count) refuse("its options are cut off");
  const view = new DataView(customOptions.buffer, customOptions.byteOffset, customOptions.byteLength);
  return Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
}

/** The struct's paddings begin with an unknown one. */
const structPadding = (number: number): "same" | "valid" => paddingOf(number - 1);

/** MediaPipe's transposed convolution. */
const transposeConvBias = conversion(2, (call) => {
  const [x, filter, bias] = call.inputs as [Value, Value, Value | undefined];
  const [padding, width, height] = structOf(call, 3);
  const options = {
    ...{ strides: [height, width], dilations: [1, 1] },
    ...{ padding: structPadding(padding), channelsFirst: false },
  };
  return transposedConvolution(call.b, x, turnedOver(call.b, filter), options, bias);
});

/** MediaPipe's pooling that tells where the largest values were, and its inverse. */
function argmaxWindow(call: Call) {
  const [padding, strideX, strideY, width, height] = structOf(call, 5);
  const window: WindowOptions = {
    strides: [strideY, strideX],
    padding: structPadding(padding),
    channelsFirst: false,
  };
  return windowAttributes([height, width], window);
}

const maxPoolWithArgmax = conversion(1, (call) =>
  call.b.emitAll("MaxPool", [image(call.b, first(call))], argmaxWindow(call), 2, true),
);

const maxUnpool = conversion(2, (call) => {
  const [x, indices] = call.inputs as [Value, Value];
  return call.b.emit("MaxUnpool", [image(call.b, x), indices], argmaxWindow(call), true);
});

const resizedBilinear = like("ResizeBilinear", (options) => ({
  ...{ align_corners: options.boolean(2), half_pixel_centers: options.boolean(3) },
}));

const masks = ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"] as const;

const same = conversion(1, first);

/** By the names of the schema. */
export const builtins: ReadonlyMap<string, Conversion> = /* @__PURE__ */ new Map(
  Object.entries({
    ABS: unaryOf("Abs"),
    ADD: arithmetic("Add"),
    ADD_N: like("AddN"),
    AVERAGE_POOL_2D: pooling("AveragePool"),
    BATCH_MATMUL: batchMatMul,
    BATCH_TO_SPACE_ND: like("BatchToSpaceND"),
    CAST: conversion(1, (call) => castOf(call)),
    CEIL: like("Ceil"),
    CONCATENATION: joined,
    CONV_2D: conv(convolution, convFields, [1, 2, 3, 0]),
    COS: like("Cos"),
    CUMSUM: like("Cumsum", (options) => ({ exclusive: options.boolean(0), reverse: options.boolean(1) })),
    DENSIFY: same,
    DEPTHWISE_CONV_2D: conv(multiplied, depthwiseFields, [1, 2, 3, 0]),
    DEPTH_TO_SPACE: like("DepthToSpace", (options) => ({ block_size: options.int(0) })),
    DEQUANTIZE: same,
    DIV: arithmetic("Div"),
    ELU: unaryOf("Elu"),
    EQUAL: like("Equal"),
    EXP: unaryOf("Exp"),
    EXPAND_DIMS: like("ExpandDims"),
    FILL: like("Fill"),
    FLOOR: like("Floor"),
    FLOOR_DIV: like("FloorDiv"),
    FLOOR_MOD: like("FloorMod"),
    FULLY_CONNECTED: fullyConnected,
    GATHER: gathered,
    GELU: conversion(1, (call) => {
      const approximate = call.operator.options?.boolean(0) ? "tanh" : "none";
      return unary(call.b, "Gelu", first(call), { approximate });
    }),
    GREATER: like("Greater"),
    GREATER_EQUAL: like("GreaterEqual"),
    HARD_SWISH: unaryOf("HardSwish"),
    L2_NORMALIZATION: l2Normalisation,
    L2_POOL_2D: l2Pool,
    LEAKY_RELU: conversion(1, (call) =>
      unary(call.b, "LeakyRelu", first(call), { alpha: call.operator.options?.float(0) ?? 0 }),
    ),
    LESS: like("Less"),
    LESS_EQUAL: like("LessEqual"),
    LOCAL_RESPONSE_NORMALIZATION: like("LRN", (options) => ({
      ...{ depth_radius: options.int(0), bias: options.float(1) },
      ...{ alpha: options.float(2), beta: options.float(3) },
    })),
    LOG: unaryOf("Log"),
    LOGICAL_AND: like("LogicalAnd"),
    LOGICAL_NOT: like("LogicalNot"),
    LOGICAL_OR: like("LogicalOr"),
    LOGISTIC: unaryOf("Sigmoid"),
    LOG_SOFTMAX: softmaxed("LogSoftmax"),
    MAXIMUM: like("Maximum"),
    MAX_POOL_2D: pooling("MaxPool"),
    MEAN: like("Mean", keepsAxes),
    MINIMUM: like("Minimum"),
    MIRROR_PAD: like("MirrorPad", (options) => ({ mode: options.int8(0) === 0 ? "REFLECT" : "SYMMETRIC" })),
    MUL: arithmetic("Mul"),
    NEG: unaryOf("Neg"),
    NOT_EQUAL: like("NotEqual"),
    PACK: like("Pack", (options) => ({ axis: options.int(1) })),
    PAD: like("Pad"),
    PADV2: like("PadV2"),
    POW: like("Pow"),
    PRELU: like("Prelu"),
    QUANTIZE: same,
    RANGE: like("Range"),
    RANK: like("Rank"),
    REDUCE_MAX: like("Max", keepsAxes),
    REDUCE_MIN: like("Min", keepsAxes),
    REDUCE_PROD: like("Prod", keepsAxes),
    RELU: unaryOf("Relu"),
    RELU6: clipped(0, 6),
    RELU_0_TO_1: clipped(0, 1),
    RELU_N1_TO_1: clipped(-1, 1),
    RESHAPE: reshape,
    RESIZE_BILINEAR: conversion(resizedBilinear.least, (call) =>
      averaged(
        call,
        (x) => resizedBilinear.convert({ ...call, inputs: [x, ...call.inputs.slice(1)] }) as Value,
        0,
        // From below all integers, so always upwards.
        Number.NEGATIVE_INFINITY,
      ),
    ),
    RESIZE_NEAREST_NEIGHBOR: like("ResizeNearestNeighbor", (options) => ({
      ...{ align_corners: options.boolean(0), half_pixel_centers: options.boolean(1) },
    })),
    ROUND: like("Round"),
    RSQRT: like("Rsqrt"),
    SELECT: like("Select"),
    SELECT_V2: like("SelectV2"),
    SHAPE: like("Shape"),
    SIGN: like("Sign"),
    SIN: like("Sin"),
    SLICE: like("Slice"),
    SOFTMAX: softmaxed("Softmax"),
    SPACE_TO_BATCH_ND: like("SpaceToBatchND"),
    SPACE_TO_DEPTH: spaceToDepth,
    SPLIT: like("Split", (options) => ({ num_split: options.int(0) })),
    SPLIT_V: like("SplitV"),
    SQRT: unaryOf("Sqrt"),
    SQUARE: like("Square"),
    SQUARED_DIFFERENCE: like("SquaredDifference"),
    SQUEEZE: like("Squeeze", (options) => ({ squeeze_dims: options.ints(0) })),
    STRIDED_SLICE: like("StridedSlice", (options) =>
      Object.fromEntries(masks.map((mask, field) => [mask, options.int(field)])),
    ),
    SUB: arithmetic("Sub"),
    SUM: like("Sum", keepsAxes),
    TANH: unaryOf("Tanh"),
    TILE: tiled,
    TRANSPOSE: like("Transpose"),
    TRANSPOSE_CONV: transposeConv,
    UNPACK: like("Unpack", (options) => ({ axis: options.int(1) })),
  }),
);

/** By their own names. */
export const customs: ReadonlyMap<string, Conversion> = /* @__PURE__ */ new Map([
  ["Convolution2DTransposeBias", transposeConvBias],
  ["MaxPoolingWithArgmax2D", maxPoolWithArgmax],
  ["MaxUnpooling2D", maxUnpool],
]);

function keepsAxes(options: Table): { keep_dims: boolean } {
  return { keep_dims: options.boolean(0) };
}

/** The filter of a depthwise convolution is 1, spatial…, out; TensorFlow's is spatial…, in, multiplier. */
function multiplied(b: GraphBuilder, x: Value, filter: Value, options: ConvOptions, bias?: Value): Value {
  const [height, width, channels] = shapeOf(filter);
  const own = shapeOf(x)[3];
  return depthwise(b, x, reshaped(b, filter, [height, width, own, channels / own]), options, bias);
}

/** Element types as ONNX numbers them. */
const onnxTypes: Readonly<Record<string, number>> = { float32: 1, float16: 10, int32: 6, int64: 7, bool: 9 };

/** Between floats nothing is to be done; integers are computed with as constants alone. */
function castOf(call: Call): Value {
  const x = first(call);
  const [{ type }] = call.results;
  const to = Object.hasOwn(onnxTypes, type) ? onnxTypes[type] : refuse(`it makes ${type}`);
  return !x.constant && type.startsWith("float") ? x : call.b.emit("Cast", [x], { to });
}
