import type { Attribution } from "../attribution/attribution";
import { InputError } from "../errors";
import { gaussianBlur } from "../image/blur";
import { heatmap } from "../view/heatmap";

/**
 * Spearman's rank correlation: Pearson's of the ranks, equal values sharing the mean of theirs. 0 where one of the two is
 * constant, and ranks nothing.
 */
export function spearman(a: Float32Array, b: Float32Array): number {
  const [ranksA, ranksB] = [ranksOf(a), ranksOf(b)];
  const middle = (a.length - 1) / 2;
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [ranksA[i] - middle, ranksB[i] - middle];
    product += left * right;
    squaresA += left * left;
    squaresB += right * right;
  }
  return squaresA === 0 || squaresB === 0 ? 0 : product / Math.sqrt(squaresA * squaresB);
}

function ranksOf(values: Float32Array): Float64Array {
  const order = Uint32Array.from(values.keys()).sort((i, j) => values[i] - values[j]);
  const ranks = new Float64Array(values.length);
  for (let first = 0, end = 1; first < order.length; first = end, end++) {
    while (end < order.length && values[order[end]] === values[order[first]]) end++;
    for (let i = first; i < end; i++) ranks[order[i]] = (first + end - 1) / 2;
  }
  return ranks;
}

/** From this rank correlation on two pictures are more alike than different. */
export const alikeFrom = 0.5;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** σ of the window, which is 11 pixels wide. */
const sigma = 1.5;
const reach = 5;

/**
 * Structural similarity of two pictures with values from 0 to 1: the mean over all windows that lie inside.
 *
 * Wang, Bovik, Sheikh & Simoncelli 2004, equation 13, with their constants: Gaussian windows of 11×11 with σ 1.5 (of a signal 11
 * samples), C₁ = 0.01², C₂ = 0.03². Of pictures smaller than a window, windows with repeated edges count.
 */
export function ssim(a: Float32Array, b: Float32Array, { width, height }: Size): number {
  const local = (of: (i: number) => number): Float32Array =>
    gaussianBlur(
      Float32Array.from(a, (_, i) => of(i)),
      height,
      width,
      1,
      sigma,
    );
  const [meanA, meanB] = [local((i) => a[i]), local((i) => b[i])];
  const [squaresA, squaresB, products] = [local((i) => a[i] ** 2), local((i) => b[i] ** 2), local((i) => a[i] * b[i])];
  const margin = (extent: number): number => (extent > 2 * reach ? reach : 0);
  const [left, top] = [margin(width), margin(height)];
  let [sum, count] = [0, 0];
  for (let y = top; y < height - top; y++) {
    for (let x = left; x < width - left; x++) {
      const i = y * width + x;
      const product = meanA[i] * meanB[i];
      const squares = meanA[i] ** 2 + meanB[i] ** 2;
      const spread = squaresA[i] + squaresB[i] - squares;
      sum += ((2 * product + 1e-4) * (2 * (products[i] - product) + 9e-4)) / ((squares + 1e-4) * (spread + 9e-4));
      count++;
    }
  }
  return sum / count;
}

/** How alike two explanations are: 1 is the same picture. */
export interface Similarity {
  /** Rank correlation of the values, signed, −1 to 1. */
  readonly spearman: number;
  /** Rank correlation of their magnitudes, −1 to 1: where, whatever it says. */
  readonly spearmanAbsolute: number;
  /** Structural similarity of the magnitudes as a picture, −1 to 1. */
  readonly ssim: number;
}

interface Pictures extends Size {
  readonly signed: Float32Array;
  /** 0 to 1. */
  readonly magnitude: Float32Array;
}

function pictures(attribution: Attribution): Pictures {
  const { width, height } = attribution.inputSize;
  const { data } = attribution.values;
  // A vector, such as a generator's input, is a row of numbers.
  if (width * height === 1) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    return { signed: data, magnitude: data.map((value) => Math.abs(value) / largest), width: data.length, height: 1 };
  }
  const signed = heatmap(attribution, { sign: "signed", channels: "sum" }).data;
  return { signed, magnitude: heatmap(attribution, { sign: "absolute", percentile: 99 }).data, width, height };
}

/**
 * Compares other explanations of the same input to one.
 *
 * @throws {InputError} if that one is the same everywhere: then there is nothing to compare
 */
export function similarityTo(original: Attribution): (other: Attribution) => Similarity {
  const own = pictures(original);
  if (own.signed.every((value) => value === own.signed[0])) {
    throw new InputError(
      `The explanation by ${original.method} is the same everywhere, so there is nothing to compare.`,
    );
  }
  return (attribution) => {
    const other = pictures(attribution);
    return {
      spearman: spearman(own.signed, other.signed),
      spearmanAbsolute: spearman(own.magnitude, other.magnitude),
      ssim: ssim(own.magnitude, other.magnitude, own),
    };
  };
}

export function meanSimilarity(draws: readonly Similarity[]): Similarity {
  const mean = (measure: keyof Similarity): number =>
    draws.reduce((sum, draw) => sum + draw[measure], 0) / draws.length;
  return { spearman: mean("spearman"), spearmanAbsolute: mean("spearmanAbsolute"), ssim: mean("ssim") };
}
