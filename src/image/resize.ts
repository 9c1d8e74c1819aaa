import { OptionError } from "../errors";

/** A rectangle in pixels; its edges may lie between pixels and outside the picture. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** @throws {OptionError} naming the option if it has no place or no extent */
export function checkRectangle(name: string, { x, y, width, height }: Rectangle): void {
  if (width > 0 && height > 0 && Number.isFinite(x) && Number.isFinite(y)) return;
  throw new OptionError(
    `${name} needs a finite x and y and a width and height above 0, got ${width}×${height} at ${x}, ${y}.`,
  );
}

/** Interleaved float pixels. */
export interface Pixels {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

export interface ResizeOptions {
  /** The part of the source that becomes the result; default: all of it. Pixels outside repeat the edge. */
  readonly source?: Rectangle;
  /** Widens the filter when shrinking, so that every source pixel counts; default true. */
  readonly antialias?: boolean;
}

/**
 * Bilinear resampling with half-pixel centres: output pixel i looks at source position (i + ½)·scale − ½.
 *
 * When shrinking with `antialias` the triangle filter is as wide as the scale, as in Pillow's BILINEAR and PyTorch's
 * `interpolate(antialias=True)`; without it the two nearest pixels count, as in OpenCV's INTER_LINEAR.
 *
 * @returns f32[height][width][channels], not rounded
 */
export function resizeBilinear(
  pixels: Pixels,
  width: number,
  height: number,
  { source = { x: 0, y: 0, width: pixels.width, height: pixels.height }, antialias = true }: ResizeOptions = {},
): Float32Array {
  const { channels } = pixels;
  const columns = filter(pixels.width, source.x, source.width, width, antialias);
  const rows = filter(pixels.height, source.y, source.height, height, antialias);
  const row = width * channels;
  const narrow = new Float64Array(pixels.height * row);
  const { data } = pixels;
  for (let y = 0; y < pixels.height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x];
      const from = (y * pixels.width + first) * channels;
      const to = y * row + x * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * data[from + k * channels + c];
        narrow[to + c] = sum;
      }
    }
  }
  const out = new Float32Array(height * row);
  const sums = new Float64Array(row);
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y];
    sums.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const [weight, from] = [weights[k], (first + k) * row];
      for (let i = 0; i < row; i++) sums[i] += weight * narrow[from + i];
    }
    out.set(sums, y * row);
  }
  return out;
}

interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** The source pixels of every output pixel of one axis and their weights, which sum to 1. */
function filter(extent: number, start: number, length: number, out: number, antialias: boolean): Taps[] {
  return Array.from({ length: out }, (_, i) => tapsOf(i, extent, start, length / out, antialias));
}

function tapsOf(i: number, extent: number, start: number, scale: number, antialias: boolean): Taps {
  const support = antialias ? Math.max(1, scale) : 1;
  const centre = start + (i + 0.5) * scale - 0.5;
  const from = Math.ceil(centre - support);
  const to = Math.floor(centre + support);
  const first = clamp(from, extent);
  const weights = new Array<number>(clamp(to, extent) - first + 1).fill(0);
  let total = 0;
  for (let position = from; position <= to; position++) {
    const weight = 1 - Math.abs(position - centre) / support;
    if (weight <= 0) continue;
    // Beyond the border: the plain filter repeats the edge pixel, the widened one leaves it out, as Pillow does.
    if (antialias && scale > 1 && (position < 0 || position >= extent)) continue;
    weights[clamp(position, extent) - first] += weight;
    total += weight;
  }
  if (total === 0) {
    weights[0] = 1;
    total = 1;
  }
  return { first, weights: weights.map((weight) => weight / total) };
}

/**
 * The source pixels of one axis that output pixels `from` to `to` (exclusive) are made of, first and one past the last.
 *
 * @param start   where the part of the source begins that becomes the `out` output pixels; `length` is its extent
 */
export function sourceSpan(
  [from, to]: readonly [number, number],
  extent: number,
  start: number,
  length: number,
  out: number,
): [number, number] {
  const [low, high] = [from, to - 1].map((i) => tapsOf(i, extent, start, length / out, true));
  const last = high.weights.findLastIndex((weight) => weight > 0);
  return [low.first + low.weights.findIndex((weight) => weight > 0), high.first + last + 1];
}

const clamp = (position: number, extent: number): number => Math.min(Math.max(position, 0), extent - 1);
