import { show } from "../checks";
import { OptionError } from "../errors";

/**
 * The magnitude that a percentage of the values do not exceed; of no values 0.
 *
 * @throws {OptionError} if the percentile is not above 0 and at most 100
 */
export function magnitudeAt(percentile: number, values: Float32Array): number {
  if (!(typeof percentile === "number" && percentile > 0 && percentile <= 100))
    throw new OptionError(`percentile must be above 0 and at most 100, got ${show(percentile)}.`);
  const magnitudes = values.map(Math.abs).sort();
  return magnitudes[Math.ceil((percentile / 100) * magnitudes.length) - 1] ?? 0;
}
