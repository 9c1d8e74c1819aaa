/** Copies of values between the order of memory and row-major order. */

import { loopsOf, rowMajorStrides } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { memoryStrides } from "./layout";
import type { Run } from "./operation";
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
