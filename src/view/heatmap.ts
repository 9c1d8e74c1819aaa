import { isFloat32Array } from "../bytes";
import { atLeastZero, checkOptions, kindOf, oneOf, show } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { gaussianBlur } from "../image/blur";
import { magnitudeAt } from "../image/magnitude";
import { checkPlacement, type PlacedMap, type Placement } from "../image/placement";
import { resizeBilinear } from "../image/resize";
import type { Reading } from "../methods/facts";
import { factsOf } from "../methods/table";
import { suggest } from "../nearest";
import { showShape, sizeOf, Tensor } from "../tensor";
import { blurSlices, checkSlice, resizeSlices, type SlicePlaces } from "./volume-slices";

/** A scalar per pixel of the network's input. */
export interface Heatmap extends PlacedMap {
  /** Row-major, height × width: 0 to 1, or −1 to 1 where `signed`. */
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
  readonly signed: boolean;
  /** Where the picture lies that was explained; absent where a Tensor was. */
  readonly placement?: Placement;
}

/**
 * @param call  shows how it is done
 * @throws {OptionError} if what arrived is something else; {InputError} if a value is not finite, which no colour stands for
 */
export function checkHeatmap(given: Heatmap, call: string): void {
  if (isFloat32Array(given?.data) && typeof given.width === "number" && typeof given.height === "number") {
    const { data, width, height, placement } = given;
    if (!(width > 0 && height > 0 && data.length === width * height)) {
      throw new OptionError(
        `A heatmap has a value for each of its pixels; this one is ${show(width)}×${show(height)} with ${data.length} values.`,
      );
    }
    if (placement !== undefined) checkPlacement(placement);
    const wrong = given.data.findIndex((value) => !Number.isFinite(value));
    if (wrong < 0) return;
    throw new InputError(`The heatmap is not finite: number ${wrong} is ${given.data[wrong]}.`);
  }
  throw new OptionError(`A heatmap is what heatmap(attribution) returns: ${call}; got ${kindOf(given)}.`);
}

/**
 * A heatmap as it is, an attribution as the heatmap of its method.
 *
 * @throws {OptionError} if what arrived is something else; `call` shows how it is done
 */
export function heatmapOf(given: Heatmap | HeatmapSource, call: string, input?: string): Heatmap {
  if (typeof given === "object" && given !== null && "values" in given) return heatmap(given, { input });
  if (input !== undefined) {
    throw new OptionError(`A heatmap is of one input already: heatmap(attribution, { input: "${input}" }) makes it.`);
  }
  checkHeatmap(given, call);
  return given;
}

/** What a heatmap is made from; every Attribution is one. */
export interface HeatmapSource {
  readonly method: string;
  readonly values: Tensor;
  /** Of a volume the height of all slices together, and how many they are. */
  readonly inputSize: { readonly width: number; readonly height: number; readonly depth?: number };
  /** Where one says that the values are rounding or stand for nothing, the heatmap is empty. */
  readonly notes?: readonly { readonly code: string }[];
  readonly placement?: Placement;
  readonly byInput?: Readonly<Record<string, Tensor>>;
  readonly inputSizes?: Readonly<Record<string, HeatmapSource["inputSize"]>>;
  readonly placements?: Readonly<Record<string, Placement>>;
}

const worthless: ReadonlySet<string> = new Set(["nothing-flows", "rounding-only", "flat-map"]);

/** True where a note says that a map's values are no evidence, whatever they are. */
export const isWorthless = (notes: NonNullable<HeatmapSource["notes"]>): boolean =>
  notes.some(({ code }) => worthless.has(code));

type Sign = "absolute" | "positive" | "negative" | "signed";
type Channels = "max" | "sum" | "each";

