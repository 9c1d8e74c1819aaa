import type { Recipe } from "../attribution/attribution";
import { makeRecipe } from "../attribution/recipe";
import { checkBag, checkOptions } from "../checks";
import { guarded, guardedAsync } from "../guard";
import { loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import type { Tensor } from "../tensor";
import { type AscentStep, ascend } from "./ascent";
import type { VisualizedTarget } from "./objective";
import type { MaximizeOptions } from "./options";

/** What the network would like best. */
export interface Visualization {
  /** The last input, in the network's own input space; `toImage(model, image)` is its picture. */
  readonly image: Tensor;
  /** All images where `diversity` asked for several, else the one. */
  readonly images: readonly Tensor[];
  /** The objective before each step and after the last. */
  readonly objective: readonly number[];
  /** The target and its activation at the last input. */
  readonly target: VisualizedTarget;
  /** The same for each of `images`. */
  readonly targets: readonly VisualizedTarget[];
  readonly recipe: Recipe;
}

/**
 * Gradient ascent on the input: what drives a class score, a neuron, a channel or a whole layer up?
 *
 *   x ← x + η · ∂(a(x) − λ‖x‖²)/∂x
 *
 * Simonyan, Vedaldi & Zisserman 2013, https://arxiv.org/abs/1312.6034, section 2, on the score before the softmax. Await
 * the result for the last picture, or iterate over it for every step; doing both climbs twice.
 *
 * `preset: 'lucid'` climbs with the means of feature visualisation instead (Olah, Mordvintsev & Schubert 2017,
 * https://distill.pub/2017/feature-visualization): Adam on waves and decorrelated colours, seen through random transforms.
 *
 * @throws {TargetError} if `target` names no class or unit of the model; {LayerError} if it names an unknown layer
 * @throws {OptionError} naming the option that is out of range; {ShapeError} if `start` has not the input's shape
 * @example
 * const { image } = await maximizeActivation(model, { target: "cat", preset: "lucid" });
 * await writeFile("cat.png", await encodePng(toImage(model, image)));
 * for await (const { image, step } of maximizeActivation(model, { target: "cat" })) draw(toImage(model, image), step);
 */
export function maximizeActivation(
  model: Model,
  options: MaximizeOptions,
): PromiseLike<Visualization> & AsyncIterable<AscentStep> {
  return guarded("maximizeActivation", () => {
    return {
      // biome-ignore lint/suspicious/noThenProperty: the result can be awaited as well as iterated over
      then: (resolve, reject) =>
        guardedAsync("maximizeActivation", () => lastStep(model, options)).then(resolve, reject),
      [Symbol.asyncIterator]: () => ascend(loadedAlone(model, "maximizeActivation"), checked(options)),
    };
  });
}

/** The compiler refuses this where an option is missing. */
const maximizeOptions: Readonly<Record<keyof MaximizeOptions, true>> = {
  ...{
    target: true,
    preset: true,
    start: true,
    diversity: true,
    seed: true,
    signal: true,
    onProgress: true,
    steps: true,
  },
  ...{ optimizer: true, stepSize: true, l2: true, totalVariation: true, transforms: true, parameterization: true },
  redirectedSteps: true,
};

function checked(options: MaximizeOptions): MaximizeOptions {
  checkBag("maximizeActivation", options, ["target"]);
  checkOptions("maximizeActivation", options, Object.keys(maximizeOptions));
  return options;
}

async function lastStep(given: Model, options: MaximizeOptions): Promise<Visualization> {
  const model = loadedAlone(given, "maximizeActivation");
  const steps = ascend(model, checked(options));
  const objective: number[] = [];
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (!next.done) {
      objective.push(next.value.objective);
      continue;
    }
    const { images, targets, settings } = next.value;
    const recipe = await makeRecipe(model, "maximize-activation", { ...options, ...settings });
    return { image: images[0], images, objective, target: targets[0], targets, recipe };
  }
}
