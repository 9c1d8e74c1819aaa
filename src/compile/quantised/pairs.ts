/**
 * Float operators between DequantizeLinear and QuantizeLinear, which a runtime computes with the integers: their result is that of the
 * quantised operator, on the grid of the QuantizeLinear behind them, and that one finds it there.
 */
import { Constant, type Node } from "../../graph/ir";
import { quantizedType } from "../../operators/quantize";
import { roundHalfEven } from "../../operators/steps";
import { Lowered } from "../lowering/emitter";
import {
  averagePool,
  functionOf,
  type Grids,
  globalAveragePool,
  isPair,
  type Operands,
  product,
  softmax,
  sum,
} from "./elementwise";
import { type Grid, gridAt, isPlain, type PlainGrid } from "./grid";
import { centred, gridOf, type Knowledge, onGrid, roundedToGrid, type Weight } from "./known";
import { bitsOf, convolved, realSums, requantised, unitsOf, type Weights } from "./layers";

/** What follows a node. */
export interface Followers {
  /** The only node that reads a value, if there is one and the value is no result of the network. */
  readonly onlyReader: (value: string) => Node | undefined;
  readonly constant: (name: string) => Constant | undefined;
}

/** Operators that a QuantizeLinear may be put before as well as behind. */
const passing: ReadonlySet<string> = new Set(["Flatten", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]);

/** The grid that a result is put on, through what changes nothing there; all values on the way lie on it. */
function gridBehind(
  from: Lowered,
  { onlyReader, constant }: Followers,
): { grid: PlainGrid; on: readonly string[] } | undefined {
  const on: string[] = [];
  const between: Node[] = [];
  for (let value = from.node.outputs[0]; ; ) {
    on.push(value);
    const reader = onlyReader(value);
    if (!reader || reader.inputs[0] !== value) return undefined;
    if (reader.op === "QuantizeLinear") {
      const known = reader.inputs.map((input, i) => (i === 0 || input === "" ? undefined : constant(input)));
      if (known.length < 2 || known.slice(1).some((each, i) => !each && (reader.inputs[i + 1] ?? "") !== ""))
        return undefined;
      if (known[1]?.size !== 1 || known[1].shape.length > 1) return undefined;
      const grid = gridAt(reading(from, reader, known), 1, 2, quantizedType(reader));
      return between.every((node) => changesNothing(node, grid, constant)) ? { grid, on } : undefined;
    }
    if (reader.op !== "Relu" && reader.op !== "Clip" && !passing.has(reader.op)) return undefined;
    if (reader.outputs.length > 1) return undefined;
    between.push(reader);
    value = reader.outputs[0];
  }
}

/** Another node as a lowering reads its parameters. */
function reading(from: Lowered, node: Node, known: readonly (Constant | undefined)[]): Lowered {
  return new Lowered(node, [], known, from.opset, () => true, false, from.spend);
}

/** A rectifier that the ends of the grid make redundant. */
function changesNothing({ op, inputs, attributes }: Node, grid: PlainGrid, constant: Followers["constant"]): boolean {
  if (passing.has(op)) return true;
  const [scale] = grid.scale;
  const [low, high] = [(grid.low - grid.zero[0]) * scale, (grid.high - grid.zero[0]) * scale];
  if (op === "Relu") return low >= 0;
  const bound = (key: string, index: number, none: number): number | undefined => {
    const written = attributes.get(key);
    if (typeof written === "number") return written;
    const name = inputs[index] ?? "";
    return name === "" ? none : constant(name)?.numbers()[0];
  };
  const [least, most] = [bound("min", 1, Number.NEGATIVE_INFINITY), bound("max", 2, Number.POSITIVE_INFINITY)];
  return least !== undefined && most !== undefined && Math.fround(low) >= least && Math.fround(high) <= most;
}

/** Integers of 8 bits with one scale, of which floats were made. */
function inputGrid(known: Knowledge, name: string): PlainGrid | undefined {
  const value = known.values.get(name);
  if (!value || !("grid" in value) || value.whole) return undefined;
  const { grid } = value;
  return isPlain(grid) && isOfBytes(grid) ? grid : undefined;
}

const isOfBytes = ({ type }: Grid): boolean => type === "int8" || type === "uint8";

/** The weights at an input: of 8 bits, with one scale or one for each place of an axis. */
function weightsOf(weight: Weight | undefined, axis: number): Weights | undefined {
  if (!weight || (weight.integers.elements !== "int8" && weight.integers.elements !== "uint8")) return undefined;
  if (weight.scale.size > 1 && weight.axis !== axis) return undefined;
  const scales = [...weight.scale.numbers()];
  if (!scales.every((scale) => Number.isFinite(scale) && scale !== 0)) return undefined;
  return { integers: weight.integers, scales, zeros: weight.zero ? [...weight.zero.numbers()] : [0] };
}

