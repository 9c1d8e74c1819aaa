/** Comparisons, and what is made of their results. They jump, so they have no gradient; booleans of the image are 1 and 0. */
import type { BuildContext, Operation } from "../operation/operation";
import { Binary, type BinaryKind } from "../wasm/kernels";
import { broadcastOf } from "./broadcast";
import { compared } from "./folding";
import type { Operator } from "./operator";
import { pairwise } from "./pairwise";

/** Before set 7 operands were repeated along a named axis. */
const comparison = (
  compare: (a: number, b: number) => number | boolean,
  build: (context: BuildContext) => Operation,
): Operator => ({
  since: 7,
  nature: "step",
  shape: broadcastOf(2),
  reach: "same",
  build,
  fold: compared(compare),
  kind: () => "bool",
});

const inOrder =
  (kind: BinaryKind) =>
  (context: BuildContext): Operation =>
    pairwise(context, { kind });
const turned =
  (kind: BinaryKind) =>
  (context: BuildContext): Operation =>
    pairwise(context, { kind, turned: true });

export const equal: Operator = /* @__PURE__ */ comparison((a, b) => a === b, inOrder(Binary.equal));
export const less: Operator = /* @__PURE__ */ comparison((a, b) => a < b, turned(Binary.greater));
export const greater: Operator = /* @__PURE__ */ comparison((a, b) => a > b, inOrder(Binary.greater));
export const lessOrEqual: Operator = /* @__PURE__ */ comparison((a, b) => a <= b, turned(Binary.greaterOrEqual));
export const greaterOrEqual: Operator = /* @__PURE__ */ comparison((a, b) => a >= b, inOrder(Binary.greaterOrEqual));
export const and: Operator = /* @__PURE__ */ comparison((a, b) => a & b, inOrder(Binary.and));
export const or: Operator = /* @__PURE__ */ comparison((a, b) => a | b, inOrder(Binary.or));
export const xor: Operator = /* @__PURE__ */ comparison((a, b) => a ^ b, inOrder(Binary.xor));
