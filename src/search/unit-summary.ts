import { checkOptions, checkParts, kindOf, show, wholeNumber } from "../checks";
import { OptionError, TargetError } from "../errors";
import { guarded } from "../guard";
import { isRecord } from "../json-text";
import { isUnit } from "./merge-top-activations";
import type { Hit, TopActivations } from "./types";

export interface SummaryOptions {
  /** Ranks among all images, 0 the weakest to 1 the strongest; default 0.75, 0.5 and 0.25. */
  readonly quantiles?: readonly number[];
  /** How many images drawn at random; default 3. */
  readonly random?: number;
}

/** One unit, told from more than one side. */
export interface UnitSummary {
  readonly unit: number;
  /** The strongest images, best first. */
  readonly top: readonly Hit[];
  /** Images at the quantiles, estimated from the sample: the rank is right within ½/√sample, one standard error. */
  readonly middle: readonly { readonly quantile: number; readonly hit: Hit }[];
  /** Images drawn at random. */
  readonly random: readonly Hit[];
}

/**
 * The strongest images of a unit beside ordinary ones, so that the strongest do not tell a one-sided story.
 *
 * Quantiles and random images come from the result's random sample (`sample`, the images of the smallest seeded hashes of
 * their ids), so they are the same however the search was sharded.
 *
 * @throws {TargetError} if the result has no such unit; {OptionError} if an option is out of range
 */
export function unitSummary(result: TopActivations, unit: number, options: SummaryOptions = {}): UnitSummary {
  return guarded("unitSummary", () => {
    checkParts("unitSummary", result, ["units"], "what topActivations returns");
    checkOptions("unitSummary", options, ["quantiles", "random"]);
    const listed: unknown = result.units;
    if (!Array.isArray(listed)) {
      throw new OptionError(`unitSummary takes what topActivations returns; its units are ${kindOf(listed)}, no list.`);
    }
    const search: unknown = result.search;
    if (!isRecord(search) || !Array.isArray(search.units)) {
      throw new OptionError(
        `unitSummary takes what topActivations returns; its search is ${isRecord(search) ? "one of no units" : kindOf(search)}.`,
      );
    }
    const { quantiles = [0.75, 0.5, 0.25], random = 3 } = options;
    const outside = quantiles.find((quantile) => !(typeof quantile === "number" && quantile >= 0 && quantile <= 1));
    if (outside !== undefined) throw new OptionError(`quantiles lie between 0 and 1, got ${show(outside)}.`);
    wholeNumber("random", random, 0);
    const found = result.units.find((entry) => entry?.unit === unit);
    if (!found) {
      const { layer, units } = result.search;
      throw new TargetError(
        `The search of layer "${layer}" has no unit ${show(unit)}; it looked at ${units.length > 20 ? `${units.length} units from ${units[0]} to ${units.at(-1)}` : units.join(", ")}.`,
      );
    }
    if (!isUnit(found, unit)) {
      throw new OptionError(
        `unitSummary takes what topActivations returns; its unit ${show(unit)} has no lists of hits.`,
      );
    }
    const { top, sample } = found;
    const ranked = sample.toSorted((a, b) => a.score - b.score);
    const at = (quantile: number): Hit => ranked[Math.round(quantile * (ranked.length - 1))];
    return {
      unit,
      top,
      middle: ranked.length > 0 ? quantiles.map((quantile) => ({ quantile, hit: at(quantile) })) : [],
      random: sample.slice(0, random),
    };
  });
}
