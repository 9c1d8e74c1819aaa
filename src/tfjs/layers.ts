/** The layers of Keras, each as operators of the graph. */
import { show } from "../checks";
import type { Shape } from "../graph/shape-rule";
import { axisIndex, image, reshaped, shapeOf, transposed } from "./axes";
import { type GraphBuilder, refuse, type Value } from "./graph-builder";
import type { Fields } from "./json";
import { activation, softmax } from "./operators/activation";
import { concat, pad, resize, slice } from "./operators/arrange";
import {
  type ConvOptions,
  type ConvPadding,
  convolution,
  dense,
  depthwise,
  transposedConvolution,
} from "./operators/convolution";
import { batchNorm, binary, clip, layerNorm, prelu, unary } from "./operators/pointwise";
import { globalPool, pool } from "./operators/pooling";

/** A layer that is to be converted. */
export interface LayerCall {
  readonly b: GraphBuilder;
  /** Its configuration. */
  readonly config: Fields;
  readonly inputs: readonly Value[];
  readonly x: Value;
  /** One of its weights by name, and by its place among the layer's weights. */
  weight(name: string, index: number): Value;
}

type Convert = (layer: LayerCall) => Value;

const isChannelsFirst = (config: Fields): boolean => config.string("data_format", "channels_last") === "channels_first";

function paddingOf(config: Fields): ConvPadding {
  const padding = config.string("padding", "valid").toLowerCase();
  return padding === "same" || padding === "causal" || padding === "valid"
    ? padding
    : refuse(`its padding "${padding}" is not supported`);
}

const windowOptions = (config: Fields, strides: number[]) => ({
  strides,
  padding: paddingOf(config),
  channelsFirst: isChannelsFirst(config),
});

const convOptions = (config: Fields, rank: number): ConvOptions => ({
  ...windowOptions(config, config.numbers("strides", rank, 1)),
  dilations: config.numbers("dilation_rate", rank, 1),
});

const activated = ({ b, config }: LayerCall, value: Value): Value => activation(b, value, config.object.activation);

const biasOf = (layer: LayerCall, index: number): Value | undefined =>
  layer.config.boolean("use_bias", true) ? layer.weight("bias", index) : undefined;

const conv =
  (rank: number): Convert =>
  (layer) => {
    const options = convOptions(layer.config, rank);
    return activated(layer, convolution(layer.b, layer.x, layer.weight("kernel", 0), options, biasOf(layer, 1)));
  };

const depthwiseConv: Convert = (layer) => {
  const options = convOptions(layer.config, 2);
  return activated(layer, depthwise(layer.b, layer.x, layer.weight("depthwise_kernel", 0), options, biasOf(layer, 1)));
};

const separableConv: Convert = (layer) => {
  const { b, x, config } = layer;
  const options = convOptions(config, 2);
  const spread = depthwise(b, x, layer.weight("depthwise_kernel", 0), options);
  const point: ConvOptions = { ...options, strides: [1, 1], dilations: [1, 1], padding: "valid" };
  return activated(layer, convolution(b, spread, layer.weight("pointwise_kernel", 1), point, biasOf(layer, 2)));
};

const convTranspose: Convert = (layer) => {
  const { b, x, config } = layer;
  const options = convOptions(config, 2);
  const filter = layer.weight("kernel", 0);
  const place = options.channelsFirst ? 2 : 1;
  const extents = shapeOf(x).slice(place, place + 2);
  // With output_padding Keras pads by half the kernel; without, as the size that the strides make asks for.
  const output = config.has("output_padding")
    ? config.numbers("output_padding", 2).map((more, i) => {
        const kernel = (filter.shape[i] - 1) * options.dilations[i] + 1;
        const less = options.padding === "same" ? 2 * Math.floor(kernel / 2) : 0;
        return (extents[i] - 1) * options.strides[i] + kernel - less + more;
      })
    : undefined;
  const result = transposedConvolution(b, x, filter, { ...options, ...(output && { output }) }, biasOf(layer, 1));
  return activated(layer, result);
};

const pooling =
  (op: "MaxPool" | "AveragePool", rank: number): Convert =>
  ({ b, x, config }) => {
    const size = config.numbers("pool_size", rank, 2);
    const strides = config.has("strides") ? config.numbers("strides", rank) : size;
    return pool(b, op, x, size, windowOptions(config, strides));
  };

const globalPooling =
  (op: "GlobalMaxPool" | "GlobalAveragePool"): Convert =>
  ({ b, x, config }) =>
    globalPool(b, op, x, config.boolean("keepdims", false), isChannelsFirst(config));

