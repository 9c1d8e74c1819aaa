/** What is known of quantised values while a network is read, and the operators that take them apart and put them together. */
import { ModelError } from "../../errors";
import { Constant } from "../../graph/ir";
import { label } from "../../graph/shape-rule";
import { sizeOf } from "../../tensor";
import type { Lowered } from "../lowering/emitter";
import { type Grid, isPlain, isSameGrid, type PlainGrid, placesOfEnds } from "./grid";

/**
 * A quantised value. Kept are the real numbers that its integers stand for; of a value whose scale is computed from it, its integers
 * less the zero point.
 */
export type QuantisedValue =
  | {
      readonly grid: Grid;
      /** True where the file has integers here, false where it has the real numbers. */
      readonly whole: boolean;
      /** True where what it holds may lie between the numbers of its grid, as an input's numbers may. */
      readonly between?: boolean;
    }
  | { readonly computedZero: string };

/** A constant that a DequantizeLinear makes floats of. */
export interface Weight {
  readonly integers: Constant;
  readonly scale: Constant;
  readonly zero: Constant | undefined;
  /** The axis of the scales, as the file says it. */
  readonly axis: number;
}

export type QuantisedReading = "deployed" | "float";

/** What lowerings of quantised operators are handed. */
export interface Knowledge {
  readonly reading: QuantisedReading;
  /** By the names of values. */
  readonly values: Map<string, QuantisedValue>;
  readonly weights: Map<string, Weight>;
}

/** Where a value lies, if it is one of integers on a grid that is known. */
export const gridOf = (known: Knowledge, name: string): Grid | undefined => {
  const value = known.values.get(name);
  return value && "grid" in value ? value.grid : undefined;
};

/** y = step · clamp(round(x · factor + zero) − zero), or of x / factor. */
interface Rounding {
  readonly factor: number | Float32Array;
  readonly step: number;
  readonly divide?: boolean;
  /** Cut off, and not rounded. */
  readonly unrounded?: boolean;
  /** Where the grid ends. */
  readonly ends?: { readonly low: number; readonly high: number };
  /** What is added before the rounding. */
  readonly zero?: number;
}

export function roundedToGrid(
  from: Lowered,
  x: string,
  { factor, step, divide = false, unrounded = false, ends, zero = 0 }: Rounding,
): string {
  const factors = typeof factor === "number" ? Float32Array.of(factor) : factor;
  return from.emit(
    "RoundToGrid",
    [x, from.floats(factors, [factors.length]), from.floats(Float32Array.of(step), [1])],
    {
      ...(ends && { low: ends.low, high: ends.high }),
      ...(zero !== 0 && { zero }),
      divide: Number(divide),
      ...(unrounded && { unrounded: 1 }),
    },
  );
}

const plainOf = (from: Lowered, index: number, grid: Grid): PlainGrid => {
  if (isPlain(grid)) return grid;
  throw new ModelError(
    `${label(from.node)}: its input "${from.input(index)}" has a scale for each of several parts, and only weights may have.`,
  );
};

/** Integers of a constant less their zero points, which are one, or one for each place of an axis. */
export function centred(constant: Constant, zeros: readonly number[], axis: number): Constant {
  const values = constant.values();
  const inner = sizeOf(constant.shape.slice(axis + 1));
  const extent = constant.shape[axis] ?? 1;
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = values[i] - zeros[zeros.length === 1 ? 0 : Math.floor(i / inner) % extent];
  }
  return Constant.fromFloats(out, constant.shape);
}

/** The value of a constant of integers at an input. */
function integersAt(from: Lowered, index: number, { low, high, type }: PlainGrid): Constant | undefined {
  const constant = from.known[index];
  if (!constant) return undefined;
  if (constant.kind !== "int" || (constant.elements ?? type) !== type) {
    const held = constant.kind === "int" ? constant.elements : `${constant.kind}s`;
    throw new ModelError(`${label(from.node)}: "${from.input(index)}" holds ${held}, and its zero point says ${type}.`);
  }
  const values = constant.values();
  for (let i = 0; i < values.length; i++) {
    if (values[i] < low || values[i] > high)
      throw new ModelError(`${label(from.node)}: "${from.input(index)}" holds ${values[i]}, which is no ${type}.`);
  }
  return constant;
}

