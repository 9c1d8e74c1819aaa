/** Reductions over any axes: mean and sum, which are linear, by adding up as elements lie; all others row by row. */
import { numberAttribute } from "../graph/ir";
import { type Arrange, loopsOf, oneRegion, rowMajorStrides } from "../graph/regions";
import { argument, axesOf, inputShape } from "../graph/shape-rule";
import { memoryOrder, memoryStrides } from "../operation/layout";
import { type BuildContext, constantsOf, type Operation, oneToOne, type Run } from "../operation/operation";
import { copyAxes } from "../operation/row-major";
import { rowsAlong } from "../operation/rows";
import { flipped, inOrder, move, walking } from "../operation/strided";
import { sizeOf } from "../tensor";
import { type Pointer, Reduce, type ReduceKind, Unary } from "../wasm/kernels";
import { shapeRuleOf } from "./arrangement";
import { reduced } from "./folding";
import type { Fold, Nature, Operator } from "./operator";

/** Every reduction: one region, in whose output the reduced axes do not advance. */
const reduction: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1) ?? [];
  const none = given.length === 0 && numberAttribute(node, "noop_with_empty_axes", 0) !== 0;
  const reduced = given.length > 0 || none ? axesOf(node, given, x.length) : x.map((_, axis) => axis);
  const keep = numberAttribute(node, "keepdims", 1) !== 0;
  const axes: number[] = [];
  const shape: number[] = [];
  x.forEach((extent, axis) => {
    axes.push(shape.length);
    if (!reduced.includes(axis)) shape.push(extent);
    else if (keep) shape.push(1);
  });
  const steps = x.map((_, axis) => (reduced.includes(axis) ? 0 : 1));
  return oneRegion(shape, { extents: x, to: { axes, steps } });
};

/** Sums, or means. */
const reduce = (context: BuildContext, isMean: boolean): Operation => {
  const { node } = context;
  const [shape, outShape] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  const [region] = reduction(node, [shape], constantsOf(context)).regions();
  const loops = walking("a", loopsOf(region, memoryStrides(shape), memoryStrides(outShape)));
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const factor = isMean ? outSize / size : 1;
  return oneToOne(context, {
    linear: true,
    scratchBytes: (batch, direction) => (direction === "backward" ? outSize * batch * 4 : 0),
    forward: (run, x, y) => {
      run.memory.bytes(y, outSize * run.batch * 4).fill(0);
      move(run, "addStrided", loops, { pointer: x, sample: size }, { pointer: y, sample: outSize });
      run.kernels.unary(Unary.scale, y, y, outSize * run.batch, factor, 0);
    },
    backward: (run, dy, dx) => {
      run.kernels.unary(Unary.scale, dy, run.scratch, outSize * run.batch, factor, 0);
      const scaled = { pointer: run.scratch, sample: outSize };
      move(run, "copyStrided", flipped(loops), scaled, { pointer: dx, sample: size });
    },
  });
};

/** What is left of the axes lies as the rows do: each row becomes one number. */
const reduceRows = (context: BuildContext, kind: ReduceKind): Operation => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const [shape, outShape] = [context.shape(input), context.shape(output)];
  const [{ to }] = reduction(node, [shape], constantsOf(context)).regions();
  const axes = memoryOrder(shape.length).filter((axis) => to?.steps?.[axis] === 0);
  const rows = rowsAlong(shape, axes);
  // Rows follow one another as the axes that are left lie in the input's memory, which may be another order than the result's.
  const left = memoryOrder(shape.length).filter((axis) => !axes.includes(axis));
  const extents = inOrder(shape, left);
  const strides = memoryStrides(outShape);
  const places = left.map((axis) => strides[to?.axes?.[axis] ?? axis]);
  const outBytes = (batch: number): number => Math.ceil((rows.rows * batch * 4) / 16) * 16;
  const inOutput = (run: Run, numbers: Pointer, y: Pointer): void =>
    copyAxes(run, numbers, y, extents, rowMajorStrides(extents), places);
  const inRows = (run: Run, y: Pointer, numbers: Pointer): void =>
    copyAxes(run, y, numbers, extents, places, rowMajorStrides(extents));

  return oneToOne(context, {
    saved: [input, output],
    scratchBytes: (batch, direction) =>
      (rows.asTheyLie ? 0 : rows.bytes(batch) * (direction === "forward" ? 1 : 2)) +
      outBytes(batch) * (direction === "forward" ? 1 : 2),
    forward: (run, x, y) => {
      const numbers = run.scratch;
      const from = rows.asTheyLie ? x : numbers + outBytes(run.batch);
      if (!rows.asTheyLie) rows.arrange(run, x, from);
      kernels.reduceRows(kind, from, numbers, rows.rows * run.batch, rows.columns);
      inOutput(run, numbers, y);
    },
    backward: (run, dy, dx) => {
      const [numbers, slopes] = [run.scratch, run.scratch + outBytes(run.batch)];
      inRows(run, run.value(output), numbers);
      inRows(run, dy, slopes);
      const arranged = slopes + outBytes(run.batch);
      const [x, target] = rows.asTheyLie ? [run.value(input), dx] : [arranged, arranged + rows.bytes(run.batch)];
      if (!rows.asTheyLie) rows.arrange(run, run.value(input), x);
      kernels.reduceRowsBackward(kind, x, numbers, slopes, target, rows.rows * run.batch, rows.columns);
      if (!rows.asTheyLie) rows.restore(run, target, dx);
    },
  });
};

const reducing = (nature: Nature, fold: Fold | undefined, more: Partial<Operator> = {}): Operator => ({
  nature,
  shape: shapeRuleOf(reduction),
  reach: "regions",
  arrange: reduction,
  ...(fold && { fold }),
  ...more,
});

const byRows = (nature: Nature, kind: ReduceKind, fold?: Fold): Operator =>
  reducing(nature, fold, { build: (context) => reduceRows(context, kind) });

export const reduceL1: Operator = /* @__PURE__ */ byRows("aggregate", Reduce.l1);
export const reduceL2: Operator = /* @__PURE__ */ byRows("aggregate", Reduce.l2);
export const reduceLogSum: Operator = /* @__PURE__ */ byRows("aggregate", Reduce.logSum);
export const reduceLogSumExp: Operator = /* @__PURE__ */ byRows("aggregate", Reduce.logSumExp);
export const reduceMax: Operator = /* @__PURE__ */ byRows(
  "maximum",
  Reduce.max,
  /* @__PURE__ */ reduced(reduction, Number.NEGATIVE_INFINITY, Math.max),
);
export const reduceMin: Operator = /* @__PURE__ */ byRows(
  "maximum",
  Reduce.min,
  /* @__PURE__ */ reduced(reduction, Number.POSITIVE_INFINITY, Math.min),
);
export const reduceSumSquare: Operator = /* @__PURE__ */ byRows("aggregate", Reduce.sumSquare);

export const reduceMean: Operator = /* @__PURE__ */ reducing(
  "mean",
  /* @__PURE__ */ reduced(
    reduction,
    0,
    (sum, value) => sum + value,
    (sum, count) => sum / count,
  ),
  { build: (context) => reduce(context, true) },
);

export const reduceProd: Operator = /* @__PURE__ */ byRows(
  "aggregate",
  Reduce.product,
  /* @__PURE__ */ reduced(reduction, 1, (product, value) => product * value),
);

export const reduceSum: Operator = /* @__PURE__ */ reducing(
  "total",
  /* @__PURE__ */ reduced(reduction, 0, (sum, value) => sum + value),
  { build: (context) => reduce(context, false) },
);
