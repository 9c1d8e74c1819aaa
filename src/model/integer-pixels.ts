import { show } from "../checks";
import { OptionError } from "../errors";
import { saysNormalisation } from "../image/normalisation";
import type { Preprocess } from "../image/preprocess-options";

/** What 0 and 255 become for an input of integers: the pixels themselves, around zero where the type has but 127 above. */
export const integerRange = (type: string): readonly [number, number] =>
  type === "int8" ? [-128, 127] : type === "bool" ? [0, 1] : [0, 255];

/**
 * What a file says of pixels, for an input of integers: a range, mean and std that make fractions are what the network does itself.
 *
 * @param dropped  called where something is left out
 */
export function wholePixels(
  said: Preprocess | undefined,
  type: string | undefined,
  dropped: () => void,
): Preprocess | undefined {
  if (!said || type === undefined || !saysNormalisation(said) || fractions(said, type) === undefined) return said;
  dropped();
  const { range: _, mean: __, std: ___, ...rest } = said;
  return rest;
}

/** @throws {OptionError} if the caller's settings make numbers of pixels that the input's integers cannot be */
export function checkWholePixels(settings: Preprocess, name: string, integers: string): void {
  const wrong = fractions(settings, integers);
  if (wrong === undefined) return;
  throw new OptionError(
    `The input "${name}" holds ${integers}, and preprocess.range, preprocess.mean and preprocess.std make ${wrong} of a pixel. ` +
      `The network turns whole numbers into floats itself: leave them out, or pass { range: ${show(integerRange(integers))} }.`,
  );
}

/** A number that pixels become and the type cannot hold. */
function fractions({ range, mean = 0, std = 1 }: Preprocess, type: string): number | undefined {
  const [low, high] = range ?? integerRange(type);
  const [means, stds] = [[mean].flat(), [std].flat()];
  const least = type.startsWith("u") ? 0 : type === "int8" ? -128 : Number.NEGATIVE_INFINITY;
  const most = type === "uint8" ? 255 : type === "int8" ? 127 : Number.POSITIVE_INFINITY;
  for (let channel = 0; channel < Math.max(means.length, stds.length); channel++) {
    for (let pixel = 0; pixel < 256; pixel++) {
      const scaled = low + (pixel * (high - low)) / 255;
      const value = (scaled - (means[channel] ?? means[0])) / (stds[channel] ?? stds[0]);
      // Written so that NaN is none either.
      if (!(Math.abs(value - Math.round(value)) < 1e-3 && value > least - 1e-3 && value < most + 1e-3)) {
        return Number(value.toPrecision(4));
      }
    }
  }
  return undefined;
}
