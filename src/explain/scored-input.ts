import { throwIfAborted } from "../checks";
import { inputSize } from "../model/input-size";
/** One input and how its changed copies score: what the methods share that ask a model nothing but scores. */
import { type Input, type LoadedModel, loaded, type Model } from "../model/model";
import { resolveTarget, type ScoredTarget } from "../model/resolve-target";
import { type Score, scoreOf, type TargetReport } from "../model/score";
import type { Note } from "../notes";
import type { Tensor } from "../tensor";
import type { Attribution, ExplainOptions } from "./attribution";
import { type Baseline, baselineData } from "./baseline";
import { batchOf } from "./batch";
import { type BlackBox, blackBoxInput } from "./black-box";
import { finishAttribution } from "./finish";
import { forwardPass, targetNotes } from "./gradient";
import type { Frame } from "./patches";

/** What methods take that make many passes. */
export interface PassesOptions extends ExplainOptions {
  /** Changed inputs per pass; default up to 8, as many as suit the cache. The values do not depend on it. */
  readonly batchSize?: number;
}

export interface ScoredInput {
  /** The model; absent for a black box. */
  readonly inner?: { readonly model: LoadedModel; readonly target: ScoredTarget; readonly score: Score };
  /** As the caller handed it over. */
  readonly input: Input;
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

/** Scores the input as it is, which settles the target. */
export async function scoreInput(given: Model | BlackBox, input: Input, options: PassesOptions): Promise<ScoredInput> {
  throwIfAborted(options.signal);
  return typeof given === "function" ? blackBoxInput(given, input, options) : modelInput(loaded(given), input, options);
}

function modelInput(model: LoadedModel, input: Input, options: PassesOptions): ScoredInput {
  const batchSize = batchOf(model, options.batchSize);
  const target = resolveTarget(model, options.target);
  const x = model.prepare(input);
  const { score, report } = forwardPass(model, x, target, []);
  const size = model.sampleSize(target.value);
  return {
    inner: { model, target, score },
    input,
    x,
    frame: modelFrame(model),
    isVector: isVector(model),
    target: report,
    notes: targetNotes(model, options, score, target.value),
    batchSize,
    fill: (baseline) => baselineData(model, x, baseline),
    score: async (data, batch) => {
      const values = model.pass({ batch, data, keep: [target.value] }).values.get(target.value) as Float32Array;
      return Float64Array.from({ length: batch }, (_, sample) => scoreOf(score, values, sample * size));
    },
    tensor: (values) => model.tensor(model.fast.input, values),
  };
}

/** A vector (the latent of a generator) is a row of places with one number each: it is covered number by number. */
function modelFrame(model: LoadedModel): Frame {
  const { width, height } = inputSize(model);
  const channels = model.sampleSize(model.fast.input) / (width * height);
  return isVector(model)
    ? { width: channels, height: 1, channels: 1, line: true }
    : { width, height, channels, line: model.input.shape.length === 3 };
}

const isVector = (model: LoadedModel): boolean => inputSize(model).width * inputSize(model).height === 1;

/** How far a score moved at most when the input was changed. */
export function largestChange(score: number, scores: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < scores.length; i++) most = Math.max(most, Math.abs(scores[i] - score));
  return most;
}

/**
 * One value per place as an attribution: all channels of a place have the same.
 *
 * @param scores  of all changed inputs
 */
export async function attributeToPlaces(
  { inner, input, x, frame, target, notes, tensor }: ScoredInput,
  method: string,
  values: ArrayLike<number>,
  options: Readonly<Record<string, unknown>>,
  scores: ArrayLike<number>,
  more: readonly Note[] = [],
): Promise<Attribution> {
  const { width, height, channels } = frame;
  return finishAttribution(inner?.model, input, {
    method,
    target,
    values: tensor(x.map((_, i) => values[Math.floor(i / channels)])),
    effect: largestChange(target.score, scores),
    ...(!inner && { inputSize: { width, height } }),
    notes: [...notes, ...more],
    options,
  });
}
