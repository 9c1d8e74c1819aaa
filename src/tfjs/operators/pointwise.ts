/** Element-wise functions, arithmetic with TensorFlow's broadcasting, and normalisations. */
import type { Attribute } from "../../graph/ir";
import { sizeOf } from "../../tensor";
import { axisIndex, graphAxis, image, inMovedOrder, inPlainOrder, orderedLike, reshaped, shapeOf } from "../axes";
import { type GraphBuilder, refuse, type Value } from "../graph-builder";

export const unary = (b: GraphBuilder, op: string, x: Value, attributes: Record<string, Attribute> = {}): Value =>
  b.emit(op, [image(b, x)], attributes);

/** An arithmetic operator of two values whose axes align at the right. */
export const binary = (b: GraphBuilder, op: string, left: Value, right: Value): Value =>
  elementwiseOf(b, op, [left, right]);

/** An operator of several such values. */
export function elementwiseOf(b: GraphBuilder, op: string, values: readonly Value[]): Value {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  const widened = values.map((value) => widen(b, value, rank));
  const changing = widened.map((value, i) => ({ value, whole: sizeOf(value.shape), i }));
  const [model] = changing.filter(({ value }) => !value.constant).sort((a, c) => c.whole - a.whole || a.i - c.i);
  const order = image(b, (model ?? changing[0]).value);
  const aligned = widened.map((value, i) => (i === model?.i ? order : alignedWith(b, value, order)));
  return b.emit(op, aligned, {}, order.moved);
}

/** One number fits every shape; everything else takes the other's order of axes. */
const alignedWith = (b: GraphBuilder, value: Value, model: Value): Value =>
  value.constant && value.constant.size === 1 && value.shape.length === 0 ? value : orderedLike(b, value, model);

function widen(b: GraphBuilder, value: Value, rank: number): Value {
  if (value.constant?.size === 1)
    return value.shape.length === 0 ? value : b.emit("Reshape", [value, b.ints([])], {}, false);
  if (value.shape.length === rank) return value;
  const missing = new Array<number>(rank - value.shape.length).fill(1);
  return reshaped(b, value, [...missing, ...shapeOf(value)]);
}

export function clip(b: GraphBuilder, given: Value, low?: number, high?: number): Value {
  const bound = (value: number | undefined): Value | undefined => (value === undefined ? undefined : b.scalar(value));
  return b.emit("Clip", [image(b, given), bound(low), bound(high)]);
}

/** x for positive x, α·x for negative; α repeats to the shape of x. */
export function prelu(b: GraphBuilder, given: Value, alpha: Value): Value {
  const x = image(b, given);
  return b.emit("PRelu", [x, orderedLike(b, widen(b, alpha, x.shape.length), x)]);
}

export interface NormParameters {
  readonly mean: Value;
  readonly variance: Value;
  readonly scale?: Value;
  readonly shift?: Value;
}

/** (x − mean) / √(variance + ε) · scale + shift per channel; `axis` says which axis the channels are. */
export function batchNorm(
  b: GraphBuilder,
  given: Value,
  { mean, variance, scale, shift }: NormParameters,
  epsilon: number,
  axis: number,
): Value {
  const index = axisIndex(given, axis);
  const rank = given.shape.length;
  if (index !== 1 && index !== rank - 1) refuse(`it normalises along axis ${axis} of a value of rank ${rank}`);
  const x = index === rank - 1 ? inMovedOrder(b, given) : inPlainOrder(b, given);
  const channels = x.shape[1];
  const all = [
    scale ?? b.floats(new Array(channels).fill(1)),
    shift ?? b.floats(new Array(channels).fill(0)),
    mean,
    variance,
  ];
  if (all.some((value) => !value.constant)) refuse("its parameters are not constants");
  return b.emit("BatchNormalization", [x, ...all], { epsilon });
}

/** (x − mean) / √(variance + ε) · scale + shift, statistics over one axis of each sample. */
export function layerNorm(
  b: GraphBuilder,
  given: Value,
  scale: Value | undefined,
  shift: Value | undefined,
  epsilon: number,
  axes: readonly number[],
): Value {
  const x = image(b, given);
  const reduced = b.ints(axes.map((axis) => graphAxis(x, axis)));
  const mean = (value: Value): Value => b.emit("ReduceMean", [value, reduced], { keepdims: 1 });
  const centred = b.emit("Sub", [x, mean(x)]);
  const variance = mean(b.emit("Mul", [centred, centred]));
  const deviation = b.emit("Sqrt", [binary(b, "Add", variance, b.scalar(epsilon))]);
  const normal = b.emit("Div", [centred, deviation]);
  const alongAxes = (value: Value): Value =>
    reshaped(
      b,
      value,
      shapeOf(x).map((extent, axis) => (axes.some((one) => axisIndex(x, one) === axis) ? extent : 1)),
    );
  const scaled = scale ? binary(b, "Mul", normal, alongAxes(scale)) : normal;
  return shift ? binary(b, "Add", scaled, alongAxes(shift)) : scaled;
}
