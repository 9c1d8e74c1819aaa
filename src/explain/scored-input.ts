import { throwIfAborted } from "../checks";
/** One input and how its changed copies score: what the methods share that ask a model nothing but scores. */
import { type Input, type LoadedModel, loaded, type Model } from "../model/model";
import { type NetworkInput, type SingleInput, separateInputs, shownInput } from "../model/network-inputs";
import { resolveTarget, type ScoredTarget } from "../model/resolve-target";
import { type Score, scoreOf, type TargetReport } from "../model/score";
import type { Note } from "../notes";
import { imageShape } from "../operation/layout";
import type { Tensor } from "../tensor";
import type { ExplainOptions } from "./attribution";
import { type Baseline, inputBaseline } from "./baseline";
import { batchOf } from "./batch";
import { type BlackBox, blackBoxInput } from "./black-box";
import type { Found } from "./finish";
import { forwardPass, targetNotes } from "./gradient";
import type { Frame } from "./patches";

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

interface Inner {
  readonly model: LoadedModel;
  readonly target: ScoredTarget;
  readonly score: Score;
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

function modelInputs(model: LoadedModel, input: Input, options: PassesOptions): ScoredInput[] {
  const batchSize = batchOf(model, options.batchSize);
  const target = resolveTarget(model, options.target);
  const data = model.prepare(input);
  const { score, report } = forwardPass(model, data, target, []);
  const size = model.sampleSize(target.value);
  const { inputs } = model.parts;
  return separateInputs(inputs, input).map((own, i): ScoredInput => {
    const part = inputs[i];
    const x = inputs.length === 1 ? data : data.slice(part.start, part.start + part.size);
    return {
      inner: { model, target, score, part, data },
      input: own,
      x,
      frame: frameOf(part),
      isVector: isVector(part),
      target: report,
      notes: targetNotes(model, options, score, target.value),
      batchSize,
      fill: (baseline) => inputBaseline(model, part, x, baseline),
      score: async (copies, batch) => {
        const changed = inputs.length === 1 ? copies : withOthers(data, part, copies, batch);
        const { values } = model.pass({ batch, data: changed, keep: [target.value] });
        const scores = values.get(target.value) as Float32Array;
        return Float64Array.from({ length: batch }, (_, sample) => scoreOf(score, scores, sample * size));
      },
      tensor: (values) => model.tensor(part.name, values),
    };
  });
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
