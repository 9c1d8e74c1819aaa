/** Operators that make the numbers of which shape arithmetic consists. */
import { ShapeError } from "../errors";
import { Constant, type Node, numberAttribute, tensorAttribute } from "../graph/ir";
import {
  checkExtents,
  inputShape,
  label,
  neededInput,
  type ShapeRule,
  sameShape,
  shapeError,
} from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import { broadcastOf } from "./arithmetic";
import { combined, compared, computed, mapped, valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";

const constantOfShapeShape: ShapeRule = (node, _inputs, constants) => {
  const shape = neededInput(node, constants, 0, "extents");
  checkExtents(node, shape);
  return [shape];
};

/** First and one-past-last axis that Shape reports. */
function shapeRange(node: Node, rank: number): { start: number; end: number } {
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const start = clamp(numberAttribute(node, "start", 0));
  return { start, end: Math.max(start, clamp(numberAttribute(node, "end", rank))) };
}

const shapeShape: ShapeRule = (node, inputs) => {
  const { start, end } = shapeRange(node, inputShape(node, inputs).length);
  return [[end - start]];
};

const scalar: ShapeRule = (node, inputs) => {
  inputShape(node, inputs);
  return [[]];
};

const rangeShape: ShapeRule = (node, _inputs, constants) => {
  const [[start], [limit], [delta]] = [0, 1, 2].map((i) => neededInput(node, constants, i, "start, limit and step"));
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(count))
    shapeError(node, `a range from ${start} to ${limit} in steps of ${delta} does not end.`);
  return [[count]];
};

const constantsOfShape: Fold = ({ node, out }) => {
  const value = node.attributes.has("value") ? tensorAttribute(node, "value") : undefined;
  const element = value ? valuesOf(value)[0] : 0;
  return computed(value?.kind ?? "float", out, () => element);
};

const ranged: Fold = ({ known, out }) => {
  const [first, , step] = known.map((constant) => valuesOf(constant)[0]);
  return computed(known[0].kind, out, (i) => first + i * step);
};

const extents: Fold = ({ node, shapes: [x = []], out }) => {
  const { start, end } = shapeRange(node, x.length);
  return Constant.fromNumbers("int", x.slice(start, end), out);
};

export const constantOfShape: Operator = {
  nature: "arithmetic",
  shape: constantOfShapeShape,
  fold: constantsOfShape,
  kind: ({ attributes }) => {
    const value = attributes.get("value");
    return value instanceof Constant ? value.kind : "float";
  },
};

export const range: Operator = { nature: "arithmetic", shape: rangeShape, fold: ranged };

export const shape: Operator = {
  nature: "arithmetic",
  shape: shapeShape,
  fold: extents,
  kind: () => "int",
  measures: true,
};

export const size: Operator = {
  nature: "arithmetic",
  shape: scalar,
  fold: ({ shapes: [x = []] }) => Constant.fromNumbers("int", [sizeOf(x)], []),
  kind: () => "int",
  measures: true,
};

const rounded = (round: (a: number) => number): Operator => ({
  nature: "arithmetic",
  shape: sameShape,
  reach: "same",
  fold: mapped(round),
});

export const ceil: Operator = /* @__PURE__ */ rounded(Math.ceil);
export const floor: Operator = /* @__PURE__ */ rounded(Math.floor);

/** Before set 7 operands were repeated along a named axis. */
const comparison = (compare: (a: number, b: number) => number | boolean): Operator => ({
  since: 7,
  nature: "arithmetic",
  shape: broadcastOf(2),
  reach: "same",
  fold: compared(compare),
  kind: () => "bool",
});

export const equal: Operator = /* @__PURE__ */ comparison((a, b) => a === b);
export const less: Operator = /* @__PURE__ */ comparison((a, b) => a < b);
export const greater: Operator = /* @__PURE__ */ comparison((a, b) => a > b);
export const and: Operator = /* @__PURE__ */ comparison((a, b) => a & b);
export const or: Operator = /* @__PURE__ */ comparison((a, b) => a | b);

export const greaterOrEqual: Operator = /* @__PURE__ */ comparison((a, b) => a >= b);
export const lessOrEqual: Operator = /* @__PURE__ */ comparison((a, b) => a <= b);
export const xor: Operator = /* @__PURE__ */ comparison((a, b) => a ^ b);

/** The remainder has the sign of the divisor, with fmod that of the dividend. */
const modulo: Fold = (call) => {
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

export const mod: Operator = {
  nature: "arithmetic",
  shape: /* @__PURE__ */ broadcastOf(2),
  reach: "same",
  fold: modulo,
};

/** Halves go to the even neighbour. */
function roundHalfEven(a: number): number {
  const whole = Math.round(a);
  return whole - a === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

export const round: Operator = /* @__PURE__ */ rounded(roundHalfEven);
export const sign: Operator = /* @__PURE__ */ rounded(Math.sign);
export const sin: Operator = /* @__PURE__ */ rounded(Math.sin);
export const cos: Operator = /* @__PURE__ */ rounded(Math.cos);

const testing = (test: (a: number) => boolean): Operator => ({
  nature: "arithmetic",
  shape: sameShape,
  reach: "same",
  fold: ({ known: [x], out }) => {
    const values = valuesOf(x);
    return computed("bool", out, (i) => Number(test(values[i])));
  },
  kind: () => "bool",
});

export const isNan: Operator = /* @__PURE__ */ testing(Number.isNaN);
export const isInf: Operator = /* @__PURE__ */ testing((a) => Math.abs(a) === Number.POSITIVE_INFINITY);

export const not: Operator = {
  nature: "arithmetic",
  shape: sameShape,
  reach: "same",
  fold: /* @__PURE__ */ mapped((a) => 1 - a),
  kind: () => "bool",
};