function notQuantised(from: Lowered, index: number): never {
  throw new ModelError(
    `${label(from.node)}: its input "${from.input(index)}" must hold quantised integers, and nothing before it makes any ` +
      "(QuantizeLinear, an operator named QLinear…, or an input of integers).",
  );
}

function checkType(from: Lowered, index: number, own: Grid, said: Grid): void {
  if (own.type === said.type) return;
  throw new ModelError(
    `${label(from.node)}: its input "${from.input(index)}" holds ${own.type}, and its zero point says ${said.type}.`,
  );
}

/** What is at an input: the real numbers, if they are those of the grid that the node says; else what they must be moved by. */
function found(known: Knowledge, from: Lowered, index: number, said: PlainGrid): { own: PlainGrid; between: boolean } {
  const value = known.values.get(from.input(index));
  if (!value || !("grid" in value) || !value.whole) return notQuantised(from, index);
  const own = plainOf(from, index, value.grid);
  checkType(from, index, own, said);
  return { own, between: value.between === true };
}

/** The integers at an input less the zero point that the node says, as it computes with them. */
export function placesAt(known: Knowledge, from: Lowered, index: number, said: PlainGrid): string {
  const constant = integersAt(from, index, said);
  if (constant) {
    const places = centred(constant, said.zero, 0);
    return from.floats(places.floats(), places.shape);
  }
  const { own } = found(known, from, index, said);
  const places = roundedToGrid(from, from.input(index), { factor: own.scale[0], step: 1, divide: true });
  const by = own.zero[0] - said.zero[0];
  return by === 0 ? places : from.emit("Add", [places, from.scalar(by)]);
}

/** The real numbers at an input, as the node says them. */
export function realsAt(known: Knowledge, from: Lowered, index: number, said: PlainGrid): string {
  const constant = integersAt(from, index, said);
  if (constant) {
    const places = centred(constant, said.zero, 0).floats();
    return from.floats(
      places.map((place) => place * said.scale[0]),
      constant.shape,
    );
  }
  const { own, between } = found(known, from, index, said);
  if (isSameGrid(own, said) && !between) return from.input(index);
  return movedOnGrid(known, from, from.input(index), own, said, between);
}

/** Real numbers on one grid as those that the same integers stand for on another. */
export function movedOnGrid(
  known: Knowledge,
  from: Lowered,
  x: string,
  own: PlainGrid,
  said: PlainGrid,
  between: boolean,
): string {
  const by = own.zero[0] - said.zero[0];
  const isUnit = own.scale[0] === 1;
  const places =
    known.reading === "float" || between
      ? isUnit
        ? x
        : from.emit("Div", [x, from.scalar(own.scale[0])])
      : roundedToGrid(from, x, { factor: own.scale[0], step: 1, divide: true });
  const shifted = by === 0 ? places : from.emit("Add", [places, from.scalar(by)]);
  return said.scale[0] === 1 ? shifted : from.emit("Mul", [shifted, from.scalar(said.scale[0])]);
}

/** The nearest number of a grid; of a network that is read as one of real numbers, what lies between the ends of the grid. */
export function onGrid(
  known: Knowledge,
  from: Lowered,
  x: string,
  grid: PlainGrid,
  how: Pick<Rounding, "zero"> & Partial<Pick<Rounding, "factor" | "divide">> = {},
): string {
  const [scale] = grid.scale;
  const ends = placesOfEnds(grid);
  if (known.reading === "deployed")
    return roundedToGrid(from, x, { factor: scale, step: scale, divide: true, ends, ...how });
  return roundedToGrid(from, x, { factor: scale, step: scale, divide: true, ends, unrounded: true });
}

/** What a layer with weights makes: a grid that begins at zero is its rectifier, which exporters leave out. */
export const rectified = (from: Lowered, x: string, grid: PlainGrid): string =>
  placesOfEnds(grid).low === 0 ? from.emit("Relu", [x]) : x;

/** Says that a node's result lies on a grid, and is one of integers in the file. */
export function setGrid(known: Knowledge, from: Lowered, grid: Grid, whole = true, output = 0): void {
  const name = from.node.outputs[output] ?? "";
  if (name !== "") known.values.set(name, { grid, whole });
}
