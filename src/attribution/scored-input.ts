/** One input and how its changed copies score: what the methods share that ask a model nothing but scores. */
import type { LoadedModel } from "../model/loaded-model";
import type { NetworkInput, SingleInput } from "../model/network-inputs";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import type { ValueName } from "../operation/operation";
import type { Tensor } from "../tensor";
import type { ExplainOptions } from "./attribution";
import type { Baseline } from "./baseline";
import type { Frame } from "./covering/patches";
import type { Found } from "./finish";
import type { BudgetOptions } from "./refinement";

/** What methods take that make many passes. */
export interface PassesOptions extends ExplainOptions, BudgetOptions {
  /** Changed inputs per pass; default up to 8, as many as suit the cache. The values do not depend on it. */
  readonly batchSize?: number;
}

export interface ScoredInput {
  /** The model; absent for a black box. */
  readonly inner?: Inner;
  /** What this input was given. */
  readonly input: SingleInput;
  /** Memory order. */
  readonly x: Float32Array;
  readonly frame: Frame;
  /** True where the places are the numbers of a vector. */
  readonly isVector: boolean;
  readonly target: TargetReport;
  readonly notes: readonly Note[];
  readonly batchSize: number;
  /** What stands for "nothing there", memory order. */
  fill(baseline: Baseline): Float32Array;
  /** @param copies  `count` changed inputs, memory order */
  score(copies: Float32Array, count: number): Promise<Float64Array>;
  /** Values in memory order as a tensor of the input's shape. */
  tensor(values: Float32Array): Tensor;
}

/** A score as a function of values of a network. */
export interface ValueScore {
  /** The values it is worked out from. */
  readonly values: readonly ValueName[];
  /** @param value  of one sample, memory order */
  of(value: (name: ValueName) => Float32Array): number;
}

/** The model behind the scores, and which of its inputs is changed. */
export interface Inner {
  readonly model: LoadedModel;
  readonly score: ValueScore;
  /** The one of the network's inputs that is changed, while the others stay as they are. */
  readonly part: NetworkInput;
  /** All of them, joined. */
  readonly data: Float32Array;
}

/** How far a score moved at most when the input was changed. */
export function largestChange(score: number, scores: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < scores.length; i++) most = Math.max(most, Math.abs(scores[i] - score));
  return most;
}

/**
 * What was found of one input, one value per place: all channels of a place have the same.
 *
 * @param scores  of all changed inputs
 */
export function foundAtPlaces(
  { inner, x, frame, target, notes, tensor }: ScoredInput,
  method: string,
  values: ArrayLike<number>,
  options: Readonly<Record<string, unknown>>,
  scores: ArrayLike<number>,
  more: readonly Note[] = [],
): Found {
  const { width, height, channels } = frame;
  return {
    method,
    target,
    values: tensor(x.map((_, i) => values[Math.floor(i / channels)])),
    effect: largestChange(target.score, scores),
    ...(!inner && { inputSize: { width, height } }),
    notes: [...notes, ...more],
    options,
  };
}
