import { OptionError } from "../errors";
import { resizeBilinear } from "../image/resize";
import type { Tensor } from "../tensor";

/** A scalar per pixel of the network's input. */
export interface Heatmap {
  /** Row-major, height × width: 0 to 1, or −1 to 1 where `signed`. */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly signed: boolean;
}

/** What a heatmap is made from; every Attribution is one. */
export interface HeatmapSource {
  readonly method: string;
  readonly values: Tensor;
  readonly inputSize: { readonly width: number; readonly height: number };
}

type Sign = "absolute" | "positive" | "negative" | "signed";
type Channels = "max" | "sum";

export interface HeatmapOptions {
  /** Which part of the values counts: |x|, max(x, 0), max(−x, 0), or x itself. Default: by method. */
  readonly sign?: Sign;
  /** How the channels of a pixel become one value: the largest magnitude, or the sum. Default: by method. */
  readonly channels?: Channels;
  /** The percentile of magnitudes that becomes 1; larger values are clipped. Default 100: the maximum. */
  readonly percentile?: number;
}

interface Style {
  readonly sign: Sign;
  readonly channels: Channels;
}

/** Magnitudes where the sign of a gradient only says which way to change a pixel; signed sums where values are shares of a score. */
const magnitude: Style = { sign: "absolute", channels: "max" };
const share: Style = { sign: "signed", channels: "sum" };
const map: Style = { sign: "positive", channels: "sum" };
const styles: Readonly<Record<string, Style>> = {
  saliency: magnitude,
  deconvnet: magnitude,
  "guided-backprop": magnitude,
  "input-x-gradient": share,
  "integrated-gradients": share,
  occlusion: share,
  cam: map,
  "grad-cam": map,
};

/**
 * Turns raw attribution values into one number per input pixel.
 *
 * Maps at a layer's own grid (the CAM family) are rectified, scaled to 0..1, resized bilinearly with half-pixel centres and
 * scaled again, as `scale_cam_image` of jacobgil/pytorch-grad-cam does. Values at the input's size are reduced over
 * channels and divided by their largest magnitude (or the given percentile). A map without anything to show is all zero.
 *
 * @throws {OptionError} if an option is out of range
 */
export function heatmap(source: HeatmapSource, options: HeatmapOptions = {}): Heatmap {
  const { values, inputSize, method } = source;
  const { width, height } = inputSize;
  const [h, w, c] = gridOf(values);
  const grid = h !== height || w !== width;
  const style = styles[method] ?? (grid ? map : share);
  const { sign = style.sign, channels = style.channels, percentile = 100 } = options;
  if (!(percentile > 0 && percentile <= 100))
    throw new OptionError(`percentile must be above 0 and at most 100, got ${percentile}.`);
  const reduced = reduceChannels(values.data, c, channels, sign);
  const signed = sign === "signed";
  const normalise =
    grid && !signed && percentile === 100 ? minMax : (data: Float32Array) => divideByLargest(data, percentile);
  const scaled = normalise(reduced);
  if (!grid) return { data: scaled, width, height, signed };
  const resized = resizeBilinear({ data: scaled, width: w, height: h, channels: 1 }, width, height, {
    antialias: false,
  });
  return { data: normalise(resized), width, height, signed };
}

/** Height, width and channels of `[1, H, W, C]`; a signal `[1, C, L]` is one pixel high. */
function gridOf({ shape }: Tensor): [number, number, number] {
  if (shape.length === 4) return [shape[1], shape[2], shape[3]];
  throw new OptionError(`A heatmap needs values [1, H, W, C]; these are [${shape.join(", ")}].`);
}

function reduceChannels(data: Float32Array, channels: number, how: Channels, sign: Sign): Float32Array {
  const part = {
    absolute: Math.abs,
    positive: (value: number) => Math.max(value, 0),
    negative: (value: number) => Math.max(-value, 0),
    signed: (value: number) => value,
  }[sign];
  if (!part) throw new OptionError(`sign "${String(sign)}" is none of absolute, positive, negative, signed.`);
  return Float32Array.from({ length: data.length / channels }, (_, pixel) => {
    let [sum, largest] = [0, 0];
    for (let c = 0; c < channels; c++) {
      const value = data[pixel * channels + c];
      sum += value;
      if (how === "max" && Math.abs(part(value)) > Math.abs(largest)) largest = part(value);
    }
    return how === "max" ? largest : part(sum);
  });
}

/** (x − min) / (1e-7 + max(x − min)), the scaling of pytorch-grad-cam. */
function minMax(data: Float32Array): Float32Array {
  const least = data.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const range = data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) - least;
  return data.map((value) => (value - least) / (1e-7 + range));
}

function divideByLargest(data: Float32Array, percentile: number): Float32Array {
  const magnitudes = data.map(Math.abs).sort();
  const largest = magnitudes[Math.max(0, Math.ceil((percentile / 100) * magnitudes.length) - 1)];
  if (!(largest > 0)) return new Float32Array(data.length);
  return data.map((value) => Math.min(Math.max(value / largest, -1), 1));
}
