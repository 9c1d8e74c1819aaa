import { makeRecipe } from "../attribution/recipe";
import { kindOf, oneOf, show, wholeNumber } from "../checks";
import { LayerError, OptionError } from "../errors";
import type { LoadedModel } from "../model/loaded-model";
import { ReceptiveFields } from "../model/receptive-field/receptive-field";
import { checkUnit, resolveTarget } from "../model/resolve-target";
import type { ScoredTarget } from "../model/score";
import type { Target } from "../model/target";
import type { SearchKey } from "./types";

/** What decides the result of a search, images aside. */
export interface SearchSettings {
  /** The layer whose units are looked at. */
  readonly layer: string;
  /** One unit (channel) or several; default: all of the layer. */
  readonly unit?: number | readonly number[];
  /** How many images to keep per unit; default 5. */
  readonly top?: number;
  /** What a map becomes: its maximum (default) or its mean. */
  readonly score?: "max" | "mean";
  /**
   * 'activation' (default) finds what drives a unit; 'relevance' finds where the unit speaks for a class: activation times
   * the gradient of the class score.
   */
  readonly by?: "activation" | "relevance";
  /** The class of `by: 'relevance'`; default: the one predicted for each image. */
  readonly target?: Target;
  /** Images kept at random beside the best, default 32: quantiles come from them. Their standard error is ½/√sample of the ranks. */
  readonly sample?: number;
  /** Seed of the sample; default 0. */
  readonly seed?: number;
}

/** A search resolved against a model. */
export interface SearchPlan {
  readonly key: SearchKey;
  readonly fields: ReceptiveFields;
  readonly target?: ScoredTarget;
}

/**
 * @throws {LayerError} if the layer is unknown, has no units, or the target does not depend on it
 * @throws {TargetError} if a unit or the target does not exist; {OptionError} if an option is out of range
 */
export async function planSearch(model: LoadedModel, settings: SearchSettings): Promise<SearchPlan> {
  const { top = 5, score = "max", by = "activation", sample = 32, seed = 0, target } = settings;
  wholeNumber("top", top, 1);
  wholeNumber("sample", sample, 0);
  if (!Number.isInteger(seed)) throw new OptionError(`seed must be a whole number, got ${show(seed)}.`);
  oneOf("score", score, ["max", "mean"]);
  oneOf("by", by, ["activation", "relevance"]);
  if (target !== undefined && by === "activation")
    throw new OptionError("target belongs to by: 'relevance'; activations do not depend on a class.");
  const fields = new ReceptiveFields(model, settings.layer);
  const units = unitsOf(settings, fields);
  const node = model.parts.graph.nodes.find(({ outputs }) => outputs.includes(fields.value));
  if (!node) throw new LayerError(`Layer "${settings.layer}" is not computed by any node.`);
  const scored = by === "relevance" ? resolveTarget(model, target) : undefined;
  if (scored) model.layerBefore(settings.layer, scored.value);
  const { modelHash, options } = await makeRecipe(model, "top-activations", { target: target ?? "top" });
  const { range = [0, 1], mean = 0, std = 1, channels = "rgb", fit = "crop" } = model.parts.preprocess;
  return {
    fields,
    ...(scored && { target: scored }),
    key: {
      modelHash,
      memory: model.parts.mode,
      ...(model.arithmetic === "fused" && { arithmetic: model.arithmetic }),
      inputShape: model.input.shape,
      preprocess: { range, mean: [mean].flat(), std: [std].flat(), channels, fit },
      layer: node.name,
      units,
      top,
      sample,
      seed,
      score,
      by,
      ...(scored && { target: options.target }),
    },
  };
}

function unitsOf({ unit, layer }: SearchSettings, fields: ReceptiveFields): number[] {
  if (unit === undefined) return Array.from({ length: fields.units }, (_, i) => i);
  if (typeof unit !== "number" && !Array.isArray(unit)) {
    throw new OptionError(`unit is the number of a unit, or a list of numbers, got ${kindOf(unit)}.`);
  }
  const asked = typeof unit === "number" ? [unit] : [...new Set(unit)].sort((a, b) => a - b);
  if (asked.length === 0) throw new OptionError("unit is an empty list; leave it out for all units of the layer.");
  for (const one of asked) checkUnit(one, layer, fields.shape, fields.units);
  return asked;
}
