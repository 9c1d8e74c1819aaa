/** Where Resize and Upsample take their pixels from. Every mode is a separable sum over a few source positions. */

import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { entryOf } from "../guard";
import { type AxisTable, identityTable } from "./resampling";

/** One axis of Resize or Upsample: extents and the scale that the coordinate transformation uses. */
export interface ResizeAxis {
  readonly in: number;
  readonly out: number;
  readonly scale: number;
  /** The part of the input that is resized, from and to shares of it; absent: all. */
  readonly part?: readonly [number, number];
}

type Round = (x: number) => number;

/** Where an output position lies in the source, by ONNX `coordinate_transformation_mode`; `r` rounds every step. */
const coordinates = /* @__PURE__ */ new Map<string, (position: number, axis: ResizeAxis, r: Round) => number>([
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
  [
    "tf_crop_and_resize",
    (x, { in: extent, out, part: [start, end] = [0, 1] }, r) =>
      out > 1
        ? r(r(start * (extent - 1)) + r(r(x * (end - start)) * (extent - 1)) / (out - 1))
        : r(0.5 * (start + end) * (extent - 1)),
  ],
  ["tf_half_pixel_for_nn", (x, { scale }, r) => r(r(x + 0.5) / scale)],
]);

/** What lies as near as this to the middle between two pixels counts as there. */
const halfway = 1e-6;
const isHalfway = (x: number): boolean => Math.abs(x - Math.floor(x) - 0.5) < halfway;

