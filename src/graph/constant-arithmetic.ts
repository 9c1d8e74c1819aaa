/**
 * A small interpreter for what is known before the network runs: shape arithmetic on integers and booleans, and the float
 * arithmetic that exporters leave on weights. Plain loops; the network itself never runs here.
 */
import { ShapeError } from "../errors";
import { sizeOf } from "../tensor";
import { kindOfDataType } from "./element-kind";
import { Constant, type ConstantKind, type Node, numberAttribute, stringAttribute, tensorAttribute } from "./ir";
import {
  type InputConstants,
  type InputShapes,
  paddings,
  permutation,
  reduceGeometry,
  type Shape,
  shapeRange,
  sliceGeometry,
  splitGeometry,
} from "./shapes";
import { label } from "./shapes/rule";

/** The result of a node whose inputs are known; undefined for an operator that is not evaluated here. */
export function evaluate(
  node: Node,
  inputs: InputConstants,
  shapes: InputShapes,
  outputs: readonly Shape[],
): Constant[] | undefined {
  const known = inputs.filter((input): input is Constant => input !== undefined);
  const only = (constant: Constant): Constant[] => [constant];
  const [out] = outputs;
  const combine = binary.get(node.op);
  if (combine) return only(elementwise(node, combine, known, out));
  const compare = comparisons.get(node.op);
  if (compare) return only(elementwise(node, compare, known, out, "bool"));
  const map = unary.get(node.op);
  if (map) return only(build(known[0].kind, out, valuesOf(known[0]), map));
  const fold = reductions.get(node.op);
  if (fold) return only(reduced(node, fold, inputs, out));
  return evaluators.get(node.op)?.({ node, inputs, shapes, outputs, known, out });
}

interface Call {
  readonly node: Node;
  readonly inputs: InputConstants;
  readonly shapes: InputShapes;
  readonly outputs: readonly Shape[];
  /** The inputs that are there. */
  readonly known: readonly Constant[];
  readonly out: Shape;
}

type Values = ArrayLike<number>;
type Combine = (a: number, b: number, kind: ConstantKind) => number;

const binary: ReadonlyMap<string, Combine> = new Map<string, Combine>([
  ["Add", (a, b) => a + b],
  ["Sub", (a, b) => a - b],
  ["Mul", (a, b) => a * b],
  ["Div", (a, b, kind) => (kind === "int" ? Math.trunc(a / b) : a / b)],
  ["Pow", (a, b) => a ** b],
  ["Sum", (a, b) => a + b],
  ["Max", (a, b) => Math.max(a, b)],
  ["Min", (a, b) => Math.min(a, b)],
]);

const comparisons: ReadonlyMap<string, Combine> = new Map<string, Combine>([
  ["Equal", (a, b) => Number(a === b)],
  ["Less", (a, b) => Number(a < b)],
  ["Greater", (a, b) => Number(a > b)],
  ["And", (a, b) => a & b],
  ["Or", (a, b) => a | b],
]);

const unary: ReadonlyMap<string, (a: number) => number> = new Map<string, (a: number) => number>([
  ["Abs", Math.abs],
  ["Ceil", Math.ceil],
  ["Exp", Math.exp],
  ["Floor", Math.floor],
  ["Log", Math.log],
  ["Neg", (a) => -a],
  ["Not", (a) => 1 - a],
  ["Reciprocal", (a) => 1 / a],
  ["Relu", (a) => Math.max(a, 0)],
  ["Sigmoid", (a) => 1 / (1 + Math.exp(-a))],
  ["Sqrt", Math.sqrt],
  ["Tanh", Math.tanh],
]);

interface Fold {
  readonly start: number;
  readonly step: (sum: number, value: number) => number;
  readonly finish: (sum: number, count: number) => number;
}

const reductions: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  ["ReduceSum", { start: 0, step: (sum, value) => sum + value, finish: (sum) => sum }],
  ["ReduceMean", { start: 0, step: (sum, value) => sum + value, finish: (sum, count) => sum / count }],
  ["ReduceMax", { start: Number.NEGATIVE_INFINITY, step: Math.max, finish: (sum) => sum }],
  ["ReduceProd", { start: 1, step: (sum, value) => sum * value, finish: (sum) => sum }],
]);

const sameElements = ({ known: [x], out }: Call): Constant[] => [withShape(x, out)];

type Evaluator = (call: Call) => Constant[] | undefined;

const evaluators: ReadonlyMap<string, Evaluator> = new Map<string, Evaluator>([
  ["Identity", sameElements],
  ["Dropout", sameElements],
  ["Flatten", sameElements],
  ["Reshape", sameElements],
  ["Squeeze", sameElements],
  ["Unsqueeze", sameElements],
  ["Cast", cast],
  ["Clip", clip],
  ["Concat", concat],
  ["ConstantOfShape", constantOfShape],
  ["Expand", expand],
  ["Gather", gather],
  ["Pad", pad],
  ["Range", range],
  ["Shape", shape],
  ["Size", ({ shapes }: Call) => [Constant.fromNumbers("int", [sizeOf(shapes[0] ?? [])], [])]],
  ["Slice", slice],
  ["Split", split],
  ["Tile", tile],
  ["Transpose", transpose],
  ["Where", where],
]);

