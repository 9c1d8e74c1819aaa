import { checkOptions, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { channelsOf, checkImage, type ImageLike } from "./image";
import { Picture } from "./picture";
import { resizeBilinear } from "./resize";

export interface ResizeImageOptions {
  /** Of the result, in pixels; with one of both the other follows, so that the picture keeps its proportions. */
  readonly width?: number;
  readonly height?: number;
  /** Longest side of the result. A picture that is not larger stays as it is. */
  readonly maxSide?: number;
}

/**
 * Makes a picture smaller or larger: bilinear with half-pixel centres, antialiased when shrinking, as networks are fed.
 *
 * @returns a picture of as many channels, rounded to 8 bits
 * @throws {InputError} if the picture is empty; {OptionError} unless `maxSide`, or a width, a height or both are given
 */
export function resize(image: ImageLike, options: ResizeImageOptions = {}): Picture {
  return guarded("resize", () => {
    checkImage(image);
    checkOptions("resize", options, ["width", "height", "maxSide"]);
    const { width, height } = sizeOf(image, options);
    if (width === image.width && height === image.height) return image instanceof Picture ? image : new Picture(image);
    const channels = channelsOf(image);
    const { data } = image;
    if (channels !== 4) return rounded(resizeBilinear({ ...image, channels }, width, height), width, height);
    // Colours weigh as much as they cover: what is transparent has none.
    const covered = new Float32Array(data.length);
    for (let at = 0; at < data.length; at += 4) {
      const alpha = data[at + 3];
      for (let c = 0; c < 3; c++) covered[at + c] = data[at + c] * alpha;
      covered[at + 3] = alpha;
    }
    const values = resizeBilinear({ data: covered, width: image.width, height: image.height, channels }, width, height);
    for (let at = 0; at < values.length; at += 4) {
      const alpha = values[at + 3] || 1;
      for (let c = 0; c < 3; c++) values[at + c] /= alpha;
    }
    return rounded(values, width, height);
  });
}

function rounded(values: Float32Array, width: number, height: number): Picture {
  return new Picture({ data: Uint8Array.from(values, (value) => Math.min(255, Math.round(value))), width, height });
}

function sizeOf(image: ImageLike, { width, height, maxSide }: ResizeImageOptions): { width: number; height: number } {
  for (const [name, value] of Object.entries({ width, height, maxSide })) {
    if (value !== undefined) wholeNumber(name, value, 1, 2 ** 16);
  }
  if (maxSide !== undefined) {
    if (width !== undefined || height !== undefined) {
      throw new OptionError("resize takes either maxSide, or width and height, not both.");
    }
    const factor = Math.min(1, maxSide / Math.max(image.width, image.height));
    return { width: scaled(image.width, factor), height: scaled(image.height, factor) };
  }
  if (width === undefined && height === undefined) {
    throw new OptionError("resize needs a size: { maxSide }, { width }, { height }, or { width, height }.");
  }
  return {
    width: width ?? scaled(image.width, (height as number) / image.height),
    height: height ?? scaled(image.height, (width as number) / image.width),
  };
}

const scaled = (side: number, factor: number): number => Math.max(1, Math.round(side * factor));
