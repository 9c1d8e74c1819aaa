/** Functions of one number that are no activations: roots, powers of e, signs. */
import { Unary } from "../wasm/kernels";
import { mapped } from "./folding";
import type { Operator } from "./operator";
import { unaryOperator } from "./unary";

export const abs: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.abs, saves: "input" },
  { tensorflow: ["Abs"], wholes: true, fold: /* @__PURE__ */ mapped(Math.abs) },
);

export const cos: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.cos, saves: "input" },
  { tensorflow: ["Cos"], fold: /* @__PURE__ */ mapped(Math.cos) },
);

export const erf: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.erf, saves: "input" },
  { tensorflow: ["Erf"] },
);

export const exp: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.exp },
  { tensorflow: ["Exp", "exponential"], fold: /* @__PURE__ */ mapped(Math.exp) },
);

export const log: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.log, saves: "input" },
  { tensorflow: ["Log"], fold: /* @__PURE__ */ mapped(Math.log) },
);

export const neg: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.scale, a: -1 },
  { tensorflow: ["Neg"], wholes: true, fold: /* @__PURE__ */ mapped((a) => -a) },
);

export const reciprocal: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.reciprocal },
  { tensorflow: ["Reciprocal"], fold: /* @__PURE__ */ mapped((a) => 1 / a) },
);

export const sin: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.sin, saves: "input" },
  { tensorflow: ["Sin"], fold: /* @__PURE__ */ mapped(Math.sin) },
);

export const sqrt: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.sqrt },
  { tensorflow: ["Sqrt"], fold: /* @__PURE__ */ mapped(Math.sqrt) },
);