/** Weights stay bytes of the file: only arithmetic decodes them. */
const valuesOf = (constant: Constant): Values => (constant.kind === "float" ? constant.floats() : constant.numbers());

/** A constant of `size(shape)` elements. Float results are rounded to float32 once, here. */
function build(kind: ConstantKind, shape: Shape, values: Values, map: (value: number) => number): Constant {
  const size = sizeOf(shape);
  if (kind === "float") {
    const floats = new Float32Array(size);
    for (let i = 0; i < size; i++) floats[i] = map(values[i]);
    return Constant.fromFloats(floats, shape);
  }
  return Constant.fromNumbers(
    kind,
    Array.from({ length: size }, (_, i) => map(values[i])),
    shape,
  );
}

const copied = (kind: ConstantKind, shape: Shape, values: Values): Constant =>
  build(kind, shape, values, (value) => value);

function withShape(constant: Constant, shape: Shape): Constant {
  if (constant.format === "numbers") {
    return Constant.fromNumbers(constant.kind === "bool" ? "bool" : "int", constant.numbers(), shape);
  }
  return Constant.fromBytes(constant.bytes, constant.format, shape);
}

const stridesOf = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Strides that repeat a value to a larger shape. */
function broadcastStrides(from: Shape, to: Shape): number[] {
  const strides = stridesOf(from);
  const missing = to.length - from.length;
  return to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : strides[axis - missing]));
}

/** For each element of `shape` in row-major order: the index `offset + Σ position · stride`. */
function* walk(shape: Shape, strides: readonly number[], offset = 0): Generator<number> {
  const size = sizeOf(shape);
  const position = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < size; i++) {
    yield at;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++position[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      position[axis] = 0;
    }
  }
}

/** Picks elements of a constant by stride. */
function picked(x: Constant, shape: Shape, strides: readonly number[], offset = 0): Constant {
  const values = valuesOf(x);
  const order = walk(shape, strides, offset);
  const chosen = x.kind === "float" ? new Float32Array(sizeOf(shape)) : new Array<number>(sizeOf(shape));
  let i = 0;
  for (const at of order) chosen[i++] = values[at];
  return copied(x.kind, shape, chosen);
}

function elementwise(
  node: Node,
  combine: Combine,
  inputs: readonly Constant[],
  out: Shape,
  result?: ConstantKind,
): Constant {
  const [first, ...rest] = inputs.map((input) => picked(input, out, broadcastStrides(input.shape, out)));
  const { kind } = first;
  if (kind !== "float" && node.op === "Div" && rest.some((input) => input.numbers().includes(0))) {
    throw new ShapeError(
      `${label(node)}: its shape arithmetic divides by zero. Use the inputShape the network was exported with.`,
    );
  }
  const sum = Array.from(valuesOf(first));
  for (const input of rest) {
    const values = valuesOf(input);
    for (let i = 0; i < sum.length; i++) sum[i] = combine(sum[i], values[i], kind);
  }
  return copied(result ?? kind, out, sum);
}

function reduced(node: Node, fold: Fold, inputs: InputConstants, out: Shape): Constant {
  const x = inputs[0] as Constant;
  const { axes } = reduceGeometry(node, x.shape, inputs);
  const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const values = valuesOf(x);
  const sums = new Array<number>(sizeOf(out)).fill(fold.start);
  let i = 0;
  for (const at of walk(x.shape, strides)) sums[at] = fold.step(sums[at], values[i++]);
  const count = values.length / Math.max(1, sums.length);
  const finish = (sum: number): number => fold.finish(sum, count);
  return build(x.kind, out, sums, x.kind === "float" ? finish : (sum) => Math.trunc(finish(sum)));
}

function cast({ node, known: [x], out }: Call): Constant[] {
  const kind = kindOfDataType(numberAttribute(node, "to"));
  if (kind === x.kind) return [withShape(x, out)];
  const map = kind === "bool" ? (a: number) => Number(a !== 0) : kind === "int" ? Math.trunc : (a: number) => a;
  return [build(kind, out, valuesOf(x), map)];
}

function clip({ node, inputs, out }: Call): Constant[] {
  const x = inputs[0] as Constant;
  const bound = (i: number, key: string, none: number): number =>
    inputs[i] ? valuesOf(inputs[i])[0] : numberAttribute(node, key, none);
  const low = bound(1, "min", Number.NEGATIVE_INFINITY);
  const high = bound(2, "max", Number.POSITIVE_INFINITY);
  return [build(x.kind, out, valuesOf(x), (a) => Math.min(Math.max(a, low), high))];
}

function concat({ node, known, out }: Call): Constant[] {
  const axis = numberAttribute(node, "axis") + (numberAttribute(node, "axis") < 0 ? out.length : 0);
  const strides = stridesOf(out);
  const joined = new Array<number>(sizeOf(out));
  let offset = 0;
  for (const part of known) {
    const values = valuesOf(part);
    let i = 0;
    for (const at of walk(part.shape, strides, offset)) joined[at] = values[i++];
    offset += part.shape[axis] * strides[axis];
  }
  return [copied(known[0].kind, out, joined)];
}

