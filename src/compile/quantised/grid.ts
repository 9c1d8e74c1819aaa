/** The numbers that the integers of a quantised value stand for. */
import { ModelError } from "../../errors";
import type { Constant } from "../../graph/ir";
import { axisOf, label, type Shape } from "../../graph/shape-rule";
import { integerRanges } from "../../operators/quantize";
import { showShape } from "../../tensor";
import type { Lowered } from "../lowering/emitter";

/** The numbers (k − zero point) · scale for the integers k of a type. */
export interface Grid {
  /** One, or one for each place of the axis. */
  readonly scale: readonly number[];
  /** As many as scales. */
  readonly zero: readonly number[];
  /** Which axis has scales of its own; undefined where one scale is that of all. */
  readonly axis: number | undefined;
  /** The smallest and the largest integer. */
  readonly low: number;
  readonly high: number;
  readonly type: string;
}

/** A grid with one scale and zero point. */
export interface PlainGrid extends Grid {
  readonly axis: undefined;
}

/** What the integers of an input, or sums of products of integers, stand for: themselves. */
export const wholes = (type: string): PlainGrid => {
  const [low, high] = integerRanges.get(type) ?? [-(2 ** 31), 2 ** 31 - 1];
  return { scale: [1], zero: [0], axis: undefined, low, high, type };
};

export const isSameGrid = (a: Grid, b: Grid): boolean =>
  a.low === b.low &&
  a.high === b.high &&
  a.axis === b.axis &&
  isSameList(a.scale, b.scale) &&
  isSameList(a.zero, b.zero);

const isSameList = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

export const isPlain = (grid: Grid): grid is PlainGrid => grid.axis === undefined;

/** The smallest and the largest integer less the zero point, as places of a grid. */
export const placesOfEnds = ({
  low,
  high,
  zero: [zero],
}: PlainGrid): { readonly low: number; readonly high: number } => ({
  low: low - zero,
  high: high - zero,
});

function damaged(from: Lowered, what: string): never {
  throw new ModelError(`${label(from.node)}: ${what}. The file is damaged, or was quantised by something that erred.`);
}

/** A constant that says how a value is quantised. */
function parameter(from: Lowered, index: number, what: string): Constant {
  const constant = from.known[index];
  if (constant) return constant;
  if (!from.has(index)) return damaged(from, `its ${what} is missing`);
  return damaged(from, `its ${what} "${from.input(index)}" is computed from the image, and must be a constant`);
}

/** The scales at an input: floats above zero. */
export function scalesOf(from: Lowered, index: number): number[] {
  const constant = parameter(from, index, "scale");
  if (constant.kind !== "float") damaged(from, `its scale "${from.input(index)}" holds integers, and must hold floats`);
  const numbers = [...constant.numbers()];
  if (numbers.length === 0) damaged(from, `its scale "${from.input(index)}" is empty`);
  for (const scale of numbers) {
    if (!(scale > 0 && Number.isFinite(scale))) {
      damaged(from, `its scale "${from.input(index)}" is ${scale}, and must be a number above zero`);
    }
  }
  return numbers;
}

/** The one scale at an input. */
function scaleOf(from: Lowered, index: number): number {
  const scales = scalesOf(from, index);
  if (scales.length !== 1)
    damaged(from, `its scale "${from.input(index)}" has ${scales.length} numbers, and must have one`);
  return scales[0];
}

/** The zero points at an input, and the type that is theirs and their value's. */
export function zerosOf(
  from: Lowered,
  index: number,
  count: number,
  fallback?: string,
): { zeros: number[]; type: string } {
  if (!from.has(index)) {
    if (fallback === undefined) return damaged(from, "its zero point is missing");
    return { zeros: new Array<number>(count).fill(0), type: fallback };
  }
  const constant = parameter(from, index, "zero point");
  const name = from.input(index);
  const type = constant.kind === "int" ? (constant.elements ?? fallback) : undefined;
  const range = type === undefined ? undefined : integerRanges.get(type);
  if (type === undefined || !range) {
    return damaged(
      from,
      `its zero point "${name}" holds ${constant.kind === "int" ? (type ?? "integers of a type that is not known") : `${constant.kind}s`}, ` +
        "and must hold integers of 4, 8 or 16 bits",
    );
  }
  const numbers = [...constant.numbers()];
  if (numbers.length !== count) {
    damaged(from, `its zero point "${name}" has ${numbers.length} numbers, and its scale has ${count}`);
  }
  for (const zero of numbers) {
    if (!(Number.isInteger(zero) && zero >= range[0] && zero <= range[1]))
      damaged(from, `its zero point "${name}" is ${zero}, and ${type} ends at ${range[0]} and ${range[1]}`);
  }
  return { zeros: numbers, type };
}

/** The grid that a scale and a zero point say, of one scale. */
export function gridAt(from: Lowered, scaleIndex: number, zeroIndex: number, fallback = "uint8"): PlainGrid {
  const scale = scaleOf(from, scaleIndex);
  const { zeros, type } = zerosOf(from, zeroIndex, 1, fallback);
  const [low, high] = integerRanges.get(type) as readonly [number, number];
  return { scale: [scale], zero: zeros, axis: undefined, low, high, type };
}

/** The grid of a QuantizeLinear or DequantizeLinear, which may have a scale for each place of an axis. */
export function linearGrid(from: Lowered, shape: Shape, fallback: string): Grid | string {
  const scales = scalesOf(from, 1);
  const { zeros, type } = zerosOf(from, 2, scales.length, fallback);
  const [low, high] = integerRanges.get(type) as readonly [number, number];
  const rank = from.known[1]?.shape.length ?? 0;
  if (from.number("block_size", 0) > 0 || rank > 1) return "it has a scale for each block of a value that is computed";
  if (scales.length === 1) return { scale: scales, zero: zeros, axis: undefined, low, high, type };
  const axis = axisOf(from.node, from.number("axis", 1), shape.length);
  if (shape[axis] !== scales.length) {
    damaged(
      from,
      `the scale of a value ${showShape(shape)} must be one number or ${shape[axis]} of them (axis ${axis}), it has ${scales.length}`,
    );
  }
  return { scale: scales, zero: zeros, axis, low, high, type };
}
