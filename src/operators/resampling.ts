/**
 * Sums along image axes: for each output position of an axis, a few source positions and their weights, tabulated once. The
 * adjoint scatters through the same tables.
 */
import { imageShape } from "../operation/layout";
import { type BuildContext, type Operation, oneToOne, type Run } from "../operation/operation";
import { placeOnce } from "../operation/weights";
import type { Pointer } from "../wasm/kernels";

/** The source positions and weights of every output position along one axis. */
export interface AxisTable {
  readonly taps: number;
  /** i32[out][taps] */
  readonly index: Int32Array;
  /** f32[out][taps] */
  readonly weight: Float32Array;
}

/** A table that picks one source position per output position. */
export const indexTable = (positions: readonly number[]): AxisTable => ({
  taps: 1,
  index: Int32Array.from(positions),
  weight: new Float32Array(positions.length).fill(1),
});

export const identityTable = (extent: number): AxisTable => indexTable(Array.from({ length: extent }, (_, i) => i));

/**
 * The linear operation y = R_y · x · R_xᵀ per channel for tabulated rows of R_y and R_x.
 *
 * @param tables  one per image axis (one for signals, two for images)
 */
export function resampleOperation(context: BuildContext, tables: readonly AxisTable[]): Operation {
  const { node, memory } = context;
  const from = imageShape(context.shape(node.inputs[0]));
  const to = imageShape(context.shape(node.outputs[0]));
  const columns = tables.at(-1) ?? identityTable(1);
  const rows = tables.length === 2 ? tables[0] : identityTable(1);
  const [indexY, indexX, weightY, weightX] = [rows.index, columns.index, rows.weight, columns.weight].map((table) =>
    placeOnce(memory, table, "Resize table"),
  );
  const record = (run: Run): Pointer =>
    run.record("ResampleGeometry", {
      samples: from.n * run.batch,
      inH: from.h,
      inW: from.w,
      channels: from.c,
      outH: to.h,
      outW: to.w,
      tapsY: rows.taps,
      tapsX: columns.taps,
      indexY: indexY(),
      indexX: indexX(),
      weightY: weightY(),
      weightX: weightX(),
    });
  return oneToOne(context, {
    linear: true,
    macs: to.h * to.w * to.c * rows.taps * columns.taps,
    forward: (run, x, y) => run.kernels.resample(x, y, record(run)),
    backward: (run, dy, dx) => run.kernels.resampleBackward(dy, dx, record(run)),
  });
}
