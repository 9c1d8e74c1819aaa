/** Layers with weights: sums of products of integers, which become numbers of the result's grid. */
import { ModelError } from "../../errors";
import type { Attribute, Constant } from "../../graph/ir";
import { label, type Shape } from "../../graph/shape-rule";
import { showShape, sizeOf } from "../../tensor";
import type { Lowered } from "../lowering/emitter";
import { gridAt, isPlain, type PlainGrid, placesOfEnds, scalesOf, wholes, zerosOf } from "./grid";
import { centred, gridOf, type Knowledge, onGrid, placesAt, realsAt, rectified, roundedToGrid, setGrid } from "./known";

const f = Math.fround;

/** How many bits the integers of a value have at most. */
export const bitsOf = (type: string | undefined): number => (type?.endsWith("16") ? 16 : 8);

/** Weights, their scales and their zero points. */
export interface Weights {
  readonly integers: Constant;
  readonly scales: readonly number[];
  readonly zeros: readonly number[];
}

const attributesOf = (from: Lowered, ...left: readonly string[]): Record<string, Attribute> =>
  Object.fromEntries([...from.node.attributes].filter(([key]) => !left.includes(key)));

/** The weights at an input, with their scales and zero points at the two behind it: one, or one for each place of an axis. */
function weightsAt(from: Lowered, index: number, axis: number, scaleIndex = index + 1, zeroIndex = index + 2): Weights {
  const integers = integersOf(from, index, "weight");
  const scales = scalesOf(from, scaleIndex);
  return checked(from, { integers, scales, zeros: zerosBeside(from, integers, zeroIndex, axis) }, axis);
}

function integersOf(from: Lowered, index: number, what: string): Constant {
  const integers = from.known[index];
  if (integers?.kind === "int") return integers;
  const why = integers ? `holds ${integers.kind}s` : "is computed from the image";
  throw new ModelError(
    `${label(from.node)}: its ${what} "${from.input(index)}" ${why}, and must be a constant of integers.`,
  );
}

/** Zero points of weights, of the weights' own type: one, or one for each place of an axis. */
function zerosBeside(from: Lowered, integers: Constant, index: number, axis: number): number[] {
  if (!from.has(index)) return [0];
  const places = integers.shape[axis] ?? 1;
  const { zeros, type } = zerosOf(from, index, from.known[index]?.size === 1 ? 1 : places);
  if (integers.elements !== undefined && integers.elements !== type) {
    throw new ModelError(
      `${label(from.node)}: its weight holds ${integers.elements}, and the zero point "${from.input(index)}" is ${type}.`,
    );
  }
  return zeros;
}

function checked(from: Lowered, weights: Weights, axis: number): Weights {
  const { integers, scales } = weights;
  const places = integers.shape[axis] ?? 1;
  if (scales.length === 1 || scales.length === places) return weights;
  throw new ModelError(
    `${label(from.node)}: its weight ${showShape(integers.shape)} has ${scales.length} scales, and must have one or ${places}.`,
  );
}

/** Weights as the floats that they stand for. */
function floatWeights({ integers, scales, zeros }: Weights, axis: number): Constant {
  const places = centred(integers, zeros, axis);
  const values = places.floats();
  const inner = sizeOf(integers.shape.slice(axis + 1));
  const extent = integers.shape[axis] ?? 1;
  for (let i = 0; i < values.length; i++) values[i] *= scales[scales.length === 1 ? 0 : Math.floor(i / inner) % extent];
  return places;
}

const named = (from: Lowered, constant: Constant): string => from.floats(constant.floats(), constant.shape);

/** What a product of two integers is in real numbers, for all channels or for each: in float32, as it is computed there. */
export const unitsOf = (x: number, scales: readonly number[], alpha = 1): Float32Array =>
  Float32Array.from(scales, (scale) => f(f(alpha * x) * scale));

/** Sums of products of integers as numbers of a grid: channels lie along the given axis. */
export function requantised(
  from: Lowered,
  products: string,
  { units, grid, axis, rank }: { units: Float32Array; grid: PlainGrid; axis: number; rank: number },
): string {
  const [step] = grid.scale;
  const factor = units.map((unit) => unit / step);
  const ends = placesOfEnds(grid);
  const sums = factor.every((each) => each > 0) ? rectified(from, products, grid) : products;
  if (factor.length === 1 || (axis === 1 && rank > 1)) {
    return roundedToGrid(from, sums, { factor: factor.length === 1 ? factor[0] : factor, step, ends });
  }
  const shape = [factor.length, ...new Array<number>(rank - 1 - axis).fill(1)];
  return roundedToGrid(from, from.emit("Mul", [sums, from.floats(factor, shape)]), { factor: 1, step, ends });
}

