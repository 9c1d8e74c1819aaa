import { oneOf } from "../checks";
import { OptionError } from "../errors";
import type { Preprocess } from "./preprocess";

/** How one pixel value and one value of the network's input become each other: value = (pixel scaled to `range` − mean) / std. */
export interface Normalisation {
  /** The colour of the picture that the network's channel takes: 0 red, 1 green, 2 blue. */
  colourOf(channel: number): number;
  /** @param pixel  0 to 255 */
  toValue(pixel: number, channel: number): number;
  /** @returns 0 to 255, beyond where the value is none that a picture can have; not rounded */
  toPixel(value: number, channel: number): number;
}

/** @throws {OptionError} if an option is out of range */
export function normalisation(options: Preprocess, channels: number): Normalisation {
  const { range = [0, 1] } = options;
  if (!(Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1])) {
    throw new OptionError(`preprocess.range must be two rising numbers, got ${JSON.stringify(range)}.`);
  }
  const order = oneOf("preprocess.channels", options.channels ?? "rgb", ["rgb", "bgr"]);
  const mean = perChannel("mean", options.mean ?? [0], channels);
  const std = perChannel("std", options.std ?? [1], channels);
  if (std.some((value) => value === 0)) throw new OptionError("preprocess.std must not be 0.");
  const scale = (range[1] - range[0]) / 255;
  return {
    colourOf: (channel) => (order === "bgr" ? channels - 1 - channel : channel),
    toValue: (pixel, channel) => (range[0] + pixel * scale - mean[channel]) / std[channel],
    toPixel: (value, channel) => (value * std[channel] + mean[channel] - range[0]) / scale,
  };
}

function perChannel(name: string, asked: readonly number[] | number, channels: number): readonly number[] {
  const values = typeof asked === "number" ? [asked] : asked;
  if (!Array.isArray(values))
    throw new OptionError(`preprocess.${name} is a number or a list of numbers, got ${JSON.stringify(values)}.`);
  if (!values.every((value) => Number.isFinite(value)) || (values.length !== 1 && values.length !== channels)) {
    throw new OptionError(`preprocess.${name} takes one number or ${channels}, got [${values.join(", ")}].`);
  }
  return values.length === channels ? values : new Array<number>(channels).fill(values[0]);
}
