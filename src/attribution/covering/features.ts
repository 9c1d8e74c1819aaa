/** The parts of an input that are taken away together, and the copies of it without some of them. */
import { OptionError, ShapeError } from "../../errors";
import { toLab } from "../../image/lab";
import { placement } from "../../image/placement";
import { superpixels } from "../../image/slic";
import { hashBytes } from "../../model/hash";
import { isTensor } from "../../model/network-inputs";
import type { Baseline } from "../baseline";
import type { Found } from "../finish";
import { type InputPasses, ownOption } from "../input-by-input";
import { isByName, type PerInput } from "../per-input";
import type { PassesOptions, ScoredInput } from "../scored-input";
import { type Cuboid, cuboidOf } from "./patches";

export interface FeatureOptions extends PassesOptions {
  /**
   * The feature of every place, whole numbers from 0 on, row by row: of the input, or of the picture handed in (`slic(image)`).
   * Default: about fifty superpixels of the network's own input (values of 0 to 1, of 0 to 255, or stretched to that, as a picture),
   * of a signal twenty stretches, of a volume about fifty blocks, of a vector every number. Of several inputs by name: `{ photo: slic(photo) }`.
   */
  readonly segments?: PerInput<ArrayLike<number>>;
  /** What a feature that is taken away leaves; default 'zero' in the network's input space. */
  readonly baseline?: Baseline;
}

export interface Features {
  /** By place, 0 to `count` − 1. */
  readonly labels: Int32Array;
  readonly count: number;
  /** How they came about. */
  readonly made: "given" | "superpixels" | "stretches" | "blocks";
  /** Places of the input: rows and columns, of a volume slices, rows and columns. */
  readonly shape: readonly number[];
}

/** What a recipe says of the features. */
export const recordedSegments = async ({ labels, count, made, shape }: Features): Promise<object> => ({
  made,
  shape,
  features: count,
  hash: await hashBytes(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)),
});

/** A linear model of more features takes longer to solve than the passes take. */
const mostFeatures = 1000;
const usualStretches = 20;
const usualBlocks = 50;
/** The scale of CIELAB. */
const lightness = 100;

export function featuresOf(scored: ScoredInput, given: PerInput<ArrayLike<number>> | undefined): Features {
  const asked = segmentsFor(scored, given);
  const segments = recordsDefault(asked) ? undefined : asked;
  const found = segments === undefined ? usualSegments(scored) : givenSegments(scored, segments);
  const numbers = new Map<number, number>();
  const labels = Int32Array.from(found, (label) => {
    const number = numbers.get(label) ?? numbers.size;
    numbers.set(label, number);
    return number;
  });
  if (numbers.size > mostFeatures) {
    throw new OptionError(
      `segments has ${numbers.size} features; at most ${mostFeatures} can be told apart. Use fewer.`,
    );
  }
  const { depth, line } = scored.frame;
  const made = segments !== undefined ? "given" : line ? "stretches" : depth > 1 ? "blocks" : "superpixels";
  return { labels, count: numbers.size, made, shape: cuboidOf(scored.frame).slice(depth > 1 ? 0 : 1) };
}

/**
 * A recipe is repeated by handing its options back: those of default segments make the same ones again.
 *
 * @throws {OptionError} if the record is of segments that were handed in: a hash cannot be turned back
 */
function recordsDefault(segments: unknown): boolean {
  if (typeof segments !== "object" || segments === null || !("made" in segments)) return false;
  if (segments.made !== "given") return true;
  throw new OptionError(
    "segments is what a recipe says of segments that were handed in (their hash), not the segments: pass the array itself.",
  );
}

/** From the values alone, so that a network has the segments of a black box that answers as it does. */
function usualSegments({ x, frame, isVector }: ScoredInput): ArrayLike<number> {
  const { width, height, channels, line } = frame;
  if (line) {
    const stretches = Math.min(width, isVector ? mostFeatures : usualStretches);
    return Int32Array.from({ length: width }, (_, place) => Math.floor((place * stretches) / width));
  }
  if (frame.depth > 1) return blocksOf(cuboidOf(frame));
  let [least, most] = [x[0], x[0]];
  for (const value of x) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (channels === 1 || channels === 3) {
    return superpixels({ data: toLab(asColours(x, channels, least, most)), width, height }, {});
  }
  // Nobody knows what colours these values are: the widest difference counts as black and white.
  return superpixels(
    { data: x.map((value) => (lightness * (value - least)) / (most - least || 1)), width, height },
    {},
  );
}

