import { oneOf, show } from "../checks";
import { OptionError } from "../errors";
import type { Preprocess } from "./preprocess-options";

/** How one pixel value and one value of the network's input become each other: value = (pixel scaled to `range` − mean) / std. */
export interface Normalisation {
  /** The colour of the picture that the network's channel takes: 0 red, 1 green, 2 blue. */
  colourOf(channel: number): number;
  /** @param pixel  0 to 255 */
  toValue(pixel: number, channel: number): number;
  /** @returns 0 to 255, beyond where the value is none that a picture can have; not rounded */
  toPixel(value: number, channel: number): number;
}

/** @throws {OptionError} if an option is out of range, or mean or std are those of pixels in another range */
export function normalisation(options: Preprocess, channels: number): Normalisation {
  const { range = [0, 1] } = options;
  if (!(Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1])) {
    throw new OptionError(`preprocess.range must be two rising numbers, got ${show(range)}.`);
  }
  const order = oneOf("preprocess.channels", options.channels ?? "rgb", ["rgb", "bgr"]);
  const mean = perChannel("mean", options.mean ?? 0, channels);
  const std = perChannel("std", options.std ?? 1, channels);
  if (std.some((value) => value === 0)) throw new OptionError("preprocess.std must not be 0.");
  checkScale(range, mean, std);
  const scale = (range[1] - range[0]) / 255;
  return {
    colourOf: (channel) => (order === "bgr" ? channels - 1 - channel : channel),
    toValue: (pixel, channel) => (range[0] + pixel * scale - mean[channel]) / std[channel],
    toPixel: (value, channel) => (value * std[channel] + mean[channel] - range[0]) / scale,
  };
}

/** True if it was said how pixels become numbers: any of the three is a choice, `fit` and `channels` are not about it. */
export const saysNormalisation = ({ range, mean, std }: Preprocess = {}): boolean =>
  range !== undefined || mean !== undefined || std !== undefined;

/**
 * A mean of values that lie in a range lies in it too, and their standard deviation is of its order. 123.675 with 0..1, or 0.485 with
 * 0..255, are the same numbers for another range: with them every picture would look nearly alike to the network.
 */
function checkScale(range: readonly [number, number], mean: readonly number[], std: readonly number[]): void {
  const [low, high] = range;
  const span = high - low;
  const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
  // 0 and 1 change nothing and belong to every range.
  const [means, stds] = [mean.filter((value) => value !== 0), std.filter((value) => value !== 1)];
  const beyond = means.some((value) => value > high + 0.01 * span || value < low - 0.01 * span);
  const tooWide = stds.some((value) => Math.abs(value) > 4 * span);
  if (beyond || tooWide) {
    const [name, values] = beyond ? (["mean", mean] as const) : (["std", std] as const);
    const bytes = high < 255 && mean.every((value) => value >= 0 && value <= 255) && largest(std) <= 4 * 255;
    throw new OptionError(wrongScale(name, values, range, bytes ? [0, 255] : undefined));
  }
  // Bytes, or nearly: there the numbers for 0..1 are less than one step.
  if (span < 64 || low < 0) return;
  const tooSmall = means.length > 0 && largest(means) <= span / 255;
  const tooNarrow = stds.some((value) => Math.abs(value) < span / 255);
  if (tooSmall || tooNarrow) {
    const [name, values] = tooSmall ? (["mean", mean] as const) : (["std", std] as const);
    throw new OptionError(wrongScale(name, values, range, [0, 1]));
  }
}

function wrongScale(
  name: string,
  values: readonly number[],
  [low, high]: readonly [number, number],
  likely: readonly [number, number] | undefined,
): string {
  const shown = new Set(values).size === 1 ? show(values[0]) : show(values);
  const way = likely
    ? `Likely it is meant for pixels of ${likely[0]} to ${likely[1]}: range: [${likely.join(", ")}], on the command line --range ${likely.join("..")}.`
    : "It must have the unit of the range.";
  return `preprocess.${name} ${shown} cannot belong to pixels of ${low} to ${high}, the range. ${way}`;
}

function perChannel(name: string, given: readonly number[] | number, channels: number): readonly number[] {
  const values = typeof given === "number" ? [given] : given;
  if (!Array.isArray(values))
    throw new OptionError(`preprocess.${name} is a number or a list of numbers, got ${show(values)}.`);
  if (!values.every((value) => Number.isFinite(value)) || (values.length !== 1 && values.length !== channels)) {
    throw new OptionError(`preprocess.${name} takes one number or ${channels}, got ${show(values)}.`);
  }
  return values.length === channels ? values : new Array<number>(channels).fill(values[0]);
}
