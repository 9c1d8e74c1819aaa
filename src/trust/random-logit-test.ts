import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { type AttributionMethod, checkedMethod } from "../attribution/attribution-method";
import { makeRecipe } from "../attribution/recipe";
import { checkOptions, wholeNumber } from "../checks";
import { TargetError } from "../errors";
import { guardedAsync } from "../guard";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import { classCount } from "../model/resolve-target";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import { alikeFrom, meanSimilarity, type Similarity, similarityTo } from "./similarity";

export interface RandomLogitTestOptions extends ExplainOptions {
  /** How many other classes are drawn; default 3, or as many as there are. */
  readonly classes?: number;
}

/** How alike the explanations of the target and of another class are. */
export interface RandomLogit extends Similarity {
  readonly other: TargetReport;
}

export interface RandomLogitTest {
  readonly method: string;
  readonly target: TargetReport;
  readonly classes: readonly RandomLogit[];
  /** Mean of `spearman`: near 1 the picture is the same whatever class is asked about. */
  readonly similarity: number;
  /** Whether `similarity` is below a half. */
  readonly passed: boolean;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Random logit: is the explanation of another class another picture?
 *
 * The network and the input stay as they are; only the class that is asked about is drawn anew. Sixt, Granz & Landgraf 2020
 * (When Explanations Lie), https://arxiv.org/abs/1912.09818, there with SSIM; Quantus has it as `RandomLogit`. Methods that
 * leave out what speaks against a class tend to fail. One that passes can still be wrong, and classes can really look at the same things.
 *
 * @param method  a function; what is random in it has the same seed each time
 * @throws {OptionError} if the method is none or `classes` is out of range; {TargetError} if the target is no class, or the only one;
 *   {InputError} if the explanation is the same everywhere
 * @example
 * const { passed, classes } = await randomLogitTest(model, image, gradCam, { target: "cat" });
 */
export async function randomLogitTest(
  given: Model,
  theirs: Input,
  method: AttributionMethod,
  options: RandomLogitTestOptions = {},
): Promise<RandomLogitTest> {
  return guardedAsync("randomLogitTest", async () => {
    checkOptions("randomLogitTest", options, ["target", "classes", "signal", "onProgress", "seed"]);
    const attribute = checkedMethod(method);
    const input = ownInput(theirs);
    const model = loaded(given);
    const { target, seed = 0, signal } = options;
    if (typeof target === "object") {
      throw new TargetError("randomLogitTest compares classes: its target is a class by index or label, or 'top'.");
    }
    const all = classCount(model);
    if (all < 2) {
      throw new TargetError(`The model "${model.name}" has one class, and there is no other one to compare with.`);
    }
    const count = Math.min(all - 1, wholeNumber("classes", options.classes ?? 3, 1));
    const pace = createPace(options, count + 1);
    const explained = await attribute(model, input, { target, signal, seed });
    const similarity = similarityTo(explained);
    await pace.step(1);
    const drawn = new Random(seed).permutation(all).filter((index) => index !== explained.target.index);
    const classes: RandomLogit[] = [];
    for (const index of drawn.slice(0, count)) {
      const other = await attribute(model, input, { target: index, signal, seed });
      classes.push({ other: other.target, ...similarity(other) });
      await pace.step(1 + classes.length);
    }
    const { spearman } = meanSimilarity(classes);
    return {
      method: explained.method,
      target: explained.target,
      classes,
      similarity: spearman,
      passed: spearman < alikeFrom,
      notes: explained.notes,
      recipe: await makeRecipe(model, "random-logit-test", {
        ...{ target: explained.target.index, classes: count, seed },
        explanation: explained.recipe,
      }),
    };
  });
}
