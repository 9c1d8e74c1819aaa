import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { type AttributionMethod, checkedMethod } from "../attribution/attribution-method";
import { asSample } from "../attribution/readings-apart";
import { makeRecipe } from "../attribution/recipe";
import { above, checkOptions, mostPasses, wholeNumber } from "../checks";
import { guardedAsync } from "../guard";
import { loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import type { Tensor } from "../tensor";
import { pinnedTarget } from "./judged-target";

export interface MaxSensitivityOptions extends ExplainOptions {
  /** Each input value changes by at most this much, in units of the network's input; default 0.02. */
  readonly radius?: number;
  /** How many changed inputs are explained; default 10. */
  readonly samples?: number;
}

export interface MaxSensitivity {
  readonly method: string;
  readonly target: TargetReport;
  /** The largest relative change of the explanation: 0 is best, 1 is a change as large as the explanation itself. */
  readonly maxSensitivity: number;
  /** The relative change of each sample. */
  readonly changes: readonly number[];
  readonly radius: number;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Max-sensitivity: how much does the explanation change when the input hardly does?
 *
 *   max over x̃ with |x̃ − x| ≤ radius of ‖Φ(x̃) − Φ(x)‖₂ / ‖Φ(x)‖₂
 *
 * Yeh et al. 2019, https://arxiv.org/abs/1901.09392, definition 3.1, by sampling. Matches Captum's `sensitivity_max`: uniform
 * noise, and an explanation of zeros is divided by 1. All inputs are explained for one target, that of the unchanged input. A
 * low number alone is no merit: a picture of edges hardly changes either.
 *
 * @param method  a function; what is random in it has the same seed each time
 * @throws {OptionError} if the method is none or an option is out of range; whatever the method throws
 * @example
 * const { maxSensitivity: change } = await maxSensitivity(model, image, gradCam, { target: "cat", samples: 20 });
 */
export async function maxSensitivity(
  given: Model,
  theirs: Input,
  method: AttributionMethod,
  options: MaxSensitivityOptions = {},
): Promise<MaxSensitivity> {
  return guardedAsync("maxSensitivity", async () => {
    checkOptions("maxSensitivity", options, ["target", "radius", "samples", "signal", "onProgress", "seed"]);
    const attribute = checkedMethod(method);
    const input = ownInput(theirs);
    const model = loadedAlone(given, "maxSensitivity");
    const { radius = 0.02, samples = 10, seed = 0, signal } = options;
    above("radius", radius);
    wholeNumber("samples", samples, 1, mostPasses);
    const pace = createPace(options, samples + 1);
    const explained = await attribute(model, input, { target: options.target, signal, seed });
    await pace.step(1);
    const target = pinnedTarget(options.target, explained);
    const x = model.prepare(input);
    const random = new Random(seed);
    const size = norm(explained.values.data) || 1;
    const changes: number[] = [];
    for (let sample = 0; sample < samples; sample++) {
      const changed = x.map((value) => value + radius * (2 * random.uniform() - 1));
      const copy = asSample(model.tensor(model.fast.input, changed));
      const other = await attribute(model, copy, { target, signal, seed });
      changes.push(distance(other.values, explained.values) / size);
      await pace.step(sample + 2);
    }
    return {
      method: explained.method,
      target: explained.target,
      maxSensitivity: changes.reduce((most, change) => Math.max(most, change), 0),
      changes,
      radius,
      notes: explained.notes,
      recipe: await makeRecipe(model, "max-sensitivity", {
        target,
        radius,
        samples,
        seed,
        explanation: explained.recipe,
      }),
    };
  });
}

const norm = (values: Float32Array | Float64Array): number => {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
};

const distance = (a: Tensor, b: Tensor): number => norm(Float64Array.from(a.data, (value, i) => value - b.data[i]));
