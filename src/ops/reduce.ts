/** Reductions over any axes: mean and sum, which are linear, by adding up as elements lie; all others row by row. */
import { loopsOf, rowMajorStrides } from "../graph/regions";
import { reduction } from "../graph/shapes";
import { sizeOf } from "../tensor";
import { type Pointer, Reduce, type ReduceKind, Unary } from "../wasm/kernels";
import { memoryOrder, memoryStrides } from "./layout";
import { type Builder, constantsOf, oneToOne, type Run } from "./operation";
import { copyAxes } from "./reshape";
import { rowsAlong } from "./rows";
import { flipped, inOrder, move, walking } from "./strided";

export const reduce: Builder = (context) => {
  const { node } = context;
  const [shape, outShape] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  const [region] = reduction(node, [shape], constantsOf(context)).regions();
  const loops = walking("a", loopsOf(region, memoryStrides(shape), memoryStrides(outShape)));
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const factor = node.op === "ReduceMean" ? outSize / size : 1;
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

/** By the name of the operator. */
export const reduceKinds: ReadonlyMap<string, ReduceKind> = /* @__PURE__ */ new Map<string, ReduceKind>([
  ["ReduceL1", Reduce.l1],
  ["ReduceL2", Reduce.l2],
  ["ReduceLogSum", Reduce.logSum],
  ["ReduceLogSumExp", Reduce.logSumExp],
  ["ReduceMax", Reduce.max],
  ["ReduceMin", Reduce.min],
  ["ReduceProd", Reduce.product],
  ["ReduceSumSquare", Reduce.sumSquare],
]);

/** What is left of the axes lies as the rows do: each row becomes one number. */
export const reduceRows: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const kind = reduceKinds.get(node.op) ?? context.refuse("it is no reduction");
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
