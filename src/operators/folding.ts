/**
 * A small interpreter for what is known before the network runs: shape arithmetic on integers and booleans, and the float
 * arithmetic that exporters leave on weights. Plain loops; the network itself never runs here.
 */
import { Constant, type ConstantKind } from "../graph/ir";
import { type Arrange, broadcastWalk, rowMajorLoops, visitPairs } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import type { Fold } from "./operator";

type Values = ArrayLike<number>;
/** Floats are combined as float64 and rounded once; `kind` says what they are. */
export type Combine = (a: number, b: number, kind: ConstantKind) => number;

/** Weights stay bytes of the file: only arithmetic decodes them. */
export const valuesOf = (constant: Constant): Values => constant.values();

/** Room for the elements of a result; floats are rounded to float32 once, when they are written here. */
export const room = (kind: ConstantKind, shape: Shape, fill = 0): Float32Array | number[] =>
  kind === "float" ? new Float32Array(sizeOf(shape)).fill(fill) : new Array<number>(sizeOf(shape)).fill(fill);

export const filledRoom = (kind: ConstantKind, values: Float32Array | number[], shape: Shape): Constant =>
  values instanceof Float32Array
    ? Constant.fromFloats(values, shape)
    : Constant.fromNumbers(kind === "bool" ? "bool" : "int", values, shape);

/** A constant of which every element is computed. */
export function computed(kind: ConstantKind, shape: Shape, element: (i: number) => number): Constant {
  const values = room(kind, shape);
  for (let i = 0; i < values.length; i++) values[i] = element(i);
  return filledRoom(kind, values, shape);
}

/** The same elements under another shape. */
export function withShape(constant: Constant, shape: Shape): Constant {
  if (constant.format === "numbers") {
    return Constant.fromNumbers(constant.kind === "bool" ? "bool" : "int", constant.values(), shape, constant.elements);
  }
  return Constant.fromBytes(constant.bytes, constant.format, shape);
}

/** Gives back its first input. */
export const sameElements: Fold = ({ known: [x], out }) => withShape(x, out);

/** A function of every element. */
export const mapped =
  (map: (a: number) => number): Fold =>
  ({ known: [x], out }) => {
    const values = valuesOf(x);
    return computed(x.kind, out, (i) => map(values[i]));
  };

/** The elements of a constant, repeated to a shape. */
export function repeated(x: Constant, shape: Shape): Values {
  const values = valuesOf(x);
  if (x.size === sizeOf(shape)) return values;
  const copies = room(x.kind, shape);
  visitPairs(rowMajorLoops({ extents: shape, from: broadcastWalk(x.shape, shape) }, x.shape, shape), (from, to) => {
    copies[to] = values[from];
  });
  return copies;
}

/** Its inputs element by element, from the left. */
export const combined =
  (combine: Combine, result?: ConstantKind): Fold =>
  ({ known, out }) => {
    const [first, ...rest] = known.map((input) => repeated(input, out));
    const [{ kind }] = known;
    return computed(result ?? kind, out, (i) => rest.reduce((sum, values) => combine(sum, values[i], kind), first[i]));
  };

/** The same with booleans as result. */
export const compared = (compare: (a: number, b: number) => number | boolean): Fold =>
  combined((a, b) => Number(compare(a, b)), "bool");

/** Sums over the regions of a reduction, or what takes their place. */
export const reduced =
  (
    arrange: Arrange,
    start: number,
    step: (sum: number, value: number) => number,
    finish: (sum: number, count: number) => number = (sum) => sum,
  ): Fold =>
  ({ node, inputs, shapes, known: [x], out }) => {
    const values = valuesOf(x);
    const sums = new Array<number>(sizeOf(out)).fill(start);
    for (const region of arrange(node, shapes, inputs).regions()) {
      visitPairs(rowMajorLoops(region, x.shape, out), (from, to) => {
        sums[to] = step(sums[to], values[from]);
      });
    }
    const count = values.length / Math.max(1, sums.length);
    return computed(x.kind, out, (i) =>
      x.kind === "float" ? finish(sums[i], count) : Math.trunc(finish(sums[i], count)),
    );
  };

/** Elements where the regions put them. */
export const moved =
  (arrange: Arrange): Fold =>
  ({ node, inputs, shapes, outputs, known: [{ kind }] }) => {
    const { regions, fill } = arrange(node, shapes, inputs);
    const sources = inputs.map((input) => (input ? valuesOf(input) : []));
    const results = outputs.map((shape) => room(kind, shape, fill));
    for (const region of regions()) {
      const { input = 0, output = 0 } = region;
      const [values, result] = [sources[input], results[output]];
      visitPairs(rowMajorLoops(region, shapes[input] ?? [], outputs[output]), (from, to) => {
        result[to] = values[from];
      });
    }
    return results.map((values, i) => filledRoom(kind, values, outputs[i]));
  };