export interface HeatmapOptions {
  /** The input to show, by its name; default: the first whose values have places. */
  readonly input?: string;
  /** Which part of the values counts: |x|, max(x, 0), max(−x, 0), or x itself. Default: by method. */
  readonly sign?: Sign;
  /**
   * How the channels of a pixel become one value: the largest magnitude, or the sum; of a signal also 'each', which makes a
   * heatmap with one row per channel. Default: by method.
   */
  readonly channels?: Channels;
  /** The percentile of magnitudes that becomes 1; larger values are clipped. Default 100: the maximum. */
  readonly percentile?: number;
  /**
   * Standard deviation of a Gaussian blur in input pixels, for values at the input's size; default 0. Gradients single out
   * pixels; blurred by a hundredth or two of the picture's side they become areas that people can see.
   */
  readonly smooth?: number;
  /** Of a volume: the one slice to show, from 0; default: all of them, one below the other, scaled by what is largest in any. */
  readonly slice?: number;
}

interface Style {
  readonly sign: Sign;
  readonly channels: Exclude<Channels, "each">;
}

const styles: Readonly<Record<Reading, Style>> = {
  magnitude: { sign: "absolute", channels: "max" },
  share: { sign: "signed", channels: "sum" },
  evidence: { sign: "positive", channels: "sum" },
};

/**
 * Turns raw attribution values into one number per input pixel.
 *
 * Class activation maps are rectified, scaled to 0..1, resized bilinearly with half-pixel centres and scaled again, as
 * `scale_cam_image` of jacobgil/pytorch-grad-cam does; so are the other maps of positive evidence (RISE, FullGrad, excitation
 * backprop), whose least value is nothing. All other values, and maps shown signed, are reduced over channels, divided by their
 * largest magnitude (or the percentile's) and resized where they lie on a layer's own grid. A map without anything to show is all zero, one of rounding too
 * (notes `nothing-flows`, `rounding-only` and `flat-map`).
 *
 * Where a picture was explained the heatmap remembers its place in it, as the attribution does: `overlay`, `boundingBox` and `segment`
 * put it there.
 *
 * @throws {OptionError} if an option is out of range; {InputError} if a value is not finite
 */
export function heatmap(whole: HeatmapSource, options: HeatmapOptions = {}): Heatmap {
  return guarded("heatmap", () => {
    checkOptions("heatmap", options, ["input", "sign", "channels", "percentile", "smooth", "slice"]);
    if (typeof whole !== "object" || whole === null || !("values" in whole)) {
      throw new OptionError(
        `heatmap takes an Attribution, got ${kindOf(whole)}. If you pass the result of a method, await it first.`,
      );
    }
    checkSource(whole);
    const source = ofInput(whole, options.input);
    const { inputSize, method, placement, notes = [] } = source;
    const empty = isWorthless(notes);
    const values = empty ? new Tensor(new Float32Array(source.values.data.length), source.values.shape) : source.values;
    const { width, height } = inputSize;
    const { h, w, c, data: interleaved, slices } = gridOf(values, inputSize);
    const depth = slices && (inputSize.depth ?? slices.depth);
    const grid = h !== height || w !== width || slices?.depth !== depth;
    const reading = factsOf(method)?.reading ?? (grid && c === 1 ? "evidence" : "share");
    const style = styles[reading];
    const { sign = style.sign, channels = style.channels, percentile = 100, smooth = 0, slice } = options;
    oneOf("sign", sign, ["absolute", "positive", "negative", "signed"]);
    oneOf("channels", channels, ["max", "sum", "each"]);
    atLeastZero("smooth", smooth);
    if (slice !== undefined) checkSlice(slice, depth);
    const part = parts[sign];
    const broken = values.data.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new InputError(`The values of ${method} are not finite: number ${broken} is ${values.data[broken]}.`);
    }
    if (channels === "each") {
      if (values.shape.length !== 3) {
        throw new OptionError(
          `channels "each" is for the values of a signal [1, C, L]; these are [${values.shape.join(", ")}].`,
        );
      }
      const rows = gaussianRows(values.data.map(part), c, w, smooth);
      return { data: divideByLargest(rows, percentile), width: w, height: c, signed: sign === "signed" };
    }
    const perPixel = reduceChannels(interleaved, c, channels, part);
    const blurred = (): Float32Array =>
      slices ? blurSlices(perPixel, slices, smooth) : gaussianBlur(perPixel, h, w, 1, smooth);
    const reduced = smooth > 0 && !grid ? blurred() : perPixel;
    const signed = sign === "signed";
    const fromLeast = reading === "evidence" && (sign === "positive" || sign === "negative");
    const normalise = (data: Float32Array): Float32Array => {
      if (fromLeast && percentile === 100) return minMax(enlarged(data));
      return divideByLargest(fromLeast ? aboveLeast(data) : data, percentile);
    };
    const scaled = normalise(reduced);
    const place = { width, height, signed, ...(placement && { placement }) };
    if (slices && depth !== undefined) {
      const size = height / depth;
      const all = grid ? normalise(resizeSlices(scaled, slices, { depth, height: size, width })) : scaled;
      if (slice === undefined) return { data: all, ...place };
      return { data: all.slice(slice * size * width, (slice + 1) * size * width), width, height: size, signed };
    }
    if (!grid) return { data: scaled, ...place };
    const resized = resizeBilinear({ data: scaled, width: w, height: h, channels: 1 }, width, height, {
      antialias: false,
    });
    return { data: normalise(resized), ...place };
  });
}