/** A bias in units of products; undefined where it is in others, null where there is none. */
function biasOf(known: Knowledge, from: Lowered, index: number, units: Float32Array): Constant | null | undefined {
  if (!from.has(index)) return null;
  const bias = known.weights.get(from.input(index));
  if (bias?.integers.elements !== "int32" || bias.zero?.numbers().some((zero) => zero !== 0)) return undefined;
  const scales = bias.scale.numbers();
  const fits = scales.length === 1 || scales.length === units.length || units.length === 1;
  const isSame = (scale: number, i: number): boolean => {
    const unit = units[units.length === 1 ? 0 : i];
    return Math.abs(scale - unit) <= 1e-5 * Math.abs(unit);
  };
  const all = scales.length === 1 ? [...units].every((_, i) => isSame(scales[0], i)) : scales.every(isSame);
  return fits && all ? bias.integers : undefined;
}

/**
 * A bias of floats in units of products, where one value alone is made of the sums, and quantised: behind a rectifier too, whether the grid
 * makes that redundant or not. onnxruntime's optimiser rounds it there, and nowhere else.
 */
function roundedBias(from: Lowered, index: number, units: Float32Array, followers: Followers): Constant | undefined {
  const bias = from.known[index];
  if (bias?.kind !== "float" || bias.shape.length !== 1 || !isQuantisedNext(from, followers)) return undefined;
  const places = Array.from(bias.floats(), (value, i) =>
    roundHalfEven(Math.fround(value / units[units.length === 1 ? 0 : i])),
  );
  const fits = places.every((place) => Math.abs(place) < 2 ** 31);
  return fits && (units.length === 1 || units.length === places.length)
    ? Constant.fromNumbers("int", places, bias.shape)
    : undefined;
}

function isQuantisedNext({ node }: Lowered, { onlyReader }: Followers): boolean {
  const next = onlyReader(node.outputs[0]);
  const reader = next && (next.op === "Relu" || next.op === "Clip") ? onlyReader(next.outputs[0]) : next;
  return reader?.op === "QuantizeLinear";
}

/** The same node of floats with that bias in real numbers. */
function withRoundedBias(from: Lowered, bias: Constant, units: Float32Array): void {
  const real = bias.floats().map((place, i) => place * units[units.length === 1 ? 0 : i]);
  const inputs = [from.input(0), from.input(1), from.floats(real, bias.shape)];
  from.result(from.emit(from.node.op, inputs, Object.fromEntries(from.node.attributes)));
}

type Pair = (known: Knowledge, from: Lowered, followers: Followers) => void;

/** Says that what a node makes, and what follows it up to the QuantizeLinear, lies on a grid. */
function lies(known: Knowledge, grid: PlainGrid, on: readonly string[]): void {
  for (const value of on) known.values.set(value, { grid, whole: false });
}

const conv: Pair = (known, from, followers) => {
  const x = inputGrid(known, from.input(0));
  const weights = weightsOf(known.weights.get(from.input(1)), 0);
  if (!x || !weights) return;
  const units = unitsOf(x.scale[0], weights.scales);
  const own = roundedBias(from, 2, units, followers);
  const bias = own ?? biasOf(known, from, 2, units);
  const behind = gridBehind(from, followers);
  if (bias === undefined || !behind || behind.grid.type !== x.type) {
    if (own) withRoundedBias(from, own, units);
    return;
  }
  const sums = convolved(from, placesOf(from, 0, x), weights, bias ?? undefined, x.type);
  from.result(requantised(from, sums, { units, grid: behind.grid, axis: 1, rank: from.shape(0).length }));
  lies(known, behind.grid, behind.on);
};

/** The integers of a value less their zero point. */
const placesOf = (from: Lowered, index: number, grid: PlainGrid): string =>
  roundedToGrid(from, from.input(index), { factor: grid.scale[0], step: 1, divide: true });

/** One side of a product of matrices, as integers less their zero point. */
function sideOf(
  known: Knowledge,
  from: Lowered,
  index: number,
): { name: string; scales: readonly number[]; type?: string } | undefined {
  const weight = known.weights.get(from.input(index));
  if (weight) {
    const axis = Math.max(weight.integers.shape.length - 1, 0);
    const weights = weightsOf(weight, axis);
    if (!weights) return undefined;
    const places = centred(weights.integers, weights.zeros, axis);
    return { name: from.floats(places.floats(), places.shape), scales: weights.scales };
  }
  const grid = inputGrid(known, from.input(index));
  return grid && { name: placesOf(from, index, grid), scales: grid.scale, type: grid.type };
}

const matMul: Pair = (known, from, followers) => {
  const isKnown = (index: number): boolean =>
    known.weights.has(from.input(index)) || inputGrid(known, from.input(index)) !== undefined;
  if (!isKnown(0) || !isKnown(1)) return;
  const [a, b] = [sideOf(known, from, 0), sideOf(known, from, 1)];
  if (!a || !b || a.scales.length > 1) return abandon(from);
  const units = unitsOf(a.scales[0], b.scales);
  const rank = Math.max(from.shape(0).length, from.shape(1).length);
  const behind = gridBehind(from, followers);
  const sums = from.emit("MatMul", [a.name, b.name], { integers: bitsOf(a.type) });
  if (!behind) {
    from.result(realSums(from, sums, units, rank - 1, rank));
    return;
  }
  from.result(requantised(from, sums, { units, grid: behind.grid, axis: rank - 1, rank }));
  lies(known, behind.grid, behind.on);
};