/** The same as real numbers. */
export function realSums(from: Lowered, sums: string, units: Float32Array, axis: number, rank: number): string {
  const shape = units.length === 1 ? [] : [units.length, ...new Array<number>(rank - 1 - axis).fill(1)];
  return from.emit("Mul", [sums, from.floats(units, shape)]);
}

/** A convolution of integers: what stands around the input is its zero point, so nothing. */
export function convolved(
  from: Lowered,
  places: string,
  weights: Weights,
  bias: Constant | undefined,
  type: string | undefined,
): string {
  const filter = named(from, centred(weights.integers, weights.zeros, 0));
  const inputs = bias ? [places, filter, named(from, bias)] : [places, filter];
  return from.emit("Conv", inputs, { ...attributesOf(from), integers: bitsOf(type) });
}

export function qLinearConv(known: Knowledge, from: Lowered): undefined {
  const input = gridAt(from, 1, 2);
  const weights = weightsAt(from, 3, 0);
  const output = gridAt(from, 6, 7);
  const bias = from.has(8) ? integersOf(from, 8, "bias") : undefined;
  const units = unitsOf(input.scale[0], weights.scales);
  if (known.reading === "deployed") {
    const sums = convolved(from, placesAt(known, from, 0, input), weights, bias, input.type);
    from.result(requantised(from, sums, { units, grid: output, axis: 1, rank: from.shape(0).length }));
  } else {
    const filter = named(from, floatWeights(weights, 0));
    const inputs = [realsAt(known, from, 0, input), filter, ...(bias ? [named(from, scaledBias(bias, units))] : [])];
    const real = from.emit("Conv", inputs, attributesOf(from));
    from.result(onGrid(known, from, rectified(from, real, output), output));
  }
  setGrid(known, from, output);
  return undefined;
}

/** A bias as real numbers, with its unit for all channels or for each along its last axis. */
function scaledBias(bias: Constant, units: Float32Array): Constant {
  return centredTimes(bias, units);
}

function centredTimes(bias: Constant, units: Float32Array): Constant {
  const last = bias.shape.length - 1;
  const out = centred(bias, [0], Math.max(last, 0));
  const values = out.floats();
  for (let i = 0; i < values.length; i++) values[i] *= units[units.length === 1 ? 0 : i % units.length];
  return out;
}

/** One side of a product of matrices: a value that is computed, or weights with a scale for each column. */
interface Side {
  readonly name: string;
  readonly scales: readonly number[];
  /** Of a value that is computed. */
  readonly type?: string;
}

const lastAxis = (shape: Shape): number => Math.max(shape.length - 1, 0);

/** A side as integers less their zero point, or as real numbers. */
function sideAt(known: Knowledge, from: Lowered, index: number): Side {
  const isDeployed = known.reading === "deployed";
  if (from.known[index]) {
    const axis = lastAxis(from.shape(index));
    const weights = weightsAt(from, index, axis);
    const constant = isDeployed ? centred(weights.integers, weights.zeros, axis) : floatWeights(weights, axis);
    return { name: named(from, constant), scales: weights.scales };
  }
  const grid = gridAt(from, index + 1, index + 2);
  return { name: (isDeployed ? placesAt : realsAt)(known, from, index, grid), scales: grid.scale, type: grid.type };
}

/** Of which several numbers can only be those of columns. */
function unitsOfSides(from: Lowered, a: Side, b: Side, alpha = 1): Float32Array {
  if (a.scales.length === 1) return unitsOf(a.scales[0], b.scales, alpha);
  throw new ModelError(`${label(from.node)}: the first matrix has ${a.scales.length} scales, and must have one.`);
}

export function qLinearMatMul(known: Knowledge, from: Lowered): undefined {
  const [a, b] = [sideAt(known, from, 0), sideAt(known, from, 3)];
  const output = gridAt(from, 6, 7);
  const isDeployed = known.reading === "deployed";
  const product = from.emit("MatMul", [a.name, b.name], isDeployed ? { integers: bitsOf(a.type) } : {});
  const units = unitsOfSides(from, a, b);
  const rank = Math.max(from.shape(0).length, from.shape(3).length);
  from.result(
    known.reading === "deployed"
      ? requantised(from, product, { units, grid: output, axis: rank - 1, rank })
      : onGrid(known, from, rectified(from, product, output), output),
  );
  setGrid(known, from, output);
  return undefined;
}

/** The last two axes of a constant change places. */
function turned(from: Lowered, name: string, turns: boolean): string {
  return turns ? from.transpose(name, [1, 0]) : name;
}