/** The most pixels that a network's input has here: a map is drawn at its size. */
const mostPixels = 2 ** 28;

/** Whoever keeps attributions as JSON may have lost a part. @throws {OptionError} naming it */
export function checkSource({ method, values, inputSize, placement, notes = [] }: HeatmapSource): void {
  const missing = (what: string, got: unknown): never => {
    throw new OptionError(`The attribution is not whole: ${what}, got ${kindOf(got)}.`);
  };
  if (typeof method !== "string") missing("method must be the method's name", method);
  if (!isFloat32Array(values?.data) || !Array.isArray(values.shape) || values.shape.length > 8) {
    missing("values must be a Tensor (of JSON: new Tensor(Float32Array.from(data), shape))", values);
  }
  const { data, shape } = values;
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0) || sizeOf(shape) !== data.length) {
    missing(`values must have as many numbers as their shape says, ${showShape(shape)}`, data);
  }
  const { width, height } = inputSize ?? {};
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0)) {
    missing("inputSize must be { width, height } in pixels", inputSize);
  }
  const { depth = 1 } = inputSize;
  if (!(Number.isInteger(depth) && depth > 0 && Number.isInteger(height / depth))) {
    missing("inputSize.depth must be the number of slices, of which the height is a multiple", depth);
  }
  if (width * height > mostPixels) {
    throw new OptionError(`inputSize ${width}×${height} has more pixels than any input, ${mostPixels}.`);
  }
  if (!Array.isArray(notes) || notes.some((each) => typeof each !== "object" || each === null)) {
    missing("notes must be a list of notes", notes);
  }
  if (placement !== undefined) checkPlacement(placement);
}

/** What is shown of one input. @throws {OptionError} if the attribution has none of that name */
function ofInput(source: HeatmapSource, asked: string | undefined): HeatmapSource {
  const { byInput: named, inputSizes = {}, placements = {}, ...rest } = source;
  if (!named) return source;
  const names = Object.keys(named);
  const name = asked ?? names.find((each) => named[each].shape.length > 2) ?? names[0];
  if (!names.includes(name)) {
    throw new OptionError(
      `The attribution has no input "${name}".${suggest(name, names)} It has ${names.map((each) => `"${each}"`).join(", ")}.`,
    );
  }
  const isPlaced = Object.hasOwn(placements, name);
  if (names.length === 1 && !Object.hasOwn(inputSizes, name)) return source;
  const { placement: _, ...others } = rest;
  return {
    ...others,
    values: named[name],
    inputSize: inputSizes[name],
    ...(isPlaced && { placement: placements[name] }),
  };
}

