import { targetNotes } from "../attribution/gradients/gradient";
import { OptionError } from "../errors";
import { entryOf } from "../guard";
import type { LoadedModel } from "../model/loaded-model";
import { probabilities } from "../model/output";
import { resolveTarget } from "../model/resolve-target";
import { elementsOf, reportOf, scoreOf, type TargetReport } from "../model/score";
import type { Target } from "../model/target";
import type { Note } from "../notes";
import type { ValueName } from "../operation/operation";

/** What is read off the network: the probability of the target (softmax or sigmoid of the scores), or its score. */
export type Measure = "probability" | "score";

/** How the target answers to inputs that were changed. The target is the one of the input as it was. */
export interface TargetResponse {
  readonly target: TargetReport;
  readonly notes: readonly Note[];
  readonly measure: Measure;
  /** @param batch  `count` inputs in memory order */
  of(batch: Float32Array, count: number): Promise<Float64Array>;
}

/**
 * @throws {OptionError} if a probability is asked for that the target has not
 * @param measure  default: the probability where the network has classes to choose from, else the score
 */
export async function targetResponse(
  model: LoadedModel,
  x: Float32Array,
  {
    target: wanted,
    measure: asked,
    signal,
  }: { readonly target?: Target; readonly measure?: Measure; readonly signal?: AbortSignal },
): Promise<TargetResponse> {
  const target = resolveTarget(model, wanted);
  const { value } = target;
  const run = async (data: Float32Array, batch: number): Promise<Float32Array> =>
    entryOf((await model.watchedPass({ batch, data, keep: [value] }, signal)).values, value);
  const plain = await run(x, 1);
  const score = target.choose(plain);
  const classes = score.ofClass === true && hasClasses(model, value);
  if (asked === "probability" && !classes) {
    throw new OptionError(
      `measure "probability": "${value}" is no score of one of several classes. Leave it out, or use "score".`,
    );
  }
  const measure = asked ?? (classes ? "probability" : "score");
  const { classAxis, outputKind } = model.parts;
  const { mirrored, offsets } = classAxis;
  const probability = (values: Float32Array, start: number): number => {
    let sum = 0;
    const elements = elementsOf(score);
    for (let i = 0; i < elements.length; i++) {
      const place = start + elements[i] - offsets[mirrored ? 0 : score.index];
      const scores = Float32Array.from(offsets, (channel) => values[place + channel]);
      const both = mirrored ? Float32Array.of(-scores[0], scores[0]) : scores;
      sum += probabilities(both, outputKind, mirrored)[score.index];
    }
    return sum * Math.abs(score.terms[0].weight);
  };
  const read = measure === "score" ? scoreOf.bind(undefined, score) : probability;
  return {
    target: reportOf(score, plain),
    notes: targetNotes(model, { target: wanted }, score, value),
    measure,
    of: async (batch, count) => {
      const values = await run(batch, count);
      return Float64Array.from({ length: count }, (_, sample) => read(values, sample * plain.length));
    },
  };
}

/** What makes a value that is a probability, or a picture, and no score of a class. */
const noScores: ReadonlySet<string> = new Set(["Softmax", "LogSoftmax", "Sigmoid", "Tanh"]);

function hasClasses(model: LoadedModel, value: ValueName): boolean {
  const { explained, outputKind, classAxis, detector } = model.parts;
  const operation = model.full.operations[model.full.producer.get(value) ?? -1];
  if (value !== explained || noScores.has(operation?.node.op) || detector?.targets) return false;
  return outputKind === "sigmoid" || classAxis.classes > 1;
}
