/** Some axes of a value as the columns of a matrix, all others as its rows: what kernels of rows work on. */

import { rowMajorStrides } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { memoryOrder, memoryStrides } from "./layout";
import type { Run } from "./operation";
import { copyAxes } from "./row-major";
import { inOrder } from "./strided";

export interface Rows {
  /** Rows of one sample. */
  readonly rows: number;
  readonly columns: number;
  /** True where the value lies in memory as these rows: nothing is copied then. */
  readonly asTheyLie: boolean;
  /** Copies the value to rows. */
  arrange(run: Run, from: Pointer, to: Pointer): void;
  /** Copies rows back to the value. */
  restore(run: Run, from: Pointer, to: Pointer): void;
  bytes(batch: number): number;
}

/** @param axes  those that become columns, the last one innermost */
export function rowsAlong(shape: Shape, axes: readonly number[]): Rows {
  const order = memoryOrder(shape.length);
  const columns = sizeOf(axes.map((axis) => shape[axis]));
  const size = sizeOf(shape);
  const arranged = [...order.filter((axis) => !axes.includes(axis)), ...axes];
  // Nothing to rearrange where the columns are already the innermost in memory (extents of 1 do not matter).
  const moves = (list: readonly number[]): string => list.filter((axis) => shape[axis] > 1).join();
  const extents = inOrder(shape, arranged);
  const memory = inOrder(memoryStrides(shape), arranged);
  const rows = rowMajorStrides(extents);
  return {
    rows: size / columns,
    columns,
    asTheyLie: moves(order) === moves(arranged),
    arrange: (run, from, to) => copyAxes(run, from, to, extents, memory, rows),
    restore: (run, from, to) => copyAxes(run, from, to, extents, rows, memory),
    bytes: (batch) => size * batch * 4,
  };
}
