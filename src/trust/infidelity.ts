import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { type Baseline, baselineData } from "../attribution/baseline";
import { makeRecipe } from "../attribution/recipe";
import { above, checkOptions, mostPasses, wholeNumber } from "../checks";
import { guardedAsync } from "../guard";
import { loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import { type JudgedMap, methodOf, notesOf, recorded } from "./judged-map";
import { judgedTarget } from "./judged-target";
import { mean } from "./mean-and-deviation";
import { type Perturbation, perturbationOf } from "./perturbation";
import { sharesOf } from "./shares";
import { targetResponse } from "./target-response";

export interface InfidelityOptions extends ExplainOptions {
  /** How the input is changed; default 'square'. */
  readonly perturbation?: Perturbation;
  /** How many changed inputs; default 10. */
  readonly samples?: number;
  /** What 'square' puts in, and what shares of the score are relative to; default 'zero'. */
  readonly baseline?: Baseline;
  /** Standard deviation of 'noise', in units of the network's input; default 0.01 × its range. */
  readonly stdev?: number;
  /**
   * Whether the map's values are shares of the score, as of input × gradient, and not what a change of one unit does, as of
   * saliency: the change then counts relative to x − baseline. Default: by method.
   */
  readonly multiplyByInputs?: boolean;
  /** Multiplies the map by the one number that suits it best; default false, for maps that are not of the input's shape true. */
  readonly normalize?: boolean;
  /** Inputs per pass; default up to 8, as many as suit the cache. */
  readonly batchSize?: number;
}

export interface Infidelity {
  /** What made the map. */
  readonly method: string;
  readonly target: TargetReport;
  /** Mean squared error, in squared score units; 0 is best. */
  readonly infidelity: number;
  /** Standard error of that mean. */
  readonly standardError: number;
  /** What infidelity a map of zeros has under the same changes: the mean square of the score's change. */
  readonly ofZeros: number;
  readonly samples: number;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Infidelity: does the map foretell by how much the score changes when the input does?
 *
 *   infidelity = mean over changed inputs x̃ of (I·Φ − (s(x) − s(x̃)))²
 *   I = x − x̃, for shares of the score (x − x̃)/(x − baseline)
 *
 * Yeh et al. 2019, https://arxiv.org/abs/1901.09392, definition 2.1. Matches Captum's `infidelity` with
 * `infidelity_perturb_func_decorator(multiply_by_inputs)`, which leaves the perturbation to you; 'square' is the paper's removal
 * of squares. With `normalize` Φ is multiplied by β = mean(I·Φ Δs)/mean((I·Φ)²) first, as there. Class activation maps and
 * heatmaps have no unit: they are resized to the input, spread evenly over its channels, and always normalised by default.
 *
 * @param map  an attribution of any method, or a heatmap at the size of the network's input
 * @throws {ShapeError} if the map is not of the input's size; {TargetError} for a wrong target; {OptionError} for a wrong option
 * @example
 * const attribution = await integratedGradients(model, image, { target: "cat" });
 * const { infidelity: error, ofZeros } = await infidelity(model, image, attribution, { samples: 50 });
 */
export async function infidelity(
  given: Model,
  input: Input,
  map: JudgedMap,
  options: InfidelityOptions = {},
): Promise<Infidelity> {
  return guardedAsync("infidelity", async () => {
    checkOptions("infidelity", options, [
      "target",
      "perturbation",
      "samples",
      "baseline",
      "stdev",
      "multiplyByInputs",
      "normalize",
      "batchSize",
      "signal",
      "onProgress",
      "seed",
    ]);
    const model = loadedAlone(given, "infidelity");
    const x = model.prepare(input);
    const { perturbation = "square", samples = 10, baseline = "zero", seed = 0 } = options;
    wholeNumber("samples", samples, 1, mostPasses);
    const shares = sharesOf(model, map);
    const { multiplyByInputs = shares.multiplied, normalize = shares.unitless } = options;
    const stdev = above("stdev", options.stdev ?? (0.01 * rangeOf(x) || 0.01));
    const reference = baselineData(model, x, baseline);
    const perturb = perturbationOf(model, x, { perturbation, baseline: reference, stdev });
    const target = judgedTarget(map, options.target);
    const response = await targetResponse(model, x, { target, measure: "score", signal: options.signal });
    const batchSize = batchOf(model, options.batchSize);
    const pace = createPace(options, samples);
    const random = new Random(seed);
    const foretold: number[] = [];
    const changes: number[] = [];
    for (let first = 0; first < samples; first += batchSize) {
      const count = Math.min(batchSize, samples - first);
      const batch = new Float32Array(count * x.length);
      for (let sample = 0; sample < count; sample++) {
        const changed = perturb(random);
        batch.set(changed, sample * x.length);
        let sum = 0;
        for (let i = 0; i < x.length; i++) {
          const difference = x[i] - changed[i];
          // Where input and baseline are equal Captum divides by 1.
          sum += shares.values[i] * (multiplyByInputs ? difference / (x[i] - reference[i] || 1) : difference);
        }
        foretold.push(sum);
      }
      const after = await response.of(batch, count);
      changes.push(...after.map((score) => response.target.score - score));
      await pace.step(first + count);
    }
    const product = mean(foretold.map((value, i) => value * changes[i]));
    const beta = normalize ? product / (mean(foretold.map((value) => value * value)) || 1) : 1;
    const errors = foretold.map((value, i) => (beta * value - changes[i]) ** 2);
    const average = mean(errors);
    const variance = mean(errors.map((error) => (error - average) ** 2));
    return {
      method: methodOf(map),
      target: response.target,
      infidelity: average,
      standardError: Math.sqrt(variance / Math.max(1, samples - 1)),
      ofZeros: mean(changes.map((change) => change * change)),
      samples,
      notes: [...response.notes, ...notesOf(map)],
      recipe: await makeRecipe(model, "infidelity", {
        ...{ ...options, map: recorded(map), target, samples, baseline, stdev, multiplyByInputs, normalize },
        perturbation: typeof perturbation === "function" ? "a function" : perturbation,
      }),
    };
  });
}

function rangeOf(values: Float32Array): number {
  let [low, high] = [values[0], values[0]];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return high - low;
}