/** α·a·b + c, of integers: c is in units of products already. */
export function qGemm(known: Knowledge, from: Lowered): undefined {
  const alpha = from.number("alpha", 1);
  const input = gridAt(from, 1, 2);
  const isTurned = from.number("transB", 0) !== 0;
  const weights = weightsAt(from, 3, isTurned ? 0 : 1);
  const units = unitsOf(input.scale[0], weights.scales, alpha);
  const bias = from.has(6) ? integersOf(from, 6, "bias") : undefined;
  const output = from.has(7) ? gridAt(from, 7, 8, input.type) : undefined;
  const isDeployed = known.reading === "deployed";
  const axis = isTurned ? 0 : 1;
  const a = (isDeployed ? placesAt : realsAt)(known, from, 0, input);
  const b = named(from, isDeployed ? centred(weights.integers, weights.zeros, axis) : floatWeights(weights, axis));
  const product = from.emit(
    "MatMul",
    [turned(from, a, from.number("transA", 0) !== 0), turned(from, b, isTurned)],
    isDeployed ? { integers: bitsOf(input.type) } : {},
  );
  const sums = isDeployed || alpha === 1 ? product : from.emit("Mul", [product, from.scalar(alpha)]);
  const shift = bias && named(from, isDeployed ? centred(bias, [0], 0) : scaledBias(bias, units));
  const all = shift === undefined ? sums : from.emit("Add", [sums, shift]);
  if (!output) from.result(isDeployed ? realSums(from, all, units, 1, 2) : from.emit("Identity", [all]));
  else {
    from.result(
      isDeployed
        ? requantised(from, all, { units, grid: output, axis: 1, rank: 2 })
        : onGrid(known, from, rectified(from, all, output), output),
    );
    setGrid(known, from, output);
  }
  return undefined;
}

/** Integers less the zero point at another input, which may be the computed one of a value whose scale is computed. */
export function integersLess(known: Knowledge, from: Lowered, index: number, zeroIndex: number, axis: number): string {
  const constant = from.known[index];
  const zeroName = from.has(zeroIndex) ? from.input(zeroIndex) : "";
  if (constant) {
    const integers = integersOf(from, index, "input");
    return named(from, centred(integers, zerosBeside(from, integers, zeroIndex, axis), axis));
  }
  const given = known.values.get(from.input(index));
  if (given && "computedZero" in given) {
    if (zeroName === given.computedZero) return from.input(index);
    if (zeroName === "") return from.emit("Add", [from.input(index), given.computedZero]);
    throw new ModelError(
      `${label(from.node)}: the zero point "${zeroName}" is not that of "${from.input(index)}", which is "${given.computedZero}".`,
    );
  }
  if (!given?.whole || !isPlain(given.grid)) {
    throw new ModelError(`${label(from.node)}: its input "${from.input(index)}" holds no quantised integers.`);
  }
  const { zeros } = zerosOf(from, zeroIndex, 1, given.grid.type);
  return placesAt(known, from, index, { ...given.grid, zero: zeros });
}

export function convInteger(known: Knowledge, from: Lowered): undefined {
  const places = integersLess(known, from, 0, 2, 0);
  const integers = integersOf(from, 1, "weight");
  const weights = { integers, scales: [1], zeros: zerosBeside(from, integers, 3, 0) };
  from.result(convolved(from, places, weights, undefined, gridOf(known, from.input(0))?.type));
  setGrid(known, from, wholes("int32"));
  return undefined;
}

/** A product of two matrices of integers less their zero points. */
function integerProduct(known: Knowledge, from: Lowered, zeros: readonly [number, number]): string {
  const [a, b] = zeros.map((zero, i) =>
    integersLess(known, from, i, zero, i === 0 ? Math.max(from.shape(0).length - 2, 0) : lastAxis(from.shape(1))),
  );
  return from.emit("MatMul", [a, b]);
}

export function matMulInteger(known: Knowledge, from: Lowered): undefined {
  from.result(integerProduct(known, from, [2, 3]));
  setGrid(known, from, wholes("int32"));
  return undefined;
}

/** A product of integers times both scales, and a bias of floats. */
export function matMulIntegerToFloat(known: Knowledge, from: Lowered): undefined {
  const product = integerProduct(known, from, [4, 5]);
  from.result(withBias(from, product, from.emit("Mul", [from.input(2), from.input(3)]), 6));
  return undefined;
}

export function withBias(from: Lowered, product: string, scale: string, bias: number): string {
  const real = from.emit("Mul", [product, scale]);
  return from.has(bias) ? from.emit("Add", [real, from.input(bias)]) : real;
}
