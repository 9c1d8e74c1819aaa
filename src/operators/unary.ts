/** Operations y = f(x) of one number, by kernel. */

import type { Node } from "../graph/ir";
import { sameShape } from "../graph/shape-rule";
import { type BuildContext, type Clamp, type Operation, oneToOne } from "../operation/operation";
import { sizeOf } from "../tensor";
import { Unary, type UnaryKind } from "../wasm/kernels";
import type { Nature, Operator } from "./operator";
import { rectifyMode, redirect } from "./redirect";

export interface UnaryFunction {
  readonly kind: UnaryKind;
  readonly a?: number;
  readonly b?: number;
  /** What the derivative is computed from, as `Kernels.unaryBackward` lists; default: the output. */
  readonly saves?: "input";
}

/** Functions with kinks: rules may replace their derivative. */
const rectifiers: ReadonlySet<UnaryKind> = new Set<UnaryKind>([
  ...[Unary.relu, Unary.leakyRelu, Unary.elu, Unary.clip, Unary.thresholdedRelu],
]);

function clampOf(kind: UnaryKind, a: number, b: number): Clamp | undefined {
  if (kind === Unary.relu) return { lo: 0, hi: Number.POSITIVE_INFINITY };
  return kind === Unary.clip ? { lo: a, hi: b } : undefined;
}

/** Builds the operation y = f(x). */
export function unary(context: BuildContext, input: string, { kind, a = 0, b = 0, saves }: UnaryFunction): Operation {
  const { node } = context;
  const output = node.outputs[0];
  const size = sizeOf(context.shape(output));
  const saved = saves ? input : output;
  const bounds = clampOf(kind, a, b);
  return oneToOne(
    context,
    {
      saved: [saved],
      rectifier: rectifiers.has(kind),
      linear: kind === Unary.scale,
      inPlace: true,
      clamp: bounds,
      forward: (run, x, y) => run.kernels.unary(kind, x, y, size * run.batch, a, b),
      backward: (run, dy, dx) => {
        const { rectifier } = run.rules;
        run.kernels.unaryBackward(kind, rectifyMode(rectifier), run.value(saved), dy, dx, size * run.batch, a, b);
        if (rectifier === "redirected" && bounds) redirect(run, bounds, { y: run.value(output), dy, dx, size });
      },
    },
    input,
  );
}

/** An operator that is a function of one number. */
export const unaryOperator = (
  nature: Nature,
  of: UnaryFunction | ((node: Node) => UnaryFunction),
  more: Partial<Operator> = {},
): Operator => ({
  nature,
  shape: sameShape,
  reach: "same",
  build: (context) => unary(context, context.node.inputs[0], typeof of === "function" ? of(context.node) : of),
  ...more,
});
