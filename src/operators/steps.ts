/** Functions of one number that jump and are level in between: they have no gradient, and what lies behind them says nothing of the input. */
import { type Node, numberAttribute } from "../graph/ir";
import { sameShape } from "../graph/shape-rule";
import { type BuildContext, type Operation, oneToOne } from "../operation/operation";
import { sizeOf } from "../tensor";
import { Unary, type UnaryKind } from "../wasm/kernels";
import { computed, mapped, sameElements, valuesOf } from "./folding";
import type { Operator } from "./operator";

interface Step {
  readonly kind: UnaryKind;
  readonly a?: number;
  readonly b?: number;
}

/** Builds y = f(x), whose derivative is 0. */
function step(context: BuildContext, { kind, a = 0, b = 0 }: Step): Operation {
  const size = sizeOf(context.shape(context.node.outputs[0]));
  return oneToOne(context, {
    inPlace: true,
    forward: (run, x, y) => run.kernels.unary(kind, x, y, size * run.batch, a, b),
    backward: (run, _, dx) => run.memory.bytes(dx, size * run.batch * 4).fill(0),
  });
}

const stepping = (kind: UnaryKind, map: (a: number) => number, more: Partial<Operator> = {}): Operator => ({
  nature: "step",
  shape: sameShape,
  reach: "same",
  build: (context) => step(context, { kind }),
  fold: mapped(map),
  ...more,
});

/** Halves go to the even neighbour. */
export function roundHalfEven(a: number): number {
  const whole = Math.round(a);
  return whole - a === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

export const ceil: Operator = /* @__PURE__ */ stepping(Unary.ceil, Math.ceil, { tensorflow: ["Ceil"] });
export const floor: Operator = /* @__PURE__ */ stepping(Unary.floor, Math.floor, { tensorflow: ["Floor"] });
export const round: Operator = /* @__PURE__ */ stepping(Unary.round, roundHalfEven, { tensorflow: ["Round"] });
export const sign: Operator = /* @__PURE__ */ stepping(Unary.sign, Math.sign, { tensorflow: ["Sign"] });

/** Cuts off what follows the point: what a Cast to integers is written as. */
export const truncate: Operator = /* @__PURE__ */ stepping(Unary.truncate, Math.trunc, { internal: true });

/** Gives back what it gets, and takes it as constant: what a value is spread by that is computed from it. */
export const detached: Operator = {
  nature: "step",
  internal: true,
  shape: sameShape,
  reach: "same",
  fold: sameElements,
  build: (context) => {
    const bytes = 4 * sizeOf(context.shape(context.node.outputs[0]));
    return oneToOne(context, {
      forward: (run, x, y) => run.memory.bytes(y, bytes * run.batch).set(run.memory.bytes(x, bytes * run.batch)),
      backward: (run, _, dx) => run.memory.bytes(dx, bytes * run.batch).fill(0),
    });
  },
};

export const not: Operator = /* @__PURE__ */ stepping(Unary.not, (a) => Number(a === 0), {
  tensorflow: ["LogicalNot"],
  kind: () => "bool",
});

const testing = (test: (a: number, node: Node) => boolean, of: (node: Node) => Step, names: string[]): Operator => ({
  nature: "step",
  tensorflow: names,
  shape: sameShape,
  reach: "same",
  build: (context) => step(context, of(context.node)),
  fold: ({ node, known: [x], out }) => {
    const values = valuesOf(x);
    return computed("bool", out, (i) => Number(test(values[i], node)));
  },
  kind: () => "bool",
});

export const isNan: Operator = /* @__PURE__ */ testing(Number.isNaN, () => ({ kind: Unary.isNaN }), ["IsNan"]);

/** The infinities that count; NaN, which equals nothing, in the place of one that does not. */
function infinities(node: Node): { readonly a: number; readonly b: number } {
  const counts = (key: string): boolean => numberAttribute(node, key, 1) !== 0;
  return {
    a: counts("detect_negative") ? Number.NEGATIVE_INFINITY : Number.NaN,
    b: counts("detect_positive") ? Number.POSITIVE_INFINITY : Number.NaN,
  };
}

export const isInf: Operator = /* @__PURE__ */ testing(
  (value, node) => {
    const { a, b } = infinities(node);
    return value === a || value === b;
  },
  (node) => ({ kind: Unary.isInf, ...infinities(node) }),
  ["IsInf"],
);
