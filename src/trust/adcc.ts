import { type AttributionMethod, checkedMethod } from "../attribution/attribution-method";
import { makeRecipe } from "../attribution/recipe";
import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import { createPace } from "../pace/pace";
import { type Confidences, dropOf } from "./average-drop";
import { type ExplanationMapOptions, explainedModel, explanationMap } from "./explanation-map";
import { heatmapOfJudged } from "./judged-map";
import { pinnedTarget } from "./judged-target";

export interface Adcc extends Confidences {
  /** The harmonic mean of coherency, 1 − complexity and 1 − average drop: 0 to 1, high is good. */
  readonly adcc: number;
  /** Correlation of the map with that of the explanation map, as (1 + r) / 2: 1 if it is found again. */
  readonly coherency: number;
  /** The map's mean, 0 to 1: the less it marks, the simpler it is. */
  readonly complexity: number;
  /** As of `averageDrop`. */
  readonly averageDrop: number;
}

/**
 * ADCC (average drop, coherency, complexity): one number for a map that keeps the confidence, is found again in what it leaves, and marks
 * little. Each of the three alone is won by a useless map: the drop by one that marks everything, the others by one that marks a pixel.
 *
 *   ADCC = 3 / (1/coherency + 1/(1 − complexity) + 1/(1 − drop))    0 where one of them is
 *   coherency = (1 + ρ(L(E), L(I))) / 2    complexity = ‖L(I)‖₁ / pixels    drop = max(0, Y − O) / Y
 *
 * Poppi, Cornia, Baraldi & Cucchiara 2021, https://arxiv.org/abs/2104.10252; aimagelab/ADCC. L is the map's positive
 * part, its largest value 1; E = L ∘ I as of `averageDrop`, explained for the target of the whole input. Of a map that is the same
 * everywhere the coherency is 0.
 *
 * @param method  a function: it is run twice, and what is random in it has the same seed both times
 * @throws {InputError} if the confidence is a score that is not positive; {OptionError} if the method is none or an option is wrong;
 *   whatever the method throws
 * @example
 * const { adcc: score, coherency, complexity } = await adcc(model, image, gradCam, { target: "cat" });
 */
export async function adcc(
  given: Model,
  theirs: Input,
  method: AttributionMethod,
  options: ExplanationMapOptions = {},
): Promise<Adcc> {
  return guardedAsync("adcc", async () => {
    const model = explainedModel(given, "adcc", options);
    const attribute = checkedMethod(method);
    const input = ownInput(theirs);
    const { seed = 0, signal, baseline = "zero" } = options;
    const pace = createPace(options, 2);
    const explanation = await attribute(model, input, { target: options.target, signal, seed });
    await pace.step(1);
    const target = pinnedTarget(options.target, explanation);
    const found = await explanationMap(model, input, explanation, { ...options, target });
    const averageDrop = dropOf("adcc", found);
    const shown = model.tensor(model.fast.input, found.data);
    const again = heatmapOfJudged(await attribute(model, shown, { target, signal, seed }));
    await pace.step(2);
    const { weights, response, confidence, explained } = found;
    const coherency = coherencyOf(
      weights,
      again.data.map((value) => Math.max(value, 0)),
    );
    const complexity = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    return {
      method: explanation.method,
      target: response.target,
      measure: response.measure,
      confidence,
      explained,
      adcc: harmonicMean([coherency, 1 - complexity, 1 - averageDrop]),
      coherency,
      complexity,
      averageDrop,
      notes: explanation.notes,
      recipe: await makeRecipe(model, "adcc", {
        ...{ target, baseline, measure: response.measure, seed, explanation: explanation.recipe },
      }),
    };
  });
}

/** 0 where a part is nothing, or less: of a score the drop may be more than all of it. */
const harmonicMean = (parts: readonly number[]): number =>
  parts.some((part) => part <= 0) ? 0 : parts.length / parts.reduce((sum, part) => sum + 1 / part, 0);

/** Pearson's correlation from 0 to 1; 0 where one of the two is the same everywhere, and there is nothing to find again. */
function coherencyOf(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [a, b].map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += (a[i] - meanA) * (b[i] - meanB);
    squaresA += (a[i] - meanA) ** 2;
    squaresB += (b[i] - meanB) ** 2;
  }
  return squaresA === 0 || squaresB === 0 ? 0 : (1 + product / Math.sqrt(squaresA * squaresB)) / 2;
}
