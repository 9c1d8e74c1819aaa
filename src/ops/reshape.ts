/** Operators that only rename the axes of a value: Reshape, Flatten, Squeeze, Unsqueeze. */
import { loopsOf, rowMajorStrides } from "../graph/regions";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { isRowMajor, memoryStrides, type Shape } from "./layout";
import { type Builder, oneToOne, type Run } from "./operation";
import { move, walking } from "./strided";

/** Copies each sample of a value from one set of strides along its axes to another. */
export function copyAxes(
  run: Run,
  from: Pointer,
  to: Pointer,
  shape: Shape,
  a: readonly number[],
  b: readonly number[],
): void {
  const sample = sizeOf(shape);
  const loops = walking("b", loopsOf({ extents: shape }, a, b));
  move(run, "copyStrided", loops, { pointer: from, sample }, { pointer: to, sample });
}

/** Copies a value from memory order to row-major order. */
export function toRowMajorCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  copyAxes(run, from, to, shape, memoryStrides(shape), rowMajorStrides(shape));
}

/** Copies a value from row-major order to memory order. */
export function toMemoryCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  copyAxes(run, from, to, shape, rowMajorStrides(shape), memoryStrides(shape));
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
