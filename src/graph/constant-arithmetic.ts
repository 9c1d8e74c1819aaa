/**
 * A small interpreter for what is known before the network runs: shape arithmetic on integers and booleans, and the float
 * arithmetic that exporters leave on weights. Plain loops; the network itself never runs here.
 */
import { ShapeError } from "../errors";
import { sizeOf } from "../tensor";
import { constantOperators } from "./constant-indexing";
import { build, filledRoom, room, type Values, valuesOf } from "./constant-values";
import { kindOfDataType } from "./element-kind";
import { Constant, type ConstantKind, type Node, numberAttribute, stringAttribute, tensorAttribute } from "./ir";
import { type Arrange, broadcastWalk, rowMajorLoops, visitPairs } from "./regions";
import {
  arrangements,
  dequantisation,
  type InputConstants,
  type InputShapes,
  reduction,
  reshaping,
  type Shape,
  shapeRange,
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
  const [out] = outputs;
  const result = evaluators.get(node.op)?.({ node, inputs, shapes, outputs, known, out });
  return result instanceof Constant ? [result] : result;
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

type Evaluator = (call: Call) => Constant | Constant[] | undefined;
type Combine = (a: number, b: number, kind: ConstantKind) => number;

function withShape(constant: Constant, shape: Shape): Constant {
  if (constant.format === "numbers") {
    return Constant.fromNumbers(constant.kind === "bool" ? "bool" : "int", constant.values(), shape);
  }
  return Constant.fromBytes(constant.bytes, constant.format, shape);
}

const sameElements: Evaluator = ({ known: [x], out }) => withShape(x, out);

const mapped =
  (map: (a: number) => number): Evaluator =>
  ({ known: [x], out }) => {
    const values = valuesOf(x);
    return build(x.kind, out, (i) => map(values[i]));
  };

/** The elements of a constant, repeated to a shape. */
function repeated(x: Constant, shape: Shape): Values {
  const values = valuesOf(x);
  if (x.size === sizeOf(shape)) return values;
  const copies = room(x.kind, shape);
  visitPairs(rowMajorLoops({ extents: shape, from: broadcastWalk(x.shape, shape) }, x.shape, shape), (from, to) => {
    copies[to] = values[from];
  });
  return copies;
}

const combined =
  (combine: Combine, result?: ConstantKind): Evaluator =>
  ({ node, known, out }) => {
    const [first, ...rest] = known.map((input) => repeated(input, out));
    const [{ kind }] = known;
    if (kind !== "float" && node.op === "Div" && Array.from(rest[0]).includes(0)) {
      throw new ShapeError(
        `${label(node)}: its shape arithmetic divides by zero. Use the inputShape the network was exported with.`,
      );
    }
    return build(result ?? kind, out, (i) => rest.reduce((sum, values) => combine(sum, values[i], kind), first[i]));
  };

const compared = (compare: (a: number, b: number) => number | boolean): Evaluator =>
  combined((a, b) => Number(compare(a, b)), "bool");

const tested =
  (test: (a: number) => boolean): Evaluator =>
  ({ known: [x], out }) => {
    const values = valuesOf(x);
    return build("bool", out, (i) => Number(test(values[i])));
  };

/** The remainder has the sign of the divisor, with fmod that of the dividend. */
const modulo: Evaluator = (call) => {
  const fmod = numberAttribute(call.node, "fmod", 0) !== 0;
  return combined((a, b, kind) => {
    if (kind !== "float" && b === 0) {
      throw new ShapeError(
        `${label(call.node)}: its shape arithmetic divides by zero. Use the inputShape it was exported with.`,
      );
    }
    const remainder = a % b;
    return fmod || remainder === 0 || remainder < 0 === b < 0 ? remainder : remainder + b;
  })(call);
};

/** Halves go to the even neighbour. */
function roundHalfEven(a: number): number {
  const rounded = Math.round(a);
  return rounded - a === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const reduced =
  (
    start: number,
    step: (sum: number, value: number) => number,
    finish: (sum: number, count: number) => number = (sum) => sum,
  ): Evaluator =>
  ({ node, inputs, shapes, known: [x], out }) => {
    const values = valuesOf(x);
    const sums = new Array<number>(sizeOf(out)).fill(start);
    for (const region of reduction(node, shapes, inputs).regions()) {
      visitPairs(rowMajorLoops(region, x.shape, out), (from, to) => {
        sums[to] = step(sums[to], values[from]);
      });
    }
    const count = values.length / Math.max(1, sums.length);
    return build(x.kind, out, (i) =>
      x.kind === "float" ? finish(sums[i], count) : Math.trunc(finish(sums[i], count)),
    );
  };

const arranged =
  (arrange: Arrange): Evaluator =>
  ({ node, inputs, shapes, outputs, known: [{ kind }] }) => {
    if (node.op === "Pad" && stringAttribute(node, "mode", "constant") !== "constant") return undefined;
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

const cast: Evaluator = (call) => {
  const {
    node,
    known: [x],
    out,
  } = call;
  const kind = kindOfDataType(numberAttribute(node, "to"));
  if (kind === x.kind) return withShape(x, out);
  const values = valuesOf(x);
  const map = kind === "bool" ? (a: number) => Number(a !== 0) : kind === "int" ? Math.trunc : (a: number) => a;
  return build(kind, out, (i) => map(values[i]));
};

const clip: Evaluator = (call) => {
  const { node, inputs } = call;
  const bound = (i: number, key: string, none: number): number => {
    const input = inputs[i];
    return input ? valuesOf(input)[0] : numberAttribute(node, key, none);
  };
  const low = bound(1, "min", Number.NEGATIVE_INFINITY);
  const high = bound(2, "max", Number.POSITIVE_INFINITY);
  return mapped((a) => Math.min(Math.max(a, low), high))(call);
};

const constantOfShape: Evaluator = ({ node, out }) => {
  const value = node.attributes.has("value") ? tensorAttribute(node, "value") : undefined;
  const element = value ? valuesOf(value)[0] : 0;
  return build(value?.kind ?? "float", out, () => element);
};

const range: Evaluator = ({ known, out }) => {
  const [first, , step] = known.map((constant) => valuesOf(constant)[0]);
  return build(known[0].kind, out, (i) => first + i * step);
};

const shape: Evaluator = ({ node, shapes: [x = []], out }) => {
  const { start, end } = shapeRange(node, x.length);
  return Constant.fromNumbers("int", x.slice(start, end), out);
};

const where: Evaluator = ({ known, out }) => {
  const [choose, yes, no] = known.map((input) => repeated(input, out));
  return build(known[1].kind, out, (i) => (choose[i] ? yes : no)[i]);
};

const dequantize: Evaluator = ({ node, inputs: [x, scale, zero], shapes, out }) => {
  const { extent, inner, block, steps, isBlocked } = dequantisation(node, shapes);
  const [values, scales, zeros] = [x, scale, zero].map((input) => (input ? valuesOf(input) : []));
  const result = new Float32Array(sizeOf(out));
  for (let i = 0; i < result.length; i++) {
    const place = Math.floor(i / inner);
    const step = Math.floor((place % extent) / block);
    const at = isBlocked ? (Math.floor(place / extent) * steps + step) * inner + (i % inner) : step;
    // Rounded where onnxruntime rounds: the difference becomes a float before it is multiplied.
    result[i] = Math.fround(values[i] - (zeros[at] ?? 0)) * scales[at];
  }
  return Constant.fromFloats(result, out);
};

const evaluators: ReadonlyMap<string, Evaluator> = /* @__PURE__ */ (() =>
  new Map<string, Evaluator>([
    ...[...arrangements].map(([op, arrange]): [string, Evaluator] => [op, arranged(arrange)]),
    ...[...reshaping.keys(), "Identity", "Dropout"].map((op): [string, Evaluator] => [op, sameElements]),
    ...[...constantOperators].map(([op, { evaluate: indexed }]): [string, Evaluator] => [op, indexed]),
    ["Abs", mapped(Math.abs)],
    ["Ceil", mapped(Math.ceil)],
    ["Exp", mapped(Math.exp)],
    ["Floor", mapped(Math.floor)],
    ["Log", mapped(Math.log)],
    ["Neg", mapped((a) => -a)],
    ["Not", mapped((a) => 1 - a)],
    ["Reciprocal", mapped((a) => 1 / a)],
    ["Relu", mapped((a) => Math.max(a, 0))],
    ["Sigmoid", mapped((a) => 1 / (1 + Math.exp(-a)))],
    ["Sqrt", mapped(Math.sqrt)],
    ["Tanh", mapped(Math.tanh)],
    ["Add", combined((a, b) => a + b)],
    ["Sub", combined((a, b) => a - b)],
    ["Mul", combined((a, b) => a * b)],
    ["Div", combined((a, b, kind) => (kind === "int" ? Math.trunc(a / b) : a / b))],
    ["Pow", combined((a, b) => a ** b)],
    ["Sum", combined((a, b) => a + b)],
    ["Max", combined((a, b) => Math.max(a, b))],
    ["Min", combined((a, b) => Math.min(a, b))],
    ["Equal", compared((a, b) => a === b)],
    ["Less", compared((a, b) => a < b)],
    ["Greater", compared((a, b) => a > b)],
    ["GreaterOrEqual", compared((a, b) => a >= b)],
    ["LessOrEqual", compared((a, b) => a <= b)],
    ["Xor", compared((a, b) => a ^ b)],
    ["Mod", modulo],
    ["Sin", mapped(Math.sin)],
    ["Cos", mapped(Math.cos)],
    ["Sign", mapped(Math.sign)],
    ["Round", mapped(roundHalfEven)],
    ["IsNaN", tested(Number.isNaN)],
    ["IsInf", tested((a) => Math.abs(a) === Number.POSITIVE_INFINITY)],
    ["And", compared((a, b) => a & b)],
    ["Or", compared((a, b) => a | b)],
    ["ReduceSum", reduced(0, (sum, value) => sum + value)],
    [
      "ReduceMean",
      reduced(
        0,
        (sum, value) => sum + value,
        (sum, count) => sum / count,
      ),
    ],
    ["ReduceMax", reduced(Number.NEGATIVE_INFINITY, Math.max)],
    ["ReduceMin", reduced(Number.POSITIVE_INFINITY, Math.min)],
    ["ReduceProd", reduced(1, (sum, value) => sum * value)],
    ["Cast", cast],
    ["Clip", clip],
    ["ConstantOfShape", constantOfShape],
    ["com.microsoft::DequantizeLinear", dequantize],
    ["DequantizeLinear", dequantize],
    ["Range", range],
    ["Shape", shape],
    ["Size", ({ shapes: [x = []] }) => Constant.fromNumbers("int", [sizeOf(x)], [])],
    ["Where", where],
  ]))();