const arithmetic =
  (op: "Add" | "Sub" | "Mul"): Convert =>
  ({ b, inputs }) =>
    inputs.reduce((left, right) => binary(b, op, left, right));

const average: Convert = (layer) =>
  binary(layer.b, "Mul", arithmetic("Add")(layer), layer.b.scalar(1 / layer.inputs.length));

const furthest =
  (op: "Max" | "Min"): Convert =>
  ({ b, inputs }) =>
    inputs.reduce((left, right) => binary(b, op, left, right));

const identity: Convert = ({ b, x }) => image(b, x);

/** Numbers before and after, per spatial axis: one number, one per axis, or a pair per axis. */
function margins(config: Fields, key: string, rank: number): [number, number][] {
  const given = config.object[key] ?? 1;
  if (typeof given === "number") return Array.from({ length: rank }, () => [given, given]);
  const list = config.list(key);
  const pair = (value: unknown): [number, number] => {
    if (typeof value === "number") return [value, value];
    const numbers = Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
    return numbers.length === 2 ? [numbers[0], numbers[1]] : refuse(`its ${key} ${show(given)} is not supported`);
  };
  // Along one axis a list is the pair itself.
  return rank === 1 && list.length === 2 ? [pair(list)] : list.map(pair);
}

/** Entries for all axes from those of the spatial ones. */
const onImage = <T>(config: Fields, spatial: readonly T[], none: T): T[] =>
  isChannelsFirst(config) ? [none, none, ...spatial] : [none, ...spatial, none];

const zeroPadding =
  (rank: number): Convert =>
  ({ b, x, config }) =>
    pad(b, x, onImage<[number, number]>(config, margins(config, "padding", rank), [0, 0]));

const cropping =
  (rank: number): Convert =>
  ({ b, x, config }) => {
    const cuts = onImage<[number, number]>(config, margins(config, "cropping", rank), [0, 0]);
    const end = shapeOf(x).map((extent, axis) => extent - cuts[axis][1]);
    return slice(
      b,
      x,
      cuts.map(([begin]) => begin),
      end,
      cuts.map(() => 1),
    );
  };

const modes = /* @__PURE__ */ new Map<string, "nearest" | "linear">([
  ["nearest", "nearest"],
  ["bilinear", "linear"],
]);

function resized({ b, x, config }: LayerCall, size: Shape, alignCorners: boolean, fallback: string): Value {
  const name = config.string("interpolation", fallback);
  const mode = modes.get(name) ?? refuse(`its interpolation "${name}" is not supported`);
  return resize(b, x, size, { mode, alignCorners, halfPixelCenters: false, channelsFirst: isChannelsFirst(config) });
}

const upSampling: Convert = (layer) => {
  const place = isChannelsFirst(layer.config) ? 2 : 1;
  const extents = shapeOf(layer.x).slice(place, place + 2);
  const factors = layer.config.numbers("size", 2, 2);
  return resized(
    layer,
    extents.map((extent, i) => extent * factors[i]),
    false,
    "nearest",
  );
};

const resizing: Convert = (layer) => {
  const { config } = layer;
  const size = [config.number("height"), config.number("width")];
  // TensorFlow.js aligns the corners here, unless it keeps the aspect ratio (which it then does not).
  return resized(layer, size, !config.boolean("crop_to_aspect_ratio", false), "bilinear");
};

const reluLayer: Convert = ({ b, x, config }) => {
  const slope = config.number("negative_slope", config.number("alpha", 0));
  const most = config.has("max_value") ? config.number("max_value") : undefined;
  if (config.number("threshold", 0) !== 0) refuse("a threshold other than 0 is not supported: it makes ReLU jump");
  if (slope === 0) return most === undefined ? unary(b, "Relu", x) : clip(b, x, 0, most);
  const leaky = unary(b, "LeakyRelu", x, { alpha: slope });
  return most === undefined ? leaky : clip(b, leaky, undefined, most);
};

const batchNormalization: Convert = (layer) => {
  const { b, x, config } = layer;
  const [axis] = config.numbers("axis", 1, -1);
  const scaled = config.boolean("scale", true);
  const shifted = config.boolean("center", true);
  const before = (scaled ? 1 : 0) + (shifted ? 1 : 0);
  return batchNorm(
    b,
    x,
    {
      ...(scaled && { scale: layer.weight("gamma", 0) }),
      ...(shifted && { shift: layer.weight("beta", scaled ? 1 : 0) }),
      mean: layer.weight("moving_mean", before),
      variance: layer.weight("moving_variance", before + 1),
    },
    config.number("epsilon", 1e-3),
    axis,
  );
};

