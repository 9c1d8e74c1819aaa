import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { type AttributionMethod, checkedMethod } from "../attribution/attribution-method";
import { makeRecipe } from "../attribution/recipe";
import { checkOptions, mostPasses, wholeNumber } from "../checks";
import { LayerError } from "../errors";
import type { Constant } from "../graph/ir";
import { guardedAsync } from "../guard";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import { resolveTarget } from "../model/resolve-target";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import { copiesOf } from "../rewrite/with-constants";
import { pinnedTarget } from "./judged-target";
import { shuffled, stageEnds, stagesOf } from "./shuffle";
import { alikeFrom, meanSimilarity, type Similarity, similarityTo } from "./similarity";

export interface RandomizationTestOptions extends ExplainOptions {
  /** At how many stages the explanation is made anew: the first has one random layer, the last all; default 8, or every layer. */
  readonly stages?: number;
  /** How many times the weights are drawn; default 3. */
  readonly trials?: number;
}

/** How alike the explanations are once a layer and all above it are random; means over the trials. */
export interface RandomizationStage extends Similarity {
  /** The last layer to lose its weights. */
  readonly layer: string;
}

export interface RandomizationTest {
  readonly method: string;
  readonly target: TargetReport;
  /** From the output down; in the last nothing learned is left. */
  readonly stages: readonly RandomizationStage[];
  /** Mean of `spearman` over the upper quarter of the stages: near 1 the picture does not depend on the layers that tell classes apart. */
  readonly similarity: number;
  /** Whether `similarity` is below a half. */
  readonly passed: boolean;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Cascading parameter randomisation: does an explanation change when what the network learned is taken away, layer by layer
 * from the output down?
 *
 * Adebayo et al. 2018 (Sanity Checks for Saliency Maps), https://arxiv.org/abs/1810.03292, section 3. There the weights are drawn from
 * their initialiser, which a file does not name. Here those of each layer are shuffled and get random signs, so that every
 * magnitude stays and activations keep their scale; the constants of normalisations are shuffled alone. The explanations of one
 * class are compared as pictures at the input's size.
 *
 * A method that fails (guided backprop, deconvnet, guided Grad-CAM) shows the picture's edges, whatever was learned; one that
 * passes can still be wrong. A single draw says little where signs turn with the weights, as in Grad-CAM: hence `trials`.
 *
 * @param method  a function; what is random in it has the same seed each time
 * @throws {OptionError} if the method is none or an option is out of range; {LayerError} if no layer has weights;
 *   {InputError} if the explanation is the same everywhere
 * @example
 * const { passed, stages } = await randomizationTest(model, image, gradCam, { target: "cat", stages: 4 });
 */
export async function randomizationTest(
  given: Model,
  theirs: Input,
  method: AttributionMethod,
  options: RandomizationTestOptions = {},
): Promise<RandomizationTest> {
  return guardedAsync("randomizationTest", async () => {
    checkOptions("randomizationTest", options, ["target", "stages", "trials", "signal", "onProgress", "seed"]);
    const attribute = checkedMethod(method);
    const input = ownInput(theirs);
    const model = loaded(given);
    const { seed = 0, signal, trials = 3 } = options;
    const { graph } = model.parts;
    const layers = stagesOf(graph, model.dependencies(resolveTarget(model, options.target).value));
    if (layers.length === 0) throw new LayerError(`The model "${model.name}" has no layer with weights to shuffle.`);
    const count = Math.min(layers.length, wholeNumber("stages", options.stages ?? 8, 1));
    wholeNumber("trials", trials, 1, mostPasses);
    const pace = createPace(options, trials * count + 1);
    const explained = await attribute(model, input, { target: options.target, signal, seed });
    await pace.step(1);
    const target = pinnedTarget(options.target, explained);
    const similarity = similarityTo(explained);
    const copy = await copiesOf(model);
    const random = new Random(seed);
    const ends = stageEnds(layers.length, count);
    const found = ends.map((): Similarity[] => []);
    for (let trial = 0; trial < trials; trial++) {
      const constants = new Map<string, Constant>();
      let first = 0;
      for (const [stage, end] of ends.entries()) {
        for (const { name, signs } of layers.slice(first, end).flatMap((layer) => layer.constants)) {
          const constant = graph.constants.get(name);
          if (constant) constants.set(name, shuffled(constant, signs, random));
        }
        first = end;
        found[stage].push(similarity(await attribute(copy(constants), input, { target, signal, seed })));
        await pace.step(2 + trial * count + stage);
      }
    }
    const stages = found.map((draws, i) => ({ layer: layers[ends[i] - 1].layer, ...meanSimilarity(draws) }));
    const { spearman } = meanSimilarity(stages.slice(0, Math.ceil(count / 4)));
    return {
      method: explained.method,
      target: explained.target,
      stages,
      similarity: spearman,
      passed: spearman < alikeFrom,
      notes: explained.notes,
      recipe: await makeRecipe(model, "randomization-test", {
        ...{ target, stages: count, trials, seed },
        explanation: explained.recipe,
      }),
    };
  });
}
