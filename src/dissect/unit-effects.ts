import type { ExplainOptions } from "../attribution/attribution";
import { checkBag, checkOptions, iterable, show, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { entryOf, guardedAsync, theirItems } from "../guard";
import type { ClassAxis } from "../model/class-axis";
import { unitList } from "../model/intervention-edits";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import type { ScoredTarget } from "../model/score";
import { scoreOf } from "../model/score";
import type { ValueName } from "../operation/operation";
import { createPace } from "../pace/pace";
import type { Samples } from "./dissect";

export interface UnitEffectsOptions extends Omit<ExplainOptions, "seed"> {
  readonly layer: string;
  /** Units to silence, one at a time; default: all of the layer. */
  readonly units?: number | readonly number[];
  /** What a unit's activations become, everywhere; default 0. */
  readonly value?: number;
  /** Units per pass; default 8. */
  readonly batchSize?: number;
}

export interface UnitEffect {
  readonly unit: number;
  /** Mean over the samples of the score as it is minus the score without the unit, in score units. */
  readonly drop: number;
}

export interface UnitEffects {
  readonly layer: string;
  readonly samples: number;
  /** Mean score of the samples as they are. */
  readonly score: number;
  /** Every unit, largest drop first: without it the target loses most. */
  readonly units: readonly UnitEffect[];
}

/**
 * What each unit of a layer is good for: by how much does the target's score drop when the unit is silent?
 *
 *   drop(u) = mean over samples of s(x) − s(x with every activation of unit u set to `value`)
 *
 * The intervention of Bau et al. 2019 (GAN Dissection), https://arxiv.org/abs/1811.10597, section 3.2, for one unit at a
 * time: the target of a generator or segmenter is `{ mask, channel }`, a region of its output, that of a classifier a class.
 *
 * @throws {LayerError} if the layer is unknown or the target does not depend on it; {TargetError} for a wrong target
 * @throws {OptionError} if an option is out of range; {InputError} if there is no sample
 * @example
 * const { units } = await unitEffects(generator, latents, { layer: "relu2", target: { mask, channel: 0 } });
 */
export async function unitEffects(given: Model, samples: Samples, options: UnitEffectsOptions): Promise<UnitEffects> {
  return guardedAsync("unitEffects", async () => {
    checkBag("unitEffects", options, []);
    checkOptions("unitEffects", options, ["layer", "units", "value", "batchSize", "target", "signal", "onProgress"]);
    const { layer, value = 0, batchSize = 8 } = options;
    if (!Number.isFinite(value)) throw new OptionError(`value must be a finite number, got ${show(value)}.`);
    wholeNumber("batchSize", batchSize, 1);
    iterable("samples", samples, "inputs");
    const model = loadedAlone(given, "unitEffects");
    const target = resolveTarget(model, options.target);
    const at = model.layerBefore(layer, target.value);
    const axis = model.unitAxis(at);
    const units = unitList(options.units, axis.channels, `layer "${layer}"`);
    const pace = createPace(options, Array.isArray(samples) ? samples.length : Number.POSITIVE_INFINITY);
    const drops = new Float64Array(units.length);
    let [count, total] = [0, 0];
    for await (const sample of theirItems(samples, options.signal)) {
      const data = model.prepare(sample);
      const { signal } = options;
      const plain = await model.watchedPass({ data, keep: [target.value] }, signal);
      const before = entryOf(plain.values, target.value);
      const score = scoreOf(target.choose(before), before);
      for (let first = 0; first < units.length; first += batchSize) {
        const group = units.slice(first, first + batchSize);
        const without = await scoresWithout(model, { data, at, axis, group, value, target, before, signal });
        group.forEach((_, i) => {
          drops[first + i] += score - without[i];
        });
        await pace.pause();
      }
      total += score;
      await pace.step(++count);
    }
    if (count === 0) throw new InputError("unitEffects got no samples: give at least one input of the network.");
    return {
      layer,
      samples: count,
      score: total / count,
      units: units
        .map((unit, i) => ({ unit, drop: drops[i] / count }))
        .sort((a, b) => b.drop - a.drop || a.unit - b.unit),
    };
  });
}

/** The score of one input without each of several units: one sample of a batch per unit. */
async function scoresWithout(
  model: LoadedModel,
  request: {
    readonly data: Float32Array;
    readonly at: ValueName;
    readonly axis: ClassAxis;
    readonly group: readonly number[];
    readonly value: number;
    readonly target: ScoredTarget;
    readonly before: Float32Array;
    readonly signal: AbortSignal | undefined;
  },
): Promise<number[]> {
  const { data, at, axis, group, value, target, before, signal } = request;
  const batch = new Float32Array(data.length * group.length);
  group.forEach((_, i) => void batch.set(data, i * data.length));
  const silence = (activations: Float32Array): void => {
    const size = activations.length / group.length;
    group.forEach((unit, i) => {
      const start = i * size + axis.offsets[unit];
      for (const place of axis.places) activations[start + place] = value;
    });
  };
  const pass = { batch: group.length, data: batch, keep: [target.value], edits: new Map([[at, silence]]) };
  const { values } = await model.watchedPass(pass, signal);
  const after = entryOf(values, target.value);
  const score = target.choose(before);
  return group.map((_, i) => scoreOf(score, after, i * before.length));
}
