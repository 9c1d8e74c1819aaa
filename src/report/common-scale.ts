/** Maps drawn on one scale, so that the same colour is the same value in every picture of a method. */

import type { Attribution } from "../explain/attribution";
import { gaussianBlur } from "../image/blur";
import { magnitudeAt } from "../image/magnitude";
import { resizeBilinear } from "../image/resize";
import type { Reading } from "../methods/facts";
import { factsOf } from "../methods/table";
import { type Heatmap, heatmap } from "../view/heatmap";

/** A map over the network's input in the method's own units. */
export interface RawMap {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly signed: boolean;
  /** What its strongest colour would stand for if it were alone. */
  readonly largest: number;
}

/** Pixel-wise values are blurred by this share of the input's side, so that people can see them. */
const blurShare = 0.02;
/** Of pixel-wise values one in a hundred may be stronger than the strongest colour. */
const percentile = 99;

const empty: ReadonlySet<string> = new Set(["nothing-flows", "rounding-only", "flat-map"]);

/** Of values of a picture, `[1, H, W, C]`; undefined of others, which `heatmap` draws each on its own scale. */
function rawMap({ method, values, inputSize: { width, height }, notes }: Attribution): RawMap | undefined {
  if (values.shape.length !== 4 || values.data.some((value) => !Number.isFinite(value))) return undefined;
  const [, h, w, c] = values.shape;
  const isGrid = h !== height || w !== width;
  const reading = factsOf(method)?.reading ?? (isGrid && c === 1 ? "evidence" : "share");
  const worthless = notes.some(({ code }) => empty.has(code));
  const pixels = worthless ? new Float32Array(h * w) : perPixel(values.data, c, reading);
  const data = isGrid
    ? resizeBilinear({ data: pixels, width: w, height: h, channels: 1 }, width, height, { antialias: false })
    : gaussianBlur(pixels, h, w, 1, blurShare * Math.min(w, h));
  const largest = magnitudeAt(isGrid ? 100 : percentile, data) || magnitudeAt(100, data);
  return { data, width, height, signed: reading === "share", largest };
}

function perPixel(data: Float32Array, channels: number, reading: Reading): Float32Array {
  return Float32Array.from({ length: data.length / channels }, (_, pixel) => {
    let [sum, most] = [0, 0];
    for (let at = pixel * channels; at < (pixel + 1) * channels; at++) {
      sum += data[at];
      most = Math.max(most, Math.abs(data[at]));
    }
    return reading === "magnitude" ? most : reading === "evidence" ? Math.max(sum, 0) : sum;
  });
}

/** The map with a value as its strongest colour. */
function onScale({ data, width, height, signed }: RawMap, largest: number, { placement }: Attribution): Heatmap {
  const scaled = data.map((value) => (largest > 0 ? Math.min(1, Math.max(-1, value / largest)) : 0));
  return { data: scaled, width, height, signed, ...(placement && { placement }) };
}

/** What is drawn of each of several attributions, and the value of the strongest colour where they share one. */
export interface Scaled {
  /** Missing where the values have no places, or are not finite. */
  readonly map?: Heatmap;
  /** In the units of the values; missing where the map has its own scale. */
  readonly strongest?: number;
  /** The largest value of this map, in the same units. */
  readonly own?: number;
}

/** Attributions by one method share a scale, whatever picture, target or network they are of. */
export function commonScale(attributions: readonly Attribution[]): readonly Scaled[] {
  const maps = attributions.map(rawMap);
  const strongest = new Map<string, number>();
  attributions.forEach(({ method }, i) => {
    const map = maps[i];
    if (map) strongest.set(method, Math.max(strongest.get(method) ?? 0, map.largest));
  });
  return attributions.map((attribution, i) => {
    const map = maps[i];
    if (!map) return { ...ownScale(attribution) };
    const shared = strongest.get(attribution.method) as number;
    return { map: onScale(map, shared, attribution), strongest: shared, own: map.largest };
  });
}

/** Of signals and volumes, which are drawn as `heatmap` draws them. */
function ownScale(attribution: Attribution): Scaled {
  const { data, shape } = attribution.values;
  if (shape.length < 3 || data.some((value) => !Number.isFinite(value))) return {};
  return { map: heatmap(attribution) };
}
