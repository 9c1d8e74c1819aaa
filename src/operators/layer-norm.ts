/** LayerNormalization and RMSNormalization: all axes from one on are normalised together, then scaled and shifted element by element. */
import { numberAttribute } from "../graph/ir";
import { broadcastWalk, rowMajorLoops, visitPairs } from "../graph/regions";
import {
  axisOf,
  broadcastShapes,
  hasInput,
  inputShape,
  type Shape,
  type ShapeRule,
  shapeError,
} from "../graph/shape-rule";
import { memoryOrder } from "../operation/layout";
import { type BuildContext, type Builder, oneToOne, type Run } from "../operation/operation";
import { rowsAlong } from "../operation/rows";
import { inOrder } from "../operation/strided";
import { placeOnce } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import type { AxesReach, Operator } from "./operator";
import { steadyBackward } from "./steady";

/** Mean and deviation keep one number for each row of normalised elements. */
const shape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axis = axisOf(node, numberAttribute(node, "axis", -1), x.length);
  const normalised = x.slice(axis);
  for (const [index, what] of [
    [1, "scale"],
    [2, "bias"],
  ] as const) {
    if (!hasInput(node, index)) continue;
    const shape = inputShape(node, inputs, index);
    if (showShape(broadcastShapes(node, [x, shape])) !== showShape(x)) {
      shapeError(node, `its ${what} ${showShape(shape)} is larger than the input ${showShape(x)}.`);
    }
  }
  const statistics = [...x.slice(0, axis), ...normalised.map(() => 1)];
  return [x, statistics, statistics];
};

/** A constant input, repeated over the normalised axes in the order in which the columns have them; absent or all of it `neutral`: none. */
function perColumn(
  context: BuildContext,
  index: number,
  what: string,
  extents: Shape,
  order: readonly number[],
  neutral: number,
): Float32Array | undefined {
  const name = context.node.inputs[index] ?? "";
  if (name === "") return undefined;
  const constant = context.constant(name) ?? context.refuse(`its ${what} "${name}" is not a constant`);
  const own = constant.shape.slice(Math.max(0, constant.shape.length - extents.length));
  if (sizeOf(own) !== constant.size) {
    context.refuse(
      `its ${what} has the shape [${constant.shape.join(", ")}]: it differs outside of the normalised axes`,
    );
  }
  const values = constant.floats();
  if (values.every((value) => value === neutral)) return undefined;
  const whole = new Float32Array(sizeOf(extents));
  visitPairs(rowMajorLoops({ extents, from: broadcastWalk(own, extents) }, own, extents), (from, to) => {
    whole[to] = values[from];
  });
  const turned = inOrder(extents, order);
  const columns = new Float32Array(whole.length);
  visitPairs(rowMajorLoops({ extents: turned, from: { axes: order } }, extents, turned), (from, to) => {
    columns[to] = whole[from];
  });
  return columns;
}

const build: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input] = node.inputs;
  if (node.outputs.slice(1).some((name) => name !== "")) context.refuse("its mean and deviation are used");
  const extents = context.shape(input);
  const first = axisOf(node, numberAttribute(node, "axis", -1), extents.length);
  const axes = memoryOrder(extents.length).filter((axis) => axis >= first);
  const rows = rowsAlong(extents, axes);
  const { columns } = rows;
  const order = axes.map((axis) => axis - first);
  const scale = perColumn(context, 1, "scale", extents.slice(first), order, 1);
  const bias = perColumn(context, 2, "bias", extents.slice(first), order, 0);
  const centred = node.op === "LayerNormalization";
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const place = (values: Float32Array | undefined, what: string): (() => Pointer) =>
    values ? placeOnce(memory, values, what) : () => 0;
  const ones = new Float32Array(columns).fill(1);
  const factor = place(scale ?? (bias && ones), "Normalisation scale");
  const shift = place(bias, "Normalisation bias");
  const isScaled = scale !== undefined || bias !== undefined;

  const forward = (run: Run, x: Pointer, y: Pointer): void => {
    const count = rows.rows * run.batch;
    kernels.normalizeRows(centred, x, y, count, columns, epsilon);
    if (isScaled) kernels.scaleShift(y, factor(), shift(), y, count, columns);
  };
  /** dx may be dy. */
  type Backward = (run: Run, x: Pointer, dy: Pointer, dx: Pointer) => void;
  const backward: Backward = (run, x, dy, dx) => {
    const count = rows.rows * run.batch;
    if (scale) kernels.scaleShift(dy, factor(), 0, dx, count, columns);
    kernels.normalizeRowsBackward(centred, x, scale ? dx : dy, dx, count, columns, epsilon);
  };
  const steady: Backward = (run, x, dy, dx) => {
    const count = rows.rows * run.batch;
    if (scale) kernels.scaleShift(dy, factor(), 0, dx, count, columns);
    const row = { count: columns, stride: 1, centred, epsilon };
    for (let i = 0; i < count; i++) {
      const at = i * columns * 4;
      steadyBackward(run, { ...row, x: x + at, dy: (scale ? dx : dy) + at, dx: dx + at });
    }
  };
  const inRows = (run: Run, dy: Pointer, dx: Pointer, step: Backward): void => {
    const x = run.value(input);
    if (rows.asTheyLie) {
      step(run, x, dy, dx);
      return;
    }
    const [arrangedX, arrangedDy] = [run.scratch, run.scratch + rows.bytes(run.batch)];
    rows.arrange(run, x, arrangedX);
    rows.arrange(run, dy, arrangedDy);
    step(run, arrangedX, arrangedDy, arrangedDy);
    rows.restore(run, arrangedDy, dx);
  };

  return oneToOne(context, {
    saved: [input],
    parameters: [1, 2].reduce((sum, i) => sum + (context.constant(node.inputs[i] ?? "")?.size ?? 0), 0),
    weightBytes: { forward: (isScaled ? 8 : 0) * columns, backward: 0 },
    scratchBytes: (batch, direction) => (rows.asTheyLie ? 0 : rows.bytes(batch) * (direction === "forward" ? 1 : 2)),
    prepare: () => {
      factor();
      shift();
    },
    forward: (run, x, y) => {
      if (rows.asTheyLie) return forward(run, x, y);
      rows.arrange(run, x, run.scratch);
      forward(run, run.scratch, run.scratch);
      rows.restore(run, run.scratch, y);
    },
    backward: (run, dy, dx) => inRows(run, dy, dx, backward),
    steady: (run) => run.contribute(input, (dx) => inRows(run, run.gradient(node.outputs[0]), dx, steady)),
  });
};

const reach: AxesReach = {
  axes: ({ node, shapes: [x = []] }) => {
    const first = axisOf(node, numberAttribute(node, "axis", -1), x.length);
    return x.map((_, axis) => (axis < first ? "same" : "whole"));
  },
};

export const layerNormalization: Operator = { nature: "norm", shape, reach, build };
export const rmsNormalization: Operator = { nature: "norm", shape, reach, build };
