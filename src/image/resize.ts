import { show } from "../checks";
import { OptionError } from "../errors";

/** A rectangle in pixels; its edges may lie between pixels and outside the picture. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** @throws {OptionError} naming the option if it has no place or no extent */
export function checkRectangle(name: string, rectangle: Rectangle): void {
  const { x, y, width, height } = (rectangle ?? {}) as Partial<Record<keyof Rectangle, unknown>>;
  const extents = [width, height].every((extent) => typeof extent === "number" && extent > 0 && extent < 2 ** 31);
  if (extents && Number.isFinite(x) && Number.isFinite(y)) return;
  throw new OptionError(
    `${name} needs a finite x and y and a width and height above 0, got ${show(width)}×${show(height)} at ${show(x)}, ${show(y)}.`,
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
  options: ResizeOptions = {},
): Float32Array {
  const { data, width: extent, channels } = pixels;
  const rowOf = (y: number): [ArrayLike<number>, number] => [data, y * extent * channels];
  return resampleRows({ ...pixels, rowOf }, width, height, options);
}

/** Pixels that are made row by row, when they are asked for. */
export interface PixelRows {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** Interleaved pixels of one row, and where in them it begins; valid until the next call. */
  readonly rowOf: (y: number) => readonly [ArrayLike<number>, number];
}

/** `resizeBilinear` of rows: those that no output pixel depends on are not asked for. */
export function resampleRows(
  pixels: PixelRows,
  width: number,
  height: number,
  options: ResizeOptions = {},
): Float32Array {
  const row = width * pixels.channels;
  const writeRow = rowResampler(pixels, width, height, options);
  const out = new Float32Array(height * row);
  for (let y = 0; y < height; y++) writeRow(y, out, y * row);
  return out;
}

/**
 * The same for what looks at the result row by row: it is never there at once.
 *
 * @returns a function that writes row `y` of the result into `out`, from index `at` on
 */
export function rowResampler(
  pixels: PixelRows,
  width: number,
  height: number,
  { source = { x: 0, y: 0, width: pixels.width, height: pixels.height }, antialias = true }: ResizeOptions = {},
): (y: number, out: Float32Array, at: number) => void {
  const { channels } = pixels;
  const columns = flattened(filter(pixels.width, source.x, source.width, width, antialias));
  const rows = filter(pixels.height, source.y, source.height, height, antialias);
  const row = width * channels;
  const top = rows.reduce((least, { first }) => Math.min(least, first), Number.POSITIVE_INFINITY);
  const bottom = rows.reduce((most, { first, weights }) => Math.max(most, first + weights.length), 0);
  const narrow = new Float64Array((bottom - top) * row);
  for (let y = top; y < bottom; y++) {
    const [data, start] = pixels.rowOf(y);
    const out = narrow.subarray((y - top) * row, (y - top + 1) * row);
    if (channels === 3) narrowColours(data, start, columns, out);
    else narrowRow(data, start, channels, columns, out);
  }
  const sums = new Float64Array(row);
  return (y, out, at) => {
    const { first, weights } = rows[y];
    if (weights.length === 2) {
      const [[upper, lower], from] = [weights, (first - top) * row];
      // As in the sums below, which begin with 0.
      for (let i = 0; i < row; i++) out[at + i] = 0 + upper * narrow[from + i] + lower * narrow[from + row + i];
      return;
    }
    sums.fill(0);
    for (let k = 0; k < weights.length; k++) {
      const [weight, from] = [weights[k], (first + k - top) * row];
      for (let i = 0; i < row; i++) sums[i] += weight * narrow[from + i];
    }
    out.set(sums, at);
  };
}

/** All taps of one axis: those of output i are the weights from `starts[i]` up to `starts[i + 1]`. */
interface FlatTaps {
  readonly firsts: Int32Array;
  readonly starts: Int32Array;
  readonly weights: Float64Array;
}

function flattened(taps: readonly Taps[]): FlatTaps {
  const starts = new Int32Array(taps.length + 1);
  taps.forEach(({ weights }, i) => {
    starts[i + 1] = starts[i] + weights.length;
  });
  const weights = new Float64Array(starts[taps.length]);
  taps.forEach((each, i) => {
    weights.set(each.weights, starts[i]);
  });
  return { firsts: Int32Array.from(taps, ({ first }) => first), starts, weights };
}

function narrowRow(
  data: ArrayLike<number>,
  start: number,
  channels: number,
  { firsts, starts, weights }: FlatTaps,
  out: Float64Array,
): void {
  for (let x = 0; x < firsts.length; x++) {
    const from = start + (firsts[x] - starts[x]) * channels;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let k = starts[x]; k < starts[x + 1]; k++) sum += weights[k] * data[from + k * channels + c];
      out[x * channels + c] = sum;
    }
  }
}

/** Three channels in one walk: photographs are wide, and this is where the time goes. */
function narrowColours(
  data: ArrayLike<number>,
  start: number,
  { firsts, starts, weights }: FlatTaps,
  out: Float64Array,
): void {
  for (let x = 0; x < firsts.length; x++) {
    let from = start + firsts[x] * 3;
    let [red, green, blue] = [0, 0, 0];
    for (let k = starts[x]; k < starts[x + 1]; k++) {
      const weight = weights[k];
      red += weight * data[from];
      green += weight * data[from + 1];
      blue += weight * data[from + 2];
      from += 3;
    }
    out[x * 3] = red;
    out[x * 3 + 1] = green;
    out[x * 3 + 2] = blue;
  }
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
  const isWidened = antialias && scale > 1;
  const support = antialias ? Math.max(1, scale) : 1;
  const centre = start + (i + 0.5) * scale - 0.5;
  // Far outside there is the edge alone. Of positions beyond 2⁵³ the next one is the same.
  if (!isWidened && (centre < -2 || centre > extent + 1))
    return { first: clamp(Math.round(centre), extent), weights: [1] };
  const from = Math.ceil(centre - support);
  const to = Math.floor(centre + support);
  const first = clamp(from, extent);
  const weights = new Array<number>(clamp(to, extent) - first + 1).fill(0);
  let total = 0;
  // Beyond the border: the plain filter repeats the edge pixel, the widened one leaves it out, as Pillow does.
  const [low, high] = isWidened ? [Math.max(from, 0), Math.min(to, extent - 1)] : [from, to];
  for (let position = low; position <= high; position++) {
    const weight = 1 - Math.abs(position - centre) / support;
    if (weight <= 0) continue;
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
