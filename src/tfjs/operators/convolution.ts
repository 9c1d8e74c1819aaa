/** TensorFlow's convolutions and matrix products. Filters are spatial…, in, out there, and out, in, spatial… in the graph. */
import type { Attribute } from "../../graph/ir";
import { showShape } from "../../tensor";
import { inFormat, inMovedOrder, inPlainOrder, reordered, reshaped } from "../axes";
import { type GraphBuilder, refuse, type Value } from "../graph-builder";

/** Explicit padding has one entry per spatial axis. */
export type ConvPadding =
  | "same"
  | "valid"
  | "causal"
  | { readonly begin: readonly number[]; readonly end: readonly number[] };

export interface WindowOptions {
  /** One entry per spatial axis, as all lists here. */
  readonly strides: readonly number[];
  readonly padding: ConvPadding;
  readonly channelsFirst: boolean;
}

export interface ConvOptions extends WindowOptions {
  readonly dilations: readonly number[];
  /** Where whole numbers are multiplied and added up without rounding: how many bits they have. */
  readonly integers?: number;
}

/** 'same' puts the odd element behind, which ONNX calls SAME_UPPER. */
export function windowAttributes(
  kernel: readonly number[],
  { strides, padding }: WindowOptions,
  dilations = kernel.map(() => 1),
): Record<string, Attribute> {
  const attributes = { kernel_shape: kernel, strides, dilations };
  if (padding === "valid") return attributes;
  if (padding === "same") return { ...attributes, auto_pad: "SAME_UPPER" };
  const none = kernel.map(() => 0);
  const { begin, end } =
    padding === "causal" ? { begin: kernel.map((k, i) => (k - 1) * dilations[i]), end: none } : padding;
  return { ...attributes, pads: [...begin, ...end] };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function filterOf(b: GraphBuilder, filter: Value, rank: number): Value {
  if (!filter.constant) refuse("its filter is not a constant");
  if (filter.shape.length !== rank) {
    refuse(`its filter ${showShape(filter.shape)} does not fit an input of rank ${rank}`);
  }
  return inPlainOrder(b, filter);
}

function checkBias(bias: Value | undefined): void {
  if (bias && !bias.constant) refuse("its bias is not a constant");
}

const exact = ({ integers }: Pick<ConvOptions, "integers">): Record<string, Attribute> =>
  integers ? { integers } : {};

/** Conv1D and Conv2D, in groups where the filter takes fewer channels than there are. */
export function convolution(b: GraphBuilder, x: Value, filter: Value, options: ConvOptions, bias?: Value): Value {
  const input = inFormat(b, x, options.channelsFirst);
  const rank = input.shape.length;
  checkBias(bias);
  const weight = reordered(b, filterOf(b, filter, rank), [rank - 1, rank - 2, ...range(rank - 2)], false);
  const attributes = { ...windowAttributes(weight.shape.slice(2), options, [...options.dilations]), ...exact(options) };
  const group = Math.max(1, Math.floor(input.shape[1] / weight.shape[1]));
  return b.emit("Conv", bias ? [input, weight, bias] : [input, weight], { ...attributes, group });
}

/** DepthwiseConv2D: the filter is spatial…, in, multiplier; output channel c·multiplier + m looks at channel c. */
export function depthwise(b: GraphBuilder, x: Value, filter: Value, options: ConvOptions, bias?: Value): Value {
  const input = inFormat(b, x, options.channelsFirst);
  const rank = input.shape.length;
  checkBias(bias);
  const grouped = reordered(b, filterOf(b, filter, rank), [rank - 2, rank - 1, ...range(rank - 2)], false);
  const [channels, multiplier, ...kernel] = grouped.shape;
  const weight = b.emit("Reshape", [grouped, b.ints([channels * multiplier, 1, ...kernel])]);
  const attributes = { ...windowAttributes(kernel, options, [...options.dilations]), ...exact(options) };
  return b.emit("Conv", bias ? [input, weight, bias] : [input, weight], { ...attributes, group: channels });
}

export interface TransposeOptions extends ConvOptions {
  /** Spatial extents of the output; default: what the strides make of the input. */
  readonly output?: readonly number[];
}

/**
 * Conv2DTranspose: the adjoint of the convolution from the output's size to the input's. Its padding is that of this
 * convolution, so the output's size decides it. The filter is spatial…, out, in.
 */
export function transposedConvolution(
  b: GraphBuilder,
  x: Value,
  filter: Value,
  options: TransposeOptions,
  bias?: Value,
): Value {
  const { strides, dilations, padding, channelsFirst } = options;
  const input = inFormat(b, x, channelsFirst);
  const rank = input.shape.length;
  checkBias(bias);
  const weight = reordered(b, filterOf(b, filter, rank), [rank - 1, rank - 2, ...range(rank - 2)], false);
  const kernel = weight.shape.slice(2);
  const extents = kernel.map((k, i) => (k - 1) * dilations[i] + 1);
  const full = extents.map((extent, i) => (input.shape[i + 2] - 1) * strides[i] + extent);
  const regular = full.map((n, i) =>
    padding === "same" ? input.shape[i + 2] * strides[i] : n + Math.max(0, strides[i] - extents[i]),
  );
  const output = options.output ?? regular;
  const explicit = typeof padding === "object" ? padding : undefined;
  const surplus = full.map((n, i) => Math.max(0, n - output[i]));
  const begin = explicit?.begin ?? surplus.map((n) => Math.floor(n / 2));
  const end = explicit?.end ?? surplus.map((n, i) => n - begin[i]);
  const attributes = {
    kernel_shape: kernel,
    strides,
    dilations,
    ...exact(options),
    pads: [...begin, ...end],
    output_padding: full.map((n, i) => Math.max(0, output[i] - (n - begin[i] - end[i]))),
  };
  return b.emit("ConvTranspose", bias ? [input, weight, bias] : [input, weight], attributes);
}

/** Dense: the product of the last axis with a matrix [in, out]; from rank 3 on a convolution with one tap. */
export function dense(b: GraphBuilder, x: Value, matrix: Value, bias?: Value, integers = 0): Value {
  if (!matrix.constant || matrix.shape.length !== 2) refuse("its matrix is not a constant of rank 2");
  checkBias(bias);
  const rank = x.shape.length;
  if (rank === 2) return b.emit("Gemm", bias ? [x, matrix, bias] : [x, matrix]);
  if (rank < 2 || rank > 4) refuse(`it multiplies a value of rank ${rank}; 2 to 4 are supported`);
  const filter = reshaped(b, matrix, [...range(rank - 2).map(() => 1), ...matrix.shape]);
  const ones = range(rank - 2).map(() => 1);
  return convolution(
    b,
    inMovedOrder(b, x),
    filter,
    { strides: ones, dilations: ones, padding: "valid", channelsFirst: false, integers },
    bias,
  );
}
