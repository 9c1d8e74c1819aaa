import { throwIfAborted } from "../checks";
/** One input and how its changed copies score: what the methods share that ask a model nothing but scores. */
import { type Input, type LoadedModel, loaded, type Model } from "../model/model";
import { type NetworkInput, type SingleInput, separateInputs, shownInput } from "../model/network-inputs";
import { checkScore } from "../model/not-finite";
import { asksForBox, headsOf, resolveTarget } from "../model/resolve-target";
import { scoreOf, type TargetReport } from "../model/score";
import type { Note } from "../notes";
import { imageShape } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { batchOf } from "../pace/batch";
import type { Tensor } from "../tensor";
import type { ExplainOptions } from "./attribution";
import { type Baseline, inputBaseline } from "./baseline";
import { type BlackBox, blackBoxInput } from "./black-box";
import type { Frame } from "./covering/patches";
import type { Found } from "./finish";
import { forwardPass, targetNotes } from "./gradients/gradient";

/** What methods take that make many passes. */
export interface PassesOptions extends ExplainOptions {
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

interface Inner {
  readonly model: LoadedModel;
  readonly score: ValueScore;
  /** The one of the network's inputs that is changed, while the others stay as they are. */
  readonly part: NetworkInput;
  /** All of them, joined. */
  readonly data: Float32Array;
}

/** Scores what is given as it is, which settles the target, and hands back each of the network's inputs. */
export async function scoreInputs(
  given: Model | BlackBox,
  input: Input,
  options: PassesOptions,
): Promise<readonly ScoredInput[]> {
  throwIfAborted(options.signal);
  return typeof given === "function"
    ? [await blackBoxInput(given, input, options)]
    : modelInputs(loaded(given), input, options);
}

async function modelInputs(model: LoadedModel, input: Input, options: PassesOptions): Promise<readonly ScoredInput[]> {
  const { target: asked, signal } = options;
  const target = resolveTarget(model, asked);
  if (asksForBox(asked)) {
    const { score, ...about } = headsOf(model).followedBox(model, asked.detection, asked.of);
    return inputsScoredBy(model, input, options, score, about);
  }
  const data = model.prepare(input);
  const { score, report } = await forwardPass(model, data, target, [], signal);
  const whole: ValueScore = { values: [target.value], of: (value) => scoreOf(score, value(target.value)) };
  const notes = targetNotes(model, options, score, target.value);
  return scoredInputs(model, input, options, { data, score: whole, target: report, notes });
}

/** Inputs of a model that are scored by some values of it. @throws {InputError} if the score is not finite */
export async function inputsScoredBy(
  model: LoadedModel,
  input: Input,
  options: PassesOptions,
  score: ValueScore,
  about: Omit<TargetReport, "score">,
): Promise<readonly ScoredInput[]> {
  const data = model.prepare(input);
  const [plain] = await scoreBatch(model, score, { data, batch: 1, signal: options.signal });
  for (const value of score.values) checkScore(model, `The score of target ${about.index}`, plain, data, value);
  return scoredInputs(model, input, options, { data, score, target: { ...about, score: plain }, notes: [] });
}

interface Scoring {
  readonly data: Float32Array;
  readonly score: ValueScore;
  readonly target: TargetReport;
  readonly notes: readonly Note[];
}

function scoredInputs(model: LoadedModel, input: Input, options: PassesOptions, scoring: Scoring): ScoredInput[] {
  const batchSize = batchOf(model, options.batchSize);
  const { data, score, target, notes } = scoring;
  const { inputs } = model.parts;
  return separateInputs(inputs, input).map((own, i): ScoredInput => {
    const part = inputs[i];
    const x = inputs.length === 1 ? data : data.slice(part.start, part.start + part.size);
    return {
      inner: { model, score, part, data },
      input: own,
      x,
      frame: frameOf(part),
      isVector: isVector(part),
      target,
      notes,
      batchSize,
      fill: (baseline) => inputBaseline(model, part, x, baseline),
      score: async (copies, batch) =>
        scoreBatch(model, score, {
          data: inputs.length === 1 ? copies : withOthers(data, part, copies, batch),
          batch,
          signal: options.signal,
        }),
      tensor: (values) => model.tensor(part.name, values),
    };
  });
}

async function scoreBatch(
  model: LoadedModel,
  score: ValueScore,
  {
    data,
    batch,
    signal,
  }: { readonly data: Float32Array; readonly batch: number; readonly signal: AbortSignal | undefined },
): Promise<Float64Array> {
  const { values } = await model.watchedPass({ batch, data, keep: score.values }, signal);
  return Float64Array.from({ length: batch }, (_, sample) =>
    score.of((name) => {
      const size = model.sampleSize(name);
      return (values.get(name) as Float32Array).subarray(sample * size, (sample + 1) * size);
    }),
  );
}

/** Changed copies of one input with the others as they are. */
function withOthers(
  data: Float32Array,
  { start, size }: NetworkInput,
  copies: Float32Array,
  batch: number,
): Float32Array {
  const all = new Float32Array(batch * data.length);
  for (let sample = 0; sample < batch; sample++) {
    all.set(data, sample * data.length);
    all.set(copies.subarray(sample * size, (sample + 1) * size), sample * data.length + start);
  }
  return all;
}

/** A vector (the latent of a generator) is a row of places with one number each: it is covered number by number. */
function frameOf(part: NetworkInput): Frame {
  const { h: height, w: width } = imageShape(part.shape);
  return isVector(part)
    ? { width: part.size, height: 1, channels: 1, line: true }
    : { width, height, channels: part.size / (width * height), line: shownInput(part).shape.length === 3 };
}

function isVector({ shape }: NetworkInput): boolean {
  const { h, w } = imageShape(shape);
  return h * w === 1;
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
