/** How far a quantised network as it is deployed is from the same one of real numbers, for one input. */

import { SeethroughError } from "../errors";
import { entryOf } from "../guard";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input } from "../model/model";
import { asksForBox, resolveTarget } from "../model/resolve-target";
import { scoreOf } from "../model/score";
import type { Target } from "../model/target";
import { type Note, note } from "../notes";

/** What is explained, and the score that it has. */
export interface ExplainedInput {
  readonly input: Input;
  readonly target: Target | undefined;
  /** The class of the target as it was chosen. */
  readonly index: number;
  readonly score: number;
  readonly signal?: AbortSignal | undefined;
}

const samples = new WeakSet<object>();

/** Says that an input is one of many whose attributions are put together: nobody reads of each how far its readings are apart. */
export function asSample<T extends Input>(input: T): T {
  samples.add(input);
  return input;
}

/**
 * The note of a quantised network with the target's score by both readings: one more forward pass, and for a network that was loaded as
 * one of real numbers the file once more, as deployed, the first time.
 */
export async function readingsApart(model: LoadedModel, explained: ExplainedInput): Promise<Note[]> {
  const { quantised } = model.parts;
  // Attention is of no class.
  if (!quantised || samples.has(explained.input) || (isBest(explained.target) && explained.index < 0)) return [];
  const isDeployed = quantised.reading === "deployed";
  try {
    const found = isDeployed ? model : await quantised.other?.();
    const other = found && loaded(found);
    if (!other) return [];
    // Passes over changed pictures score a box by its overlap; compared is what it is scored by here.
    const own = asksForBox(explained.target) ? (await scoreIn(model, explained, isDeployed)).score : explained.score;
    const seen = await scoreIn(other, explained, !isDeployed);
    const [whole, real] = isDeployed ? [own, seen.score] : [seen.score, own];
    const shown = (value: number): string => String(Number(value.toPrecision(4)));
    const best =
      seen.best === undefined || seen.best === explained.index
        ? ""
        : ` The best class is another one ${isDeployed ? "without rounding" : "as deployed"}: ${seen.best}.`;
    return [
      note(
        "quantised",
        quantised.reading,
        ` For this input the score is ${shown(whole)} as deployed and ${shown(real)} without rounding, ${shown(Math.abs(whole - real))} apart.${best}`,
      ),
    ];
  } catch (error) {
    // What cannot be compared is explained all the same; who gives the call up is heard.
    if (error instanceof SeethroughError && !explained.signal?.aborted) return [];
    throw error;
  }
}

const isBest = (target: Target | undefined): boolean => target === undefined || target === "top";

async function scoreIn(
  model: LoadedModel,
  { input, target, index, signal }: ExplainedInput,
  rounding: boolean,
): Promise<{ readonly score: number; readonly best?: number }> {
  const asked = target === undefined || target === "top" ? index : target;
  const { value, choose } = resolveTarget(model, asked);
  const data = model.prepare(input);
  const { values } = await model.watchedPass({ data, keep: [value], rounding }, signal);
  const numbers = entryOf(values, value);
  const score = scoreOf(choose(numbers), numbers);
  return isBest(target) ? { score, best: resolveTarget(model, "top").choose(numbers).index } : { score };
}
