/** What is explained, as a function of one value of the network: sums of its elements, or the cosine of it with another value. */
import type { ValueName } from "../operation/operation";
import type { Target } from "./target";

/** A target as an attribution reports it. */
export interface TargetReport {
  /** The class, channel or unit; of a contrast or a sum the first one's, −1 where the score is of none (`weights`, `similarTo`). */
  readonly index: number;
  readonly label?: string;
  readonly score: number;
}

/** weight · Σ factor · value[offset], the same of the value scaled to length 1 where it is `normalised`, or weight · curve(value[offset], …). */
export interface Term {
  readonly offsets: ArrayLike<number>;
  readonly weight: number;
  /** One per offset; default: 1 each. */
  readonly factors?: ArrayLike<number>;
  /** The sum is divided by the length of the whole value: the cosine, where the factors have length 1. */
  readonly normalised?: true;
  /** In place of the sum, what the elements come to: the edge of a box. Without factors. */
  readonly curve?: Curve;
}

/** A smooth function of some elements, in float64. */
export interface Curve {
  of(elements: ArrayLike<number>): number;
  /** Its derivative with respect to each of them. */
  slopes(elements: ArrayLike<number>): ArrayLike<number>;
}

/** A score of one value: the sum of its terms. */
export interface Score {
  readonly index: number;
  readonly label?: string;
  readonly terms: readonly Term[];
  /** True of one class, or one channel at some places. */
  readonly ofClass?: boolean;
  /** The scores that a contrast or a sum is made of. */
  readonly of?: readonly Score[];
  /** The target that means the same of any other input: the best class by its index, a unit where it is strongest by its place. */
  readonly chosen: () => Target;
}

/** The score of one sample, accumulated in float64. */
export const scoreOf = ({ terms }: Score, data: Float32Array, start = 0): number =>
  terms.reduce((total, term) => total + termOf(term, data, start), 0);

function termOf({ offsets, weight, factors, normalised, curve }: Term, data: Float32Array, start: number): number {
  if (curve) return weight * curve.of(elementsAt(offsets, data, start));
  const sum = weight * weighedSum(offsets, factors, data, start);
  // What has no direction is like nothing.
  return normalised ? sum / (lengthOf(offsets, data, start) || 1) : sum;
}

function weighedSum(
  offsets: ArrayLike<number>,
  factors: ArrayLike<number> | undefined,
  data: Float32Array,
  start: number,
): number {
  let sum = 0;
  for (let i = 0; i < offsets.length; i++) sum += (factors ? factors[i] : 1) * data[start + offsets[i]];
  return sum;
}

const elementsAt = (offsets: ArrayLike<number>, data: Float32Array, start: number): Float64Array =>
  Float64Array.from(offsets, (offset) => data[start + offset]);

function lengthOf(offsets: ArrayLike<number>, data: Float32Array, start: number): number {
  let squares = 0;
  for (let i = 0; i < offsets.length; i++) squares += data[start + offsets[i]] ** 2;
  return Math.sqrt(squares);
}

/**
 * Adds the derivative of a score with respect to its value.
 *
 * @param data  the value itself, at which the derivative is taken
 */
export function seed({ terms }: Score, gradient: Float32Array, data: Float32Array, start = 0): void {
  for (const term of terms) {
    const { offsets, weight, normalised, curve } = term;
    const factors = curve ? curve.slopes(elementsAt(offsets, data, start)) : term.factors;
    // ∂(f·r/|f|)/∂f = (r − (f·r/|f|)·f/|f|)/|f|
    const length = normalised ? lengthOf(offsets, data, start) || 1 : 1;
    const along = normalised ? termOf(term, data, start) / length : 0;
    for (let i = 0; i < offsets.length; i++) {
      const at = start + offsets[i];
      const slope = weight * (factors ? factors[i] : 1);
      gradient[at] += normalised ? (slope - along * data[at]) / length : slope;
    }
  }
}

/**
 * The slope between two values: what times the difference of each element sums to the difference of the scores. Of what is linear
 * that is the derivative; that of a cosine or a curve is averaged along the straight path between the two.
 */
export function seedBetween(
  score: Score,
  gradient: Float32Array,
  data: Float32Array,
  [to, from]: readonly [to: number, from: number],
  path: { readonly alphas: readonly number[]; readonly weights: readonly number[] },
): void {
  const linear = score.terms.filter(isLinearTerm);
  seed({ ...score, terms: linear }, gradient, data, to);
  const curved = { ...score, terms: score.terms.filter((term) => !isLinearTerm(term)) };
  if (curved.terms.length === 0) return;
  const size = Math.abs(to - from);
  path.alphas.forEach((alpha, step) => {
    const point = Float32Array.from(
      { length: size },
      (_, i) => data[from + i] + alpha * (data[to + i] - data[from + i]),
    );
    const slope = new Float32Array(size);
    seed(curved, slope, point);
    for (let i = 0; i < size; i++) gradient[to + i] += path.weights[step] * slope[i];
  });
}

/**
 * Where relevance starts: each element with the weight it has in the score, a cosine's length taken for a constant and a curve for
 * its tangent.
 *
 * @param begin  relevance of an element
 */
export function startRelevance(
  { terms }: Score,
  relevance: Float32Array,
  data: Float32Array,
  begin: (weight: number, value: number) => number,
): void {
  for (const { offsets, weight, factors: own, normalised, curve } of terms) {
    const factors = curve ? curve.slopes(elementsAt(offsets, data, 0)) : own;
    const length = normalised ? lengthOf(offsets, data, 0) || 1 : 1;
    for (let i = 0; i < offsets.length; i++) {
      const whole = (weight * (factors ? factors[i] : 1)) / length;
      relevance[offsets[i]] += begin(whole, data[offsets[i]]);
    }
  }
}

/** True where a score is a sum of products: an affine head then gives shares of it. */
export const isLinear = ({ terms }: Score): boolean => terms.every(isLinearTerm);

const isLinearTerm = ({ normalised, curve }: Term): boolean => !normalised && !curve;

/** The elements that a score reads, of one term: classes, channels and units have no more. */
export const elementsOf = ({ terms: [term] }: Score): ArrayLike<number> => term.offsets;

export const reportOf = (score: Score, value: Float32Array): TargetReport => ({
  index: score.index,
  ...(score.label !== undefined && { label: score.label }),
  score: scoreOf(score, value),
});

/** An element of a map by its index in row-major order, and another value that is computed from the same place. */
export interface ScoredAt {
  readonly value: ValueName;
  readonly index: number;
  readonly beside: ValueName;
}

/** A target bound to a value; the offsets may depend on what the network computes (the best class, a unit's maximum). */
export interface ScoredTarget {
  readonly value: ValueName;
  /** The value that its elements come from, where the layers between only move them: below it the default layer is looked for. */
  readonly madeBy?: ValueName;
  /** Of a box: where its class was scored, and what its place is computed from: the default layer is looked for at that scale. */
  readonly scoredAt?: ScoredAt;
  /** @param data  the value of one sample, memory order */
  choose(data: Float32Array): Score;
}
