/**
 * Resize and Upsample of the image axes. Every mode is the same separable sum: for each output position of an axis, a few
 * source positions and their weights, tabulated once. The adjoint scatters through the same tables.
 */
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { resizeGeometry } from "../graph/shapes";
import type { Pointer } from "../wasm/kernels";
import { imageShape } from "./layout";
import { type BuildContext, type Builder, constantsOf, type Operation, oneToOne, type Run } from "./operation";
import { placeOnce } from "./weights";

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

const identityTable = (extent: number): AxisTable => indexTable(Array.from({ length: extent }, (_, i) => i));

interface Axis {
  readonly in: number;
  readonly out: number;
  readonly scale: number;
}

type Round = (x: number) => number;

/** Where an output position lies in the source, by ONNX `coordinate_transformation_mode`; `r` rounds every step. */
const coordinates = /* @__PURE__ */ new Map<string, (position: number, axis: Axis, r: Round) => number>([
  ["half_pixel", (x, { scale }, r) => r(r(r(x + 0.5) / scale) - 0.5)],
  [
    "half_pixel_symmetric",
    (x, axis, r) => {
      const adjustment = r(axis.out / r(axis.scale * axis.in));
      const offset = r((axis.in / 2) * r(1 - adjustment));
      // The last line alone is in float64 there.
      return r(offset + (x + 0.5) / axis.scale - 0.5);
    },
  ],
  ["pytorch_half_pixel", (x, { scale, out }, r) => (out > 1 ? r(r(r(x + 0.5) / scale) - 0.5) : 0)],
  ["align_corners", (x, axis, r) => (axis.out === 1 ? 0 : r(r(x * (axis.in - 1)) / (axis.out - 1)))],
  ["asymmetric", (x, { scale }, r) => r(x / scale)],
  ["tf_half_pixel_for_nn", (x, { scale }, r) => r(r(x + 0.5) / scale)],
]);

/** What lies as near as this to the middle between two pixels counts as there. */
const halfway = 1e-6;
const isHalfway = (x: number): boolean => Math.abs(x - Math.floor(x) - 0.5) < halfway;

const rounding = /* @__PURE__ */ new Map<string, (x: number, axis: Axis) => number>([
  ["round_prefer_floor", (x) => (isHalfway(x) ? Math.floor(x) : Math.round(x))],
  ["round_prefer_ceil", (x) => (isHalfway(x) ? Math.ceil(x) : Math.round(x))],
  ["floor", Math.floor],
  ["ceil", Math.ceil],
  // What onnxruntime does before operator set 11, where the attribute begins.
  ["", (x, { scale }) => (scale < 1 ? Math.ceil(x) : Math.floor(x))],
]);

/** The pixels beside a position, and its weights, by mode. */
const tapCounts: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ["nearest", 1],
  ["linear", 2],
  ["cubic", 4],
]);

/** Weights of the four neighbours at a fraction t in [0, 1): Keys' cubic convolution. */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

function axisTable({ mode, place, round, cubicA }: Sampling, axis: Axis): AxisTable {
  // As in onnxruntime, a scale of 1 transforms nothing.
  if (axis.scale === 1) return identityTable(axis.in);
  const clamp = (i: number): number => Math.min(Math.max(i, 0), axis.in - 1);
  const taps = tapCounts.get(mode) as number;
  const index: number[] = [];
  const weight: number[] = [];
  for (let position = 0; position < axis.out; position++) {
    if (mode === "nearest") {
      index.push(clamp(round(place(position, axis, Math.fround), axis)));
      weight.push(1);
      continue;
    }
    const x = place(position, axis, (value) => value);
    if (mode === "linear") {
      // Outside the first and last pixel centre the edge pixel alone counts.
      const inside = Math.min(Math.max(x, 0), axis.in - 1);
      const left = Math.floor(inside);
      index.push(left, clamp(left + 1));
      weight.push(1 - (inside - left), inside - left);
    } else {
      const left = Math.floor(x);
      index.push(...[-1, 0, 1, 2].map((offset) => clamp(left + offset)));
      weight.push(...cubicWeights(x - left, cubicA));
    }
  }
  return { taps, index: Int32Array.from(index), weight: Float32Array.from(weight) };
}

/** As in onnxruntime, nothing happens then, whatever the scales. */
const keepsShape = (axes: readonly Axis[]): boolean => axes.every((axis) => axis.in === axis.out);

interface Sampling {
  readonly mode: string;
  readonly place: (position: number, axis: Axis, r: Round) => number;
  readonly round: (x: number, axis: Axis) => number;
  readonly cubicA: number;
}

export const resize: Builder = (context) => {
  const { node, opset } = context;
  const shape = context.shape(node.inputs[0]);
  const axes = resizeGeometry(node, shape, constantsOf(context), opset);
  if (shape.length > 4) context.refuse("volumes (3-D) are not supported");
  if (!keepsShape(axes) && (shape.length < 3 || axes.slice(0, 2).some(({ scale }) => scale !== 1)))
    context.refuse("only the image axes can be resized");
  const { mode, coordinate, nearest } = methodOf(node, opset);
  if (!tapCounts.has(mode)) context.refuse(`mode "${mode}" is not supported`);
  if (!coordinates.has(coordinate)) context.refuse(`coordinate_transformation_mode "${coordinate}" is not supported`);
  if (!rounding.has(nearest)) context.refuse(`nearest_mode "${nearest}" is not supported`);
  if (numberAttribute(node, "antialias", 0) === 1) context.refuse("antialias is not supported");
  if (mode === "cubic" && numberAttribute(node, "exclude_outside", 0) === 1)
    context.refuse("exclude_outside is not supported");
  return resampleOperation(context, resizeTables(node, axes, opset));
};

/** Upsample, and Resize before opset 11, have no coordinate attribute and mean the asymmetric one. */
function methodOf(node: Node, opset: number) {
  const plain = node.op === "Upsample" || opset < 11;
  return {
    mode: stringAttribute(node, "mode", "nearest").replace("bilinear", "linear"),
    coordinate: plain ? "asymmetric" : stringAttribute(node, "coordinate_transformation_mode", "half_pixel"),
    nearest: plain ? "" : stringAttribute(node, "nearest_mode", "round_prefer_floor"),
  };
}

/**
 * The tables of the image axes of a Resize or Upsample that can run. Which pixel is nearest is decided in float32, step by step as
 * onnxruntime and torch do: by a scale of 1/3 the third pixel lies at 9, in float64 just before it.
 */
export function resizeTables(node: Node, axes: readonly Axis[], opset: number): AxisTable[] {
  const { mode, coordinate, nearest } = methodOf(node, opset);
  const cubicA = numberAttribute(node, "cubic_coeff_a", -0.75);
  if (keepsShape(axes)) return axes.slice(2).map((axis) => identityTable(axis.in));
  const [place, round] = [coordinates.get(coordinate), rounding.get(nearest)];
  if (!place || !round) throw new Error(`Internal error: Resize "${node.name}" cannot run.`);
  return axes.slice(2).map((axis) =>
    // The scale is a float32 there too, but for the blends this would only round them.
    axisTable({ mode, place, round, cubicA }, mode === "nearest" ? { ...axis, scale: Math.fround(axis.scale) } : axis),
  );
}

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
