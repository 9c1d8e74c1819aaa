import { axisIndex, graphAxis, image, inFormat, reshaped, shapeOf } from "../axes";
import type { GraphBuilder, Value } from "../graph-builder";
import { type WindowOptions, windowAttributes } from "./convolution";

/** Max and average pooling; averages do not count padding, as in TensorFlow. */
export function pool(
  b: GraphBuilder,
  op: "MaxPool" | "AveragePool",
  x: Value,
  size: readonly number[],
  options: WindowOptions,
): Value {
  return b.emit(op, [inFormat(b, x, options.channelsFirst)], windowAttributes(size, options));
}

/** Pooling over all places. */
export function globalPool(
  b: GraphBuilder,
  op: "GlobalMaxPool" | "GlobalAveragePool",
  x: Value,
  keepAxes: boolean,
  channelsFirst: boolean,
): Value {
  const input = inFormat(b, x, channelsFirst);
  const pooled = b.emit(op, [input]);
  return keepAxes ? pooled : reshaped(b, pooled, [input.shape[0], input.shape[1]]);
}

const reductions = {
  Mean: "ReduceMean",
  Sum: "ReduceSum",
  Max: "ReduceMax",
  Min: "ReduceMin",
  Prod: "ReduceProd",
} as const;
export type Reduction = keyof typeof reductions;

/** Mean, Sum, Max, Min, Prod over TensorFlow's axes. Over all places it is a pooling. */
export function reduction(
  b: GraphBuilder,
  kind: Reduction,
  given: Value,
  axes: readonly number[],
  keepAxes: boolean,
): Value {
  const x = image(b, given);
  const list = axes.length > 0 ? axes : x.shape.map((_, axis) => axis);
  const graphAxes = list.map((axis) => graphAxis(x, axis)).sort((left, right) => left - right);
  const rank = x.shape.length;
  const spatial = graphAxes.length === rank - 2 && graphAxes.every((axis, i) => axis === i + 2);
  const pools = (kind === "Mean" || kind === "Max") && rank >= 3 && spatial && !x.constant;
  const kept = pools
    ? b.emit(kind === "Mean" ? "GlobalAveragePool" : "GlobalMaxPool", [x])
    : b.emit(reductions[kind], [x, b.ints(graphAxes)], { keepdims: 1 });
  if (keepAxes) return kept;
  const dropped = new Set(list.map((axis) => axisIndex(x, axis)));
  return reshaped(
    b,
    kept,
    shapeOf(kept).filter((_, axis) => !dropped.has(axis)),
  );
}
