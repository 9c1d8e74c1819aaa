import { gaussianBlur } from "../image/blur";
import { magnitudeAt } from "../image/magnitude";
import { resizeBilinear } from "../image/resize";
import { factsOf } from "../methods/table";
import { type HeatmapSource, isWorthless, readPixels } from "./heatmap";

/** A map over the network's input in the method's own units: maps of several pictures can be compared, and drawn on one scale. */
export interface RawMap {
  /** Row-major; what speaks for the target above zero. */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Whether values below zero mean something. */
  readonly signed: boolean;
  /** What the strongest colour would stand for if the map were drawn alone. */
  readonly largest: number;
}

/** Pixel-wise values are blurred by this share of the input's side, so that people can see them. */
const blurShare = 0.02;
/** Of pixel-wise values one in a hundred may be stronger than the strongest colour. */
const percentile = 99;

/** Of values of a picture, `[1, H, W, C]`; undefined of others, and where a value is not finite. */
export function rawMap({ method, values, inputSize, notes = [] }: HeatmapSource): RawMap | undefined {
  const { width, height } = inputSize;
  if (values.shape.length !== 4 || values.data.some((value) => !Number.isFinite(value))) return undefined;
  const [, h, w, c] = values.shape;
  const isGrid = h !== height || w !== width;
  const reading = factsOf(method)?.reading ?? (isGrid && c === 1 ? "evidence" : "share");
  const pixels = isWorthless(notes) ? new Float32Array(h * w) : readPixels(values.data, c, reading);
  const data = isGrid
    ? resizeBilinear({ data: pixels, width: w, height: h, channels: 1 }, width, height, { antialias: false })
    : gaussianBlur(pixels, h, w, 1, blurShare * Math.min(w, h));
  const largest = magnitudeAt(isGrid ? 100 : percentile, data) || magnitudeAt(100, data);
  return { data, width, height, signed: reading === "share", largest };
}
