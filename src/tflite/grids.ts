/** Quantised values: which numbers their integers stand for, and what puts values on them. */
import { entryOf } from "../guard";
import type { GraphBuilder, Value } from "../tfjs/graph-builder";
import { type LiteTensor, liteRanges } from "./schema";

/** The numbers (k − zero point) · scale for the integers k of a type. */
export interface TensorGrid {
  readonly scale: number;
  /** The integers less the zero point. */
  readonly low: number;
  readonly high: number;
  /** The integer that stands for zero. */
  readonly zero: number;
  readonly type: string;
}

/** The grid of a quantised value; undefined for one of floats, or of numbers that nothing stands behind. */
export function tensorGridOf({ type, quantisation }: LiteTensor): TensorGrid | undefined {
  const range = liteRanges.get(type);
  if (!range || quantisation?.scale.length !== 1) return undefined;
  const [zero] = quantisation.zeroPoint;
  return { scale: quantisation.scale[0], low: range[0] - zero, high: range[1] - zero, zero, type };
}

export const isSameTensorGrid = (a: TensorGrid | undefined, b: TensorGrid | undefined): boolean =>
  a !== undefined && b !== undefined && a.scale === b.scale && a.low === b.low && a.high === b.high;

/** The nearest number of a grid. TensorFlow Lite rounds halves away from zero. */
export const onTensorGrid = (b: GraphBuilder, x: Value, { scale, low, high }: TensorGrid): Value =>
  b.emit("RoundToGrid", [x, b.floats([scale]), b.floats([scale])], { low, high, away: 1, divide: 1 });

/** The integers, less the zero point, of a value that lies on a grid. */
export const gridPlaces = (b: GraphBuilder, x: Value, { scale }: TensorGrid): Value =>
  b.emit("RoundToGrid", [x, b.floats([scale]), b.floats([1])], { away: 1, divide: 1 });

/** The nearest integers, less the zero point, as numbers of their grid. Halves go away from the integer `from`. */
export function roundedFrom(
  b: GraphBuilder,
  places: Value,
  { type, scale, low, high, zero }: TensorGrid,
  from: number,
): Value {
  const [least] = entryOf(liteRanges, type);
  return b.emit("RoundToGrid", [places, b.floats([1]), b.floats([scale])], {
    ...{ low, high, away: 1 },
    zero: zero - Math.max(from, least),
  });
}

/**
 * A sum of products of integers becomes a number of the output's grid: times what its unit is there, rounded, cut off at the ends. Halves go to
 * the even integer, as the kernels of LiteRT's usual runtime (XNNPACK) round them.
 */
export const rescaled = (
  b: GraphBuilder,
  sum: Value,
  units: readonly number[],
  { scale, low, high }: TensorGrid,
): Value => b.emit("RoundToGrid", [sum, b.floats(units), b.floats([scale])], { low, high });