const layerNormalization: Convert = (layer) => {
  const { b, x, config } = layer;
  const axes = typeof config.object.axis === "number" ? [config.number("axis")] : config.numbers("axis", undefined, -1);
  const scaled = config.boolean("scale", true);
  const scale = scaled ? layer.weight("gamma", 0) : undefined;
  const shift = config.boolean("center", true) ? layer.weight("beta", scaled ? 1 : 0) : undefined;
  return layerNorm(b, x, scale, shift, config.number("epsilon", 1e-3), axes);
};

/** (x − mean) / √variance with statistics from the weights or the configuration. */
const normalization: Convert = (layer) => {
  const { b, x, config } = layer;
  const given = config.has("mean");
  const [mean, variance] = given
    ? [b.floats(config.numbers("mean", 1)), b.floats(config.numbers("variance", 1))]
    : [layer.weight("mean", 0), layer.weight("variance", 1)];
  const flat = [mean, variance].map((value) => reshaped(b, value, [-1]));
  if (flat[0].shape[0] > 1 && axisIndex(x, config.numbers("axis", 1, -1)[0]) !== x.shape.length - 1) {
    refuse("statistics along another axis than the last are not supported");
  }
  // Keras keeps the divisor away from zero by this much.
  const deviation = binary(b, "Max", b.emit("Sqrt", [flat[1]]), b.scalar(1e-7));
  return binary(b, "Div", binary(b, "Sub", x, flat[0]), deviation);
};

const rescaling: Convert = ({ b, x, config }) =>
  binary(b, "Add", binary(b, "Mul", x, b.scalar(config.number("scale"))), b.scalar(config.number("offset", 0)));

const reshape: Convert = ({ b, x, config }) => reshaped(b, x, [x.shape[0], ...config.numbers("target_shape")]);

const flatten: Convert = ({ b, x, config }) => {
  // Keras flattens channels first data as if channels were last.
  const rank = x.shape.length;
  const first = isChannelsFirst(config) && rank >= 3;
  const last = first ? transposed(b, x, [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]) : x;
  return reshaped(b, last, [x.shape[0], -1]);
};

const denseLayer: Convert = (layer) =>
  activated(layer, dense(layer.b, layer.x, layer.weight("kernel", 0), biasOf(layer, 1)));

/** Layers that do something in training only. */
const passive =
  "Dropout SpatialDropout1D SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization " +
  "RandomFlip RandomRotation RandomZoom RandomTranslation RandomContrast RandomBrightness RandomWidth RandomHeight Identity";

export const layers: Readonly<Record<string, Convert>> = {
  ...Object.fromEntries(passive.split(" ").map((name) => [name, identity])),
  Conv1D: conv(1),
  Conv2D: conv(2),
  DepthwiseConv2D: depthwiseConv,
  SeparableConv2D: separableConv,
  Conv2DTranspose: convTranspose,
  Dense: denseLayer,
  Flatten: flatten,
  Reshape: reshape,
  Permute: ({ b, x, config }) => transposed(b, x, [0, ...config.numbers("dims")]),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  Normalization: normalization,
  Rescaling: rescaling,
  Resizing: resizing,
  Activation: (layer) => activated(layer, layer.x),
  ReLU: reluLayer,
  LeakyReLU: ({ b, x, config }) =>
    unary(b, "LeakyRelu", x, { alpha: config.number("negative_slope", config.number("alpha", 0.3)) }),
  PReLU: (layer) => prelu(layer.b, layer.x, layer.weight("alpha", 0)),
  ELU: ({ b, x, config }) => unary(b, "Elu", x, { alpha: config.number("alpha", 1) }),
  Softmax: ({ b, x, config }) => softmax(b, "Softmax", x, config.numbers("axis", 1, -1)[0]),
  MaxPooling1D: pooling("MaxPool", 1),
  MaxPooling2D: pooling("MaxPool", 2),
  AveragePooling1D: pooling("AveragePool", 1),
  AveragePooling2D: pooling("AveragePool", 2),
  GlobalMaxPooling1D: globalPooling("GlobalMaxPool"),
  GlobalMaxPooling2D: globalPooling("GlobalMaxPool"),
  GlobalAveragePooling1D: globalPooling("GlobalAveragePool"),
  GlobalAveragePooling2D: globalPooling("GlobalAveragePool"),
  ZeroPadding1D: zeroPadding(1),
  ZeroPadding2D: zeroPadding(2),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  UpSampling2D: upSampling,
  Add: arithmetic("Add"),
  Subtract: arithmetic("Sub"),
  Multiply: arithmetic("Mul"),
  Average: average,
  Maximum: furthest("Max"),
  Minimum: furthest("Min"),
  Concatenate: ({ b, inputs, config }) => concat(b, inputs, config.number("axis", -1)),
};