interface Grid {
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly data: Float32Array;
  /** Of a volume, whose slices lie one below the other. */
  readonly slices?: SlicePlaces;
}

/**
 * Values as pixels with channels: `[1, H, W, C]` as they are, a signal `[1, C, L]` as a picture one pixel high, a volume `[1, C, D, H, W]`
 * and a map over one, `[1, D, H, W, 1]`, slice below slice.
 */
function gridOf({ shape, data }: Tensor, { width, height }: HeatmapSource["inputSize"]): Grid {
  if (shape.length === 4) return { h: shape[1], w: shape[2], c: shape[3], data };
  const pixelsFirst = (c: number): Float32Array => {
    const pixels = data.length / c;
    return data.map((_, i) => data[(i % c) * pixels + Math.floor(i / c)]);
  };
  if (shape.length === 3) {
    const [, c, w] = shape;
    return { h: 1, w, c, data: pixelsFirst(c) };
  }
  if (shape.length === 5) {
    const isInput = shape[4] === width && shape[2] * shape[3] === height;
    if (isInput || shape[4] === 1) {
      const [d, h, w, c] = isInput ? [shape[2], shape[3], shape[4], shape[1]] : shape.slice(1);
      const slices = { depth: d, height: h, width: w };
      return { h: d * h, w, c, data: isInput ? pixelsFirst(c) : data, slices };
    }
  }
  throw new OptionError(
    `A heatmap needs values [1, H, W, C], [1, C, L], [1, C, D, H, W] or [1, D, H, W, 1]; these are [${shape.join(", ")}].`,
  );
}

/** Blurs each channel of a signal by itself. */
function gaussianRows(data: Float32Array, channels: number, length: number, smooth: number): Float32Array {
  if (smooth === 0) return data;
  const out = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    out.set(gaussianBlur(data.slice(c * length, (c + 1) * length), 1, length, 1, smooth), c * length);
  }
  return out;
}

const parts: Readonly<Record<Sign, (value: number) => number>> = {
  absolute: (value) => Math.abs(value),
  positive: (value) => Math.max(value, 0),
  negative: (value) => Math.max(-value, 0),
  signed: (value) => value,
};

/** One number per pixel, as a method's values are read: `[pixels][channels]` reduced over the channels. */
export function readPixels(data: Float32Array, channels: number, reading: Reading): Float32Array {
  const style = styles[reading];
  return reduceChannels(data, channels, style.channels, parts[style.sign]);
}

function reduceChannels(
  data: Float32Array,
  channels: number,
  how: Exclude<Channels, "each">,
  part: (value: number) => number,
): Float32Array {
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

function aboveLeast(data: Float32Array): Float32Array {
  const least = data.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return data.map((value) => value - least);
}

/** Values so close together that the 1e-7 of `minMax` would darken them, farther apart: a network may compute in billionths. */
function enlarged(data: Float32Array): Float32Array {
  const range = aboveLeast(data).reduce((a, b) => Math.max(a, b), 0);
  return range > 0 && range < 1e-6 ? data.map((value) => value / range) : data;
}

/** (x − min) / (1e-7 + max(x − min)), the scaling of pytorch-grad-cam. */
export function minMax(data: Float32Array): Float32Array {
  const above = aboveLeast(data);
  const range = above.reduce((a, b) => Math.max(a, b), 0);
  return above.map((value) => value / (1e-7 + range));
}

function divideByLargest(data: Float32Array, percentile: number): Float32Array {
  // Where most of the map is zero the percentile may be zero too, and says nothing about scale.
  const largest = magnitudeAt(percentile, data) || magnitudeAt(100, data);
  if (largest === 0) return new Float32Array(data.length);
  return data.map((value) => Math.min(Math.max(value / largest, -1), 1));
}
