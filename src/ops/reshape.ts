/** Operators that only rename the axes of a value: Reshape, Flatten, Squeeze, Unsqueeze. */
import { rowMajorStrides } from "../graph/regions";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { isRowMajor, memoryOrder, memoryStrides, type Shape } from "./layout";
import { type Builder, oneToOne, type Run } from "./operation";
import { inOrder, stridedRecord } from "./strided";

/** Copies each sample of a value from one set of strides along the given axes to another. */
export function copyAxes(
  run: Run,
  from: Pointer,
  to: Pointer,
  extents: readonly number[],
  a: readonly number[],
  b: readonly number[],
): void {
  const size = sizeOf(extents);
  run.kernels.copyStrided(from, to, stridedRecord(run, { extents, a, b }, { a: size, b: size }));
}

/** Copies a value from memory order to row-major order. */
export function toRowMajorCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  copyAxes(run, from, to, shape, memoryStrides(shape), rowMajorStrides(shape));
}

/** Copies a value from row-major order to memory order; the loops walk the destination. */
export function toMemoryCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  const order = memoryOrder(shape.length);
  copyAxes(
    run,
    from,
    to,
    inOrder(shape, order),
    inOrder(rowMajorStrides(shape), order),
    inOrder(memoryStrides(shape), order),
  );
}

/** Moves the same row-major sequence of numbers from one shape's memory to another's. */
function reinterpret(run: Run, from: Pointer, fromShape: Shape, to: Pointer, toShape: Shape): void {
  if (isRowMajor(fromShape)) {
    if (isRowMajor(toShape)) run.memory.copy(from, to, sizeOf(fromShape) * run.batch * 4);
    else toMemoryCopy(run, from, to, toShape);
    return;
  }
  if (isRowMajor(toShape)) {
    toRowMajorCopy(run, from, to, fromShape);
    return;
  }
  toRowMajorCopy(run, from, run.scratch, fromShape);
  toMemoryCopy(run, run.scratch, to, toShape);
}

export const reshape: Builder = (context) => {
  const { node } = context;
  const [from, to] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  return oneToOne(context, {
    linear: true,
    scratchBytes: (batch) => (isRowMajor(from) || isRowMajor(to) ? 0 : sizeOf(from) * batch * 4),
    forward: (run, x, y) => reinterpret(run, x, from, y, to),
    backward: (run, dy, dx) => reinterpret(run, dy, to, dx, from),
  });
};
