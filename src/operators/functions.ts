/** Functions of one number that are no activations: roots, powers of e, signs. */
import { Unary } from "../wasm/kernels";
import { mapped } from "./folding";
import type { Operator } from "./operator";
import { unaryOperator } from "./unary";

export const abs: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.abs },
  { fold: /* @__PURE__ */ mapped(Math.abs) },
);

export const erf: Operator = /* @__PURE__ */ unaryOperator("smooth", { kind: Unary.erf });

export const exp: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.exp },
  { fold: /* @__PURE__ */ mapped(Math.exp) },
);

export const log: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.log },
  { fold: /* @__PURE__ */ mapped(Math.log) },
);

export const neg: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.scale, a: -1 },
  { fold: /* @__PURE__ */ mapped((a) => -a) },
);

export const reciprocal: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.reciprocal },
  { fold: /* @__PURE__ */ mapped((a) => 1 / a) },
);

export const sqrt: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.sqrt },
  { fold: /* @__PURE__ */ mapped(Math.sqrt) },
);
