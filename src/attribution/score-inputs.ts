/** One input and how its changed copies score: what the methods share that ask a model nothing but scores. */

import { throwIfAborted } from "../checks";
import { entryOf } from "../guard";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { type NetworkInput, separateInputs, shownInput } from "../model/network-inputs";
import { checkScore } from "../model/not-finite";
import { asksForBox, headsOf, resolveTarget } from "../model/resolve-target";
import { scoreOf, type TargetReport } from "../model/score";
import type { Note } from "../notes";
import { imageShape } from "../operation/layout";
import { batchOf } from "../pace/batch";
import { inputBaseline } from "./baseline";
import { type BlackBox, blackBoxInput } from "./black-box";
import type { Frame } from "./covering/patches";
import { forwardPass, targetNotes } from "./gradients/gradient";
import type { PassesOptions, ScoredInput, ValueScore } from "./scored-input";

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
      return entryOf(values, name).subarray(sample * size, (sample + 1) * size);
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
    ? { width: part.size, height: 1, depth: 1, channels: 1, line: true }
    : {
        ...{ width, height, depth: part.shape.length === 5 ? part.shape[2] : 1 },
        ...{ channels: part.size / (width * height), line: shownInput(part).shape.length === 3 },
      };
}

function isVector({ shape }: NetworkInput): boolean {
  const { h, w } = imageShape(shape);
  return h * w === 1;
}