const rounding = /* @__PURE__ */ new Map<string, (x: number, axis: ResizeAxis) => number>([
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

function axisTable(sampling: Sampling, axis: ResizeAxis): AxisTable {
  // As in onnxruntime, a scale of 1 transforms nothing, not even where a part is cut out.
  if (axis.scale === 1) return identityTable(axis.in);
  const { mode, place, antialias, crops } = sampling;
  if (antialias && mode !== "nearest") return smoothTable(sampling, axis);
  const clamp = (i: number): number => Math.min(Math.max(i, 0), axis.in - 1);
  const taps = entryOf(tapCounts, mode);
  const [index, weight] = [new Int32Array(axis.out * taps), new Float32Array(axis.out * taps)];
  for (let position = 0; position < axis.out; position++) {
    const at = position * taps;
    const x = place(position, axis, mode === "nearest" ? Math.fround : (value) => value);
    if (mode === "nearest") {
      index[at] = clamp(sampling.round(x, axis));
      weight[at] = 1;
    } else if (mode === "linear") {
      // Outside the first and last pixel centre the edge pixel alone counts.
      const inside = Math.min(Math.max(x, 0), axis.in - 1);
      const left = Math.floor(inside);
      index[at] = left;
      index[at + 1] = clamp(left + 1);
      weight[at] = 1 - (inside - left);
      weight[at + 1] = inside - left;
    } else {
      const left = Math.floor(x);
      const pixels = [-1, 0, 1, 2].map((offset) => left + offset);
      index.set(pixels.map(clamp), at);
      const weights = cubicWeights(x - left, sampling.cubicA);
      weight.set(sampling.excludeOutside ? insideOnly(weights, pixels, axis.in) : weights, at);
    }
    // What lies outside of the input has another value, which is none of the input's.
    if (crops && isOutside(x, axis)) weight.fill(0, at, at + taps);
  }
  return { taps, index, weight };
}

const isOutside = (x: number, { in: extent }: ResizeAxis): boolean => x < 0 || x > extent - 1;

/** Pixels outside do not count, and the others count for all. */
function insideOnly(weights: readonly number[], pixels: readonly number[], extent: number): number[] {
  const kept = weights.map((weight, i) => (pixels[i] >= 0 && pixels[i] < extent ? weight : 0));
  const sum = kept.reduce((total, weight) => total + weight, 0);
  return kept.map((weight) => weight / sum);
}

/**
 * Where the output has fewer pixels than the input, each is a mean of all that it stands for, weighed by the same curve made as wide:
 * what lies outside counts for the pixel at the edge. As onnxruntime and Pillow have it.
 */
function smoothTable({ mode, place, cubicA, excludeOutside, crops }: Sampling, axis: ResizeAxis): AxisTable {
  const wide = Math.max(1, 1 / axis.scale);
  const support = (mode === "linear" ? 1 : 2) * wide;
  const curve = (distance: number): number => {
    const d = Math.abs(distance);
    if (mode === "linear") return Math.max(0, 1 - d);
    return d < 1 ? cubicWeights(d, cubicA)[1] : d < 2 ? cubicWeights(d - 1, cubicA)[0] : 0;
  };
  const taps = 2 * Math.ceil(support) + 1;
  const [index, weight] = [new Int32Array(axis.out * taps), new Float32Array(axis.out * taps)];
  for (let position = 0; position < axis.out; position++) {
    const x = place(position, axis, Math.fround);
    if (crops && isOutside(x, axis)) continue;
    const [first, last] = [Math.floor(x - support + 1), Math.floor(x + support + 1)];
    const sums = new Map<number, number>();
    let total = 0;
    for (let pixel = first; pixel < last; pixel++) {
      const seen = Math.min(Math.max(pixel, 0), axis.in - 1);
      if (excludeOutside && seen !== pixel) continue;
      const own = curve((pixel - x) / wide);
      sums.set(seen, (sums.get(seen) ?? 0) + own);
      total += own;
    }
    [...sums].forEach(([pixel, sum], i) => {
      index[position * taps + i] = pixel;
      weight[position * taps + i] = sum / (total || 1);
    });
  }
  return { taps, index, weight };
}

/** As in onnxruntime, nothing happens then, whatever the scales. */
export const keepsShape = (axes: readonly ResizeAxis[]): boolean => axes.every((axis) => axis.in === axis.out);

interface Sampling {
  readonly mode: string;
  readonly place: (position: number, axis: ResizeAxis, r: Round) => number;
  readonly round: (x: number, axis: ResizeAxis) => number;
  readonly cubicA: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  /** True where a position outside of the input is none of its pixels. */
  readonly crops: boolean;
}

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
export function resizeTables(node: Node, axes: readonly ResizeAxis[], opset: number): AxisTable[] {
  const { mode, coordinate, nearest } = methodOf(node, opset);
  const sampling = {
    mode,
    cubicA: numberAttribute(node, "cubic_coeff_a", -0.75),
    antialias: numberAttribute(node, "antialias", 0) !== 0,
    excludeOutside: numberAttribute(node, "exclude_outside", 0) !== 0,
    crops: coordinate === "tf_crop_and_resize",
  };
  if (keepsShape(axes)) return axes.slice(2).map((axis) => identityTable(axis.in));
  const [place, round] = [coordinates.get(coordinate), rounding.get(nearest)];
  if (!place || !round) throw new Error(`Internal error: Resize "${node.name}" cannot run.`);
  return axes.slice(2).map((axis) =>
    // The scale is a float32 there too, but for the blends this would only round them.
    axisTable({ ...sampling, place, round }, mode === "nearest" ? { ...axis, scale: Math.fround(axis.scale) } : axis),
  );
}

/** What of a method is not supported, if anything. */
export function methodRefusal(node: Node, opset: number): string | undefined {
  const { mode, coordinate, nearest } = methodOf(node, opset);
  if (!tapCounts.has(mode)) return `mode "${mode}" is not supported`;
  if (!coordinates.has(coordinate)) return `coordinate_transformation_mode "${coordinate}" is not supported`;
  if (!rounding.has(nearest)) return `nearest_mode "${nearest}" is not supported`;
  return undefined;
}

/** The positions along an axis that lie outside of the input, 1 each. */
export function outsideOf(node: Node, axis: ResizeAxis): number[] {
  if (axis.scale === 1) return new Array<number>(axis.out).fill(0);
  const place = entryOf(coordinates, "tf_crop_and_resize");
  const round = stringAttribute(node, "mode", "nearest") === "nearest" ? Math.fround : (value: number) => value;
  return Array.from({ length: axis.out }, (_, position) => Number(isOutside(place(position, axis, round), axis)));
}