function constantOfShape({ node, out }: Call): Constant[] {
  const value = node.attributes.has("value") ? tensorAttribute(node, "value") : undefined;
  const element = value ? valuesOf(value)[0] : 0;
  return [build(value?.kind ?? "float", out, [], () => element)];
}

function expand({ known: [x], out }: Call): Constant[] {
  return [picked(x, out, broadcastStrides(x.shape, out))];
}

function gather({ node, known: [x, indices], out }: Call): Constant[] {
  const axis = numberAttribute(node, "axis", 0) + (numberAttribute(node, "axis", 0) < 0 ? x.shape.length : 0);
  const extent = x.shape[axis];
  const chosen = indices.numbers().map((index) => (index < 0 ? index + extent : index));
  const wrong = chosen.find((index) => !(index >= 0 && index < extent));
  if (wrong !== undefined) {
    throw new ShapeError(`${label(node)}: index ${wrong} is outside of the ${extent} elements of axis ${axis}.`);
  }
  const values = valuesOf(x);
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const gathered: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const index of chosen) {
      for (let i = 0; i < inner; i++) gathered.push(values[(o * extent + index) * inner + i]);
    }
  }
  return [copied(x.kind, out, gathered)];
}

function pad({ node, inputs, out }: Call): Constant[] | undefined {
  const x = inputs[0] as Constant;
  const { begin } = paddings(node, x.shape.length, inputs);
  if (stringAttribute(node, "mode", "constant") !== "constant") return undefined;
  const fill = inputs[2] ? valuesOf(inputs[2])[0] : numberAttribute(node, "value", 0);
  const padded = new Array<number>(sizeOf(out)).fill(fill);
  const values = valuesOf(x);
  // The part of the input that stays, as seen from both sides.
  const from = begin.map((n) => Math.max(0, -n));
  const to = begin.map((n) => Math.max(0, n));
  const stays = out.map((extent, axis) => Math.max(0, Math.min(x.shape[axis] - from[axis], extent - to[axis])));
  const offsetIn = stridesOf(x.shape).reduce((sum, stride, axis) => sum + stride * from[axis], 0);
  const offsetOut = stridesOf(out).reduce((sum, stride, axis) => sum + stride * to[axis], 0);
  const targets = walk(stays, stridesOf(out), offsetOut);
  for (const at of walk(stays, stridesOf(x.shape), offsetIn)) padded[targets.next().value as number] = values[at];
  return [copied(x.kind, out, padded)];
}

function range({ known: [start, , delta], out }: Call): Constant[] {
  const [first] = valuesOf(start) as number[] | Float32Array;
  const [step] = valuesOf(delta) as number[] | Float32Array;
  return [
    copied(
      start.kind,
      out,
      Array.from({ length: out[0] }, (_, i) => first + i * step),
    ),
  ];
}

function shape({ node, shapes, out }: Call): Constant[] {
  const x = shapes[0] ?? [];
  const { start, end } = shapeRange(node, x.length);
  return [Constant.fromNumbers("int", x.slice(start, end), out)];
}

function slice({ node, inputs, out }: Call): Constant[] {
  const x = inputs[0] as Constant;
  const strides = stridesOf(x.shape);
  const { start, step } = sliceGeometry(node, x.shape, inputs);
  const offset = start.reduce((sum, at, axis) => sum + at * strides[axis], 0);
  return [
    picked(
      x,
      out,
      strides.map((stride, axis) => stride * step[axis]),
      offset,
    ),
  ];
}

function split({ node, inputs, outputs }: Call): Constant[] {
  const x = inputs[0] as Constant;
  const strides = stridesOf(x.shape);
  const { axis, parts } = splitGeometry(node, x.shape, inputs);
  let at = 0;
  return parts.map((part, i) => {
    const piece = picked(x, outputs[i], strides, at * strides[axis]);
    at += part;
    return piece;
  });
}

function tile({ known: [x], out }: Call): Constant[] {
  // Each axis is walked as (repeats, extent), the repeats without advancing.
  const strides = stridesOf(x.shape);
  const extents = out.flatMap((extent, axis) => [extent / Math.max(1, x.shape[axis]), x.shape[axis]]);
  const repeated = picked(
    x,
    extents,
    strides.flatMap((stride) => [0, stride]),
  );
  return [withShape(repeated, out)];
}

function transpose({ node, known: [x], out }: Call): Constant[] {
  const strides = stridesOf(x.shape);
  return [
    picked(
      x,
      out,
      permutation(node, x.shape).map((axis) => strides[axis]),
    ),
  ];
}

function where({ known, out }: Call): Constant[] {
  const [condition, yes, no] = known.map((input) => picked(input, out, broadcastStrides(input.shape, out)));
  const [choose, a, b] = [valuesOf(condition), valuesOf(yes), valuesOf(no)];
  const chosen = Array.from({ length: choose.length }, (_, i) => (choose[i] ? a[i] : b[i]));
  return [copied(yes.kind, out, chosen)];
}
