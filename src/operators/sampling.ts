/** Where Resize and Upsample take their pixels from. Every mode is a separable sum over a few source positions. */
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { type AxisTable, identityTable } from "./resampling";

/** One axis of Resize or Upsample: extents and the scale that the coordinate transformation uses. */
export interface ResizeAxis {
  readonly in: number;
  readonly out: number;
  readonly scale: number;
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

function axisTable({ mode, place, round, cubicA }: Sampling, axis: ResizeAxis): AxisTable {
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
export const keepsShape = (axes: readonly ResizeAxis[]): boolean => axes.every((axis) => axis.in === axis.out);

interface Sampling {
  readonly mode: string;
  readonly place: (position: number, axis: ResizeAxis, r: Round) => number;
  readonly round: (x: number, axis: ResizeAxis) => number;
  readonly cubicA: number;
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
  const cubicA = numberAttribute(node, "cubic_coeff_a", -0.75);
  if (keepsShape(axes)) return axes.slice(2).map((axis) => identityTable(axis.in));
  const [place, round] = [coordinates.get(coordinate), rounding.get(nearest)];
  if (!place || !round) throw new Error(`Internal error: Resize "${node.name}" cannot run.`);
  return axes.slice(2).map((axis) =>
    // The scale is a float32 there too, but for the blends this would only round them.
    axisTable({ mode, place, round, cubicA }, mode === "nearest" ? { ...axis, scale: Math.fround(axis.scale) } : axis),
  );
}

/** What of a method is not supported, if anything. */
export function methodRefusal(node: Node, opset: number): string | undefined {
  const { mode, coordinate, nearest } = methodOf(node, opset);
  if (!tapCounts.has(mode)) return `mode "${mode}" is not supported`;
  if (!coordinates.has(coordinate)) return `coordinate_transformation_mode "${coordinate}" is not supported`;
  if (!rounding.has(nearest)) return `nearest_mode "${nearest}" is not supported`;
  if (numberAttribute(node, "antialias", 0) === 1) return "antialias is not supported";
  if (mode === "cubic" && numberAttribute(node, "exclude_outside", 0) === 1) return "exclude_outside is not supported";
  return undefined;
}
