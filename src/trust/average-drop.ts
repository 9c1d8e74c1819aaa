import type { Recipe } from "../attribution/attribution";
import { makeRecipe } from "../attribution/recipe";
import { InputError } from "../errors";
import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { createPace } from "../pace/pace";
import { type ExplanationMap, type ExplanationMapOptions, explainedModel, explanationMap } from "./explanation-map";
import { type JudgedMap, methodOf, notesOf, recorded } from "./judged-map";
import type { Measure } from "./target-response";

/** The confidence in the whole input, and in what the map leaves of it. */
export interface Confidences {
  /** What made the map. */
  readonly method: string;
  readonly target: TargetReport;
  readonly measure: Measure;
  /** Y: of the whole input. */
  readonly confidence: number;
  /** O: of the explanation map, the input where only what the map marks is shown. */
  readonly explained: number;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

export interface AverageDrop extends Confidences {
  /** Share of the confidence that is lost, 0 (best) to 1; of a score it may be more. The paper's figure is 100 × the mean over images. */
  readonly averageDrop: number;
}

/**
 * Average drop: how much of the confidence is lost where only what the map marks is shown?
 *
 *   drop = max(0, Y − O) / Y    O of the explanation map E = L ∘ I
 *
 * Chattopadhay et al. 2018 (Grad-CAM++), https://arxiv.org/abs/1710.11063, section 4.1, of one image: the name is that of its mean over
 * many. L is the map's positive part, its largest value 1; of the input, as the network takes it, L times what it differs from the
 * baseline is left. A map that marks everything has a drop of 0, and one of single pixels drops nearly everything whatever they are: the
 * measure is made for areas, and `adcc` weighs it against complexity.
 *
 * @param map  an attribution of any method, or a heatmap at the size of the network's input
 * @throws {InputError} if the confidence is a score that is not positive; {ShapeError} if the map is not of the input's size;
 *   {TargetError} for a wrong target; {OptionError} for a wrong option
 * @example
 * const { averageDrop: drop } = await averageDrop(model, image, await gradCam(model, image, { target: "cat" }));
 */
export async function averageDrop(
  given: Model,
  input: Input,
  map: JudgedMap,
  options: ExplanationMapOptions = {},
): Promise<AverageDrop> {
  return guardedAsync("averageDrop", async () => {
    const found = await confidences("averageDrop", given, { input, map, options });
    return { ...found, averageDrop: dropOf("averageDrop", found) };
  });
}

/** What `averageDrop` and `increaseInConfidence` have in common. */
export async function confidences(
  what: "averageDrop" | "increaseInConfidence",
  given: Model,
  { input, map, options }: { readonly input: Input; readonly map: JudgedMap; readonly options: ExplanationMapOptions },
): Promise<Confidences> {
  const model = explainedModel(given, what, options);
  const pace = createPace(options, 1);
  const { response, target, confidence, explained } = await explanationMap(model, input, map, options);
  await pace.step(1);
  const { baseline = "zero" } = options;
  return {
    method: methodOf(map),
    target: response.target,
    measure: response.measure,
    confidence,
    explained,
    notes: [...response.notes, ...notesOf(map)],
    recipe: await makeRecipe(model, what === "averageDrop" ? "average-drop" : "increase-in-confidence", {
      ...{ ...options, map: recorded(map), target, baseline, measure: response.measure },
    }),
  };
}

/** @throws {InputError} if there is nothing to drop from */
export function dropOf(
  what: string,
  { confidence, explained }: Pick<ExplanationMap, "confidence" | "explained">,
): number {
  if (confidence > 0) return Math.max(0, confidence - explained) / confidence;
  throw new InputError(
    `${what} is a share of the confidence, and the target's is ${confidence.toPrecision(3)}: there is nothing to drop from. ` +
      "Ask for a target with a positive score; increaseInConfidence compares scores of any sign.",
  );
}