/** About fifty cuboids of a volume, in the proportions of the whole: superpixels know neighbours within a slice alone. */
function blocksOf(extents: Cuboid): Int32Array {
  const [depth, height, width] = extents;
  const scale = Math.cbrt(usualBlocks / (depth * height * width));
  const counts = extents.map((extent) => Math.min(extent, Math.max(1, Math.round(extent * scale))));
  const block = (place: number, axis: number): number => Math.floor((place * counts[axis]) / extents[axis]);
  return Int32Array.from({ length: depth * height * width }, (_, place) => {
    const row = Math.floor(place / width);
    const [slices, rows] = [block(Math.floor(row / height), 0), block(row % height, 1)];
    return (slices * counts[1] + rows) * counts[2] + block(place % width, 2);
  });
}

/** Pixels of 0 to 255 from values of 0 to 1 or 0 to 255; others, which a mean was taken from, are stretched to that. */
function asColours(x: Float32Array, channels: number, least: number, most: number): Float32Array {
  const [zero, scale] = least < 0 || most > 255 ? [least, 255 / (most - least || 1)] : [0, most > 1 ? 1 : 255];
  // This kind of array rounds and clamps, as pictures are.
  const pixels = Uint8ClampedArray.from(x, (value) => (value - zero) * scale);
  return Float32Array.from({ length: (x.length / channels) * 3 }, (_, i) =>
    channels === 3 ? pixels[i] : pixels[Math.floor(i / 3)],
  );
}

/** @throws {OptionError} if one list is to be that of several inputs */
function segmentsFor(
  scored: ScoredInput,
  given: PerInput<ArrayLike<number>> | undefined,
): ArrayLike<number> | undefined {
  const inputs = scored.inner?.model.parts.inputs ?? [];
  if (given === undefined || inputs.length < 2) return given as ArrayLike<number> | undefined;
  const record = recordsDefault(given);
  if (!record && isByName(given)) return ownOption("segments", given, scored);
  if (record) return undefined;
  throw new OptionError(
    `segments are the parts of one input, and the network has ${inputs.length}: name it, { ${inputs[0].name}: segments }.`,
  );
}

function givenSegments({ frame, inner, input }: ScoredInput, segments: ArrayLike<number>): ArrayLike<number> {
  const { width, height, depth, line } = frame;
  const wrong = Array.from(segments ?? []).findIndex((label) => !(Number.isInteger(label) && label >= 0));
  if (wrong >= 0) {
    throw new OptionError(`segments must hold whole numbers from 0 on, got ${segments[wrong]} at element ${wrong}.`);
  }
  const places = width * height;
  if (segments?.length === places) return segments;
  if (inner && !isTensor(input) && segments?.length === input.width * input.height) {
    const part = placement(input, { width, height }, inner.part.preprocess.fit);
    const along = (start: number, length: number, i: number, count: number, extent: number): number =>
      Math.min(Math.max(Math.floor(start + ((i + 0.5) * length) / count), 0), extent - 1);
    return Int32Array.from({ length: places }, (_, place) => {
      const column = along(part.x, part.width, place % width, width, input.width);
      const row = along(part.y, part.height, Math.floor(place / width), height, input.height);
      return segments[row * input.width + column];
    });
  }
  const voxels = `${cuboidOf(frame).join("×")} = ${places} voxels`;
  const expected = line ? `${width} places` : depth > 1 ? voxels : `${width}×${height} = ${places} pixels`;
  throw new ShapeError(
    `segments has ${segments?.length ?? "no"} elements, one for each place is needed: ${expected}` +
      `${isTensor(input) ? "" : `, or the ${input.width}×${input.height} of the image`}.` +
      `${line || depth > 1 ? "" : " slic(image) makes them."}`,
  );
}

/** Which features are there, one number per feature: 1 or 0. */
export type Coalition = Uint8Array;

/**
 * A pass per coalition: the input where its features are, the baseline elsewhere.
 *
 * @param least  of how many coalitions, the first ones, something can be said
 * @param found  what the scores of the first coalitions come to, as many as there are scores
 */
export function coalitionPasses(
  scored: ScoredInput,
  { labels }: Features,
  coalitions: readonly Coalition[],
  options: FeatureOptions,
  least: number,
  found: (scores: Float64Array) => Promise<Found>,
): InputPasses {
  const { x, frame, batchSize } = scored;
  const fill = scored.fill(options.baseline ?? "zero");
  const scores = new Float64Array(coalitions.length);
  let taken = 0;
  return {
    count: coalitions.length,
    least,
    batchSize,
    resultBytes: scores.BYTES_PER_ELEMENT,
    make(passes) {
      const copies = new Float32Array(passes.length * x.length);
      passes.forEach((pass, sample) => {
        const coalition = coalitions[pass];
        for (let i = 0; i < x.length; i++) {
          copies[sample * x.length + i] = coalition[labels[Math.floor(i / frame.channels)]] ? x[i] : fill[i];
        }
      });
      return scored.score(copies, passes.length);
    },
    take(results, [first]) {
      scores.set(results, first);
      taken = first + results.length;
    },
    found: () => found(scores.subarray(0, taken)),
  };
}
