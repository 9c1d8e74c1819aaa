/** Sums, products, averages and functions of quantised values, each in the steps in which it is computed as deployed. */
import type { Attribute } from "../../graph/ir";
import { axisOf } from "../../graph/shape-rule";
import { showShape, sizeOf } from "../../tensor";
import type { Lowered } from "../lowering/emitter";
import { gridAt, type PlainGrid, placesOfEnds } from "./grid";
import { type Knowledge, onGrid, placesAt, realsAt, roundedToGrid, setGrid } from "./known";

const f = Math.fround;

/** The grids of an operator's parts. */
export interface Grids {
  readonly inputs: readonly PlainGrid[];
  readonly output: PlainGrid;
}

/** The same operator of real numbers. */
const attributesOf = (from: Lowered, ...left: readonly string[]): Record<string, Attribute> =>
  Object.fromEntries([...from.node.attributes].filter(([key]) => !left.includes(key)));

/** How the values at inputs are had: as integers less the zero point, or as real numbers. */
export interface Operands {
  places(i: number): string;
  real(i: number): string;
  /** Whether they are two values of one shape that are both computed. */
  readonly isPair: boolean;
}

/** Whether inputs are two values of one shape that are both computed. */
export const isPair = (from: Lowered, inputs: readonly number[]): boolean =>
  inputs.length === 2 &&
  inputs.every((at) => from.known[at] === undefined) &&
  showShape(from.shape(inputs[0])) === showShape(from.shape(inputs[1]));

type Rule = (known: Knowledge, from: Lowered, grids: Grids, operands: Operands) => string;

/** The output's zero point is added before the rounding, so that halves go to the even integer. */
export const sum: Rule = (known, from, { inputs: [a, b], output }, operands) => {
  if (known.reading === "float")
    return onGrid(known, from, from.emit("Add", [operands.real(0), operands.real(1)]), output);
  const [step] = output.scale;
  if (operands.isPair) {
    return from.emit("GridSum", [operands.real(0), operands.real(1)], {
      ...{ stepA: a.scale[0], zeroA: a.zero[0], stepB: b.scale[0], zeroB: b.zero[0], step, zero: output.zero[0] },
      ...{ low: output.low, high: output.high },
    });
  }
  const parts = [a, b].map((grid, i) => {
    const places = operands.places(i);
    const ratio = f(grid.scale[0] / step);
    return ratio === 1 ? places : from.emit("Mul", [places, from.scalar(ratio)]);
  });
  const ends = placesOfEnds(output);
  return roundedToGrid(from, from.emit("Add", parts), { factor: 1, step, ends, zero: output.zero[0] });
};

export const product: Rule = (known, from, { inputs: [a, b], output }, operands) => {
  if (known.reading === "float")
    return onGrid(known, from, from.emit("Mul", [operands.real(0), operands.real(1)]), output);
  const [step] = output.scale;
  const factor = f(f(a.scale[0] * b.scale[0]) / step);
  const ends = placesOfEnds(output);
  const places = from.emit("Mul", [operands.places(0), operands.places(1)]);
  return roundedToGrid(from, places, { factor, step, ends, zero: output.zero[0] });
};

/** A function of real numbers, rounded once. */
export const functionOf =
  (op: string, ...left: readonly string[]): Rule =>
  (known, from, { output }, operands) =>
    onGrid(known, from, from.emit(op, [operands.real(0)], attributesOf(from, ...left)), output);

export const averagePool: Rule = (known, from, { output }, operands) => {
  const mean = from.emit("AveragePool", [operands.real(0)], attributesOf(from, "channels_last"));
  return onGrid(known, from, mean, output, { zero: output.zero[0] });
};

export const globalAveragePool: Rule = (known, from, { inputs: [x], output }, operands) => {
  if (known.reading === "float") return onGrid(known, from, from.emit("GlobalAveragePool", [operands.real(0)]), output);
  const shape = from.shape(0);
  const mean = from.emit("GlobalAveragePool", [operands.places(0)]);
  const [step] = output.scale;
  const size = sizeOf(shape.slice(2));
  // The sum itself again, a whole number.
  const sums = roundedToGrid(from, mean, { factor: size, step: 1 });
  return roundedToGrid(from, sums, { factor: f(x.scale[0] / f(step * size)), step, ends: placesOfEnds(output) });
};

/** Probabilities in whole parts of one: how many parts there are is cut off, as it is where it is computed as deployed. */
export const softmax =
  (opset: (from: Lowered) => number): Rule =>
  (known, from, { output }, operands) => {
    const shape = from.shape(0);
    const isFlat = opset(from) < 13;
    const axis = axisOf(from.node, from.number("axis", isFlat ? 1 : -1), shape.length);
    // Rows at the end, which is what every operator set normalises.
    const order = shape.map((_, i) => i);
    if (!isFlat) [order[axis], order[shape.length - 1]] = [shape.length - 1, axis];
    const isMoved = order.some((from, to) => from !== to);
    const x = isMoved ? from.transpose(operands.real(0), order) : operands.real(0);
    const turned = order.map((i) => shape[i]);
    const columns = sizeOf(turned.slice(isFlat ? axis : shape.length - 1));
    const rows = from.emit("Softmax", [from.reshape(x, [sizeOf(shape) / columns, columns])], { axis: 1 });
    const back = from.reshape(rows, turned);
    const shares = isMoved ? from.transpose(back, order) : back;
    if (known.reading === "float") return onGrid(known, from, shares, output);
    const [step] = output.scale;
    return roundedToGrid(from, shares, { factor: Math.floor(f(1 / step)), step, ends: placesOfEnds(output) });
  };

/** An operator whose file says the grids: of each input behind it, of the output at the end. */
const ofFile =
  (inputs: readonly number[], output: number, rule: Rule) =>
  (known: Knowledge, from: Lowered): string | undefined => {
    if (from.node.attributes.get("channels_last")) return "its channels are the last axis";
    const out = gridAt(from, output, output + 1);
    const grids = inputs.map((at) => gridAt(from, at + 1, at + 2));
    const operands: Operands = {
      places: (i) => placesAt(known, from, inputs[i], grids[i]),
      real: (i) => realsAt(known, from, inputs[i], grids[i]),
      isPair: isPair(from, inputs),
    };
    from.result(rule(known, from, { inputs: grids, output: out }, operands));
    setGrid(known, from, out);
    return undefined;
  };

export const qLinearAdd = ofFile([0, 3], 6, sum);
export const qLinearMul = ofFile([0, 3], 6, product);
export const qLinearAveragePool = ofFile([0], 3, averagePool);
export const qLinearGlobalAveragePool = ofFile([0], 3, globalAveragePool);
export const qLinearSigmoid = ofFile([0], 3, functionOf("Sigmoid"));
export const qLinearLeakyRelu = ofFile([0], 3, functionOf("LeakyRelu"));
export const qLinearSoftmax = ofFile(
  [0],
  3,
  softmax((from) => from.number("opset", 13)),
);

export function qLinearConcat(known: Knowledge, from: Lowered): undefined {
  const output = gridAt(from, 0, 1);
  const count = Math.floor((from.node.inputs.length - 2) / 3);
  const parts = Array.from({ length: count }, (_, i) =>
    realsAt(known, from, 2 + 3 * i, gridAt(from, 3 + 3 * i, 4 + 3 * i)),
  );
  const joined = from.emit("Concat", parts, attributesOf(from));
  from.result(onGrid(known, from, joined, output));
  setGrid(known, from, output);
  return undefined;
}