/** Takes back what was written: the node runs as it is. */
function abandon(from: Lowered): void {
  from.nodes.length = 0;
}

const gemm: Pair = (known, from, followers) => {
  const x = inputGrid(known, from.input(0));
  const isTurned = from.number("transB", 0) !== 0;
  const weights = weightsOf(known.weights.get(from.input(1)), isTurned ? 0 : 1);
  if (!x || !weights || from.number("transA", 0) !== 0 || from.number("beta", 1) !== 1) return;
  const units = unitsOf(x.scale[0], weights.scales, from.number("alpha", 1));
  const own = roundedBias(from, 2, units, followers);
  const bias = own ?? biasOf(known, from, 2, units);
  if (bias === undefined) return;
  const behind = gridBehind(from, followers);
  if (own && !behind) return withRoundedBias(from, own, units);
  const matrix = centred(weights.integers, weights.zeros, isTurned ? 0 : 1);
  const b = from.floats(matrix.floats(), matrix.shape);
  const factors = [placesOf(from, 0, x), isTurned ? from.transpose(b, [1, 0]) : b];
  const sums = from.emit("MatMul", factors, { integers: bitsOf(x.type) });
  const all = bias ? from.emit("Add", [sums, from.floats(bias.floats(), bias.shape)]) : sums;
  if (!behind) {
    from.result(realSums(from, all, units, 1, 2));
    return;
  }
  from.result(requantised(from, all, { units, grid: behind.grid, axis: 1, rank: 2 }));
  lies(known, behind.grid, behind.on);
};

/** By a rule that the operators of the same meaning have whose file says the grids. */
const by =
  (rule: (known: Knowledge, from: Lowered, grids: Grids, operands: Operands) => string, count: number): Pair =>
  (known, from, followers) => {
    const grids = Array.from(
      { length: count },
      (_, i) => inputGrid(known, from.input(i)) ?? weightGrid(known, from, i),
    );
    const inputs = grids.filter((grid) => grid !== undefined);
    if (inputs.length < count) return;
    const behind = gridBehind(from, followers);
    if (!behind || inputs.some(({ type }) => type !== behind.grid.type)) return;
    const operands: Operands = {
      places: (i) => {
        const weight = known.weights.get(from.input(i));
        if (!weight) return placesOf(from, i, inputs[i]);
        const places = centred(weight.integers, inputs[i].zero, 0);
        return from.floats(places.floats(), places.shape);
      },
      real: (i) => from.input(i),
      isPair: isPair(from, [0, 1].slice(0, count)),
    };
    from.result(rule(known, from, { inputs, output: behind.grid }, operands));
    lies(known, behind.grid, behind.on);
  };

/** The grid of a constant that a DequantizeLinear makes floats of. */
function weightGrid(known: Knowledge, from: Lowered, index: number): PlainGrid | undefined {
  const weight = known.weights.get(from.input(index));
  const type = weight?.integers.elements;
  if (weight?.scale.size !== 1 || (type !== "int8" && type !== "uint8")) return undefined;
  const [low, high] = type === "int8" ? [-128, 127] : [0, 255];
  return {
    scale: [weight.scale.numbers()[0]],
    zero: [weight.zero?.numbers()[0] ?? 0],
    axis: undefined,
    low,
    high,
    type,
  };
}

const concat: Pair = (known, from, followers) => {
  const grids = from.node.inputs.map((name) => inputGrid(known, name));
  const behind = grids.every((grid) => grid !== undefined) ? gridBehind(from, followers) : undefined;
  if (!behind) return;
  const joined = from.emit("Concat", from.node.inputs, Object.fromEntries(from.node.attributes));
  from.result(onGrid(known, from, joined, behind.grid));
  lies(known, behind.grid, behind.on);
};

const pairs: ReadonlyMap<string, Pair> = new Map<string, Pair>([
  ["Add", by(sum, 2)],
  ["AveragePool", by(averagePool, 1)],
  ["Concat", concat],
  ["Conv", conv],
  ["Gemm", gemm],
  ["GlobalAveragePool", by(globalAveragePool, 1)],
  ["LeakyRelu", by(functionOf("LeakyRelu"), 1)],
  ["MatMul", matMul],
  ["Mul", by(product, 2)],
  ["Sigmoid", by(functionOf("Sigmoid"), 1)],
  [
    "Softmax",
    by(
      softmax((from) => from.opset),
      1,
    ),
  ],
]);

/** Writes a float operator as a runtime computes it, where it stands between values on grids; else nothing. */
export function writePair(known: Knowledge, from: Lowered, followers: Followers): void {
  if (known.reading === "float") return;
  const pair = pairs.get(from.node.op);
  if (pair && from.node.inputs.some((name) => gridOf(known, name) !== undefined)) pair(known, from, followers);
}
