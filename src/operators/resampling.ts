/**
 * Sums along image axes: for each output position of an axis, a few source positions and their weights, tabulated once. The
 * adjoint scatters through the same tables.
 */
import type { Node } from "../graph/ir";
import { label, type Shape } from "../graph/shape-rule";
import { withinListed } from "../limits";
import { type ImageShape, imageShape } from "../operation/layout";
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
export function indexTable(positions: number, source: (position: number) => number): AxisTable {
  const index = new Int32Array(positions);
  for (let i = 0; i < positions; i++) index[i] = source(i);
  return { taps: 1, index, weight: new Float32Array(positions).fill(1) };
}

export const identityTable = (extent: number): AxisTable => indexTable(extent, (position) => position);

/**
 * Says that tables of an operator list the places of some axes, of a volume those of a slice too.
 *
 * @throws {ShapeError} if these are too many
 */
export function listPlaces(node: Node, extents: Shape, out: Shape): void {
  withinListed(Math.max(0, ...extents.slice(2)), label(node));
  if (out.length === 5) withinListed(out[3] * out[4], label(node));
}

/** One step over rows and columns of images. */
interface Resampling {
  readonly from: ImageShape;
  readonly to: ImageShape;
  readonly rows: AxisTable;
  readonly columns: AxisTable;
}

function resampling({ memory }: BuildContext, { from, to, rows, columns }: Resampling) {
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
  return {
    macs: to.h * to.w * to.c * rows.taps * columns.taps,
    forward: (run: Run, x: Pointer, y: Pointer): void => run.kernels.resample(x, y, record(run)),
    backward: (run: Run, dy: Pointer, dx: Pointer): void => run.kernels.resampleBackward(dy, dx, record(run)),
  };
}

/**
 * The linear operation y = R_y · x · R_xᵀ per channel for tabulated rows of R_y and R_x; of a volume every slice, then the slices.
 *
 * @param tables  one per image axis (one for signals, two for images, three for volumes)
 */
export function resampleOperation(context: BuildContext, tables: readonly AxisTable[]): Operation {
  const { node } = context;
  const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  const [from, to] = [imageShape(input), imageShape(output)];
  const columns = tables.at(-1) ?? identityTable(1);
  const rows = tables.at(-2) ?? identityTable(1);
  if (tables.length < 3)
    return oneToOne(context, { linear: true, ...resampling(context, { from, to, rows, columns }) });
  const [n, c, d, h, w] = input;
  const [, , outD, outH, outW] = output;
  const slices = { from: { n: n * d, h, w, c }, to: { n: n * d, h: outH, w: outW, c }, rows, columns };
  const places = outH * outW;
  const stack = { from: { n, h: d, w: places, c }, to: { n, h: outD, w: places, c } };
  const inside = resampling(context, slices);
  const across = resampling(context, { ...stack, rows: tables[0], columns: identityTable(places) });
  return oneToOne(context, {
    linear: true,
    macs: n * d * inside.macs + n * across.macs,
    scratchBytes: (batch) => n * d * places * c * batch * 4,
    forward: (run, x, y) => {
      inside.forward(run, x, run.scratch);
      across.forward(run, run.scratch, y);
    },
    backward: (run, dy, dx) => {
      across.backward(run, dy, run.scratch);
      inside.backward(run, run.scratch, dx);
    },
  });
}
