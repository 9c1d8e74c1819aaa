import { OptionError, ShapeError } from "../errors";
import { Tensor } from "../tensor";
import { channelsOf, checkImage, type ImageLike } from "./image";
import { normalisation } from "./normalisation";
import { type Rectangle, resizeBilinear } from "./resize";

/** How a picture becomes the network's input: value = (pixel scaled to `range` − mean) / std. */
export interface Preprocess {
  /** What 0 and 255 become before mean and std; default [0, 1]. */
  readonly range?: readonly [number, number];
  /** In the network's channel order, or one number for all; default 0. */
  readonly mean?: readonly number[];
  /** In the network's channel order, or one number for all; default 1. */
  readonly std?: readonly number[];
  /** Order of the network's channels; default 'rgb'. */
  readonly channels?: "rgb" | "bgr";
  /**
   * 'crop' (default): the largest part of the input's shape around the centre; 'stretch': everything, distorted;
   * 'pad': everything, with a border of the mean colour.
   */
  readonly fit?: "crop" | "stretch" | "pad";
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The part of a picture that the network's input shows, in picture pixels; for 'pad' it is larger than the picture.
 * Overlays are drawn back there.
 */
export function placement(image: Size, input: Size, fit: Preprocess["fit"] = "crop"): Rectangle {
  if (fit === "stretch") return { x: 0, y: 0, width: image.width, height: image.height };
  if (fit !== "crop" && fit !== "pad") {
    throw new OptionError(`fit "${String(fit)}" is none of crop, stretch, pad.`);
  }
  const ratios = [image.width / input.width, image.height / input.height] as const;
  const scale = fit === "crop" ? Math.min(...ratios) : Math.max(...ratios);
  const [width, height] = [input.width * scale, input.height * scale];
  return { x: (image.width - width) / 2, y: (image.height - height) / 2, width, height };
}

/**
 * Brings a picture into the form a network takes: one resampling (bilinear, half-pixel centres, antialiased when
 * shrinking), then normalisation. A picture that already has the input's size passes through unchanged.
 *
 * Pixels that are not opaque are laid over white. A network with one channel gets the luma of Rec. 601; a grey picture
 * fills three channels.
 *
 * @returns `[1, height, width, channels]`
 * @throws {InputError} if the picture is empty; {OptionError} if an option is out of range
 */
export function preprocess(
  image: ImageLike,
  { width, height, channels }: Size & { readonly channels: number },
  options: Preprocess = {},
): Tensor {
  checkImage(image);
  const { fit = "crop" } = options;
  const { colourOf, toValue } = normalisation(options, channels);
  const colours = toChannels(image, channels);
  const region = placement(image, { width, height }, fit);
  const same = image.width === width && image.height === height;
  const resized = same
    ? colours
    : resizeBilinear({ data: colours, width: image.width, height: image.height, channels }, width, height, {
        source: region,
      });
  const inside = insideTest(image, { width, height }, region, fit);
  const values = new Float32Array(resized.length);
  for (let i = 0; i < values.length; i++) {
    const channel = i % channels;
    values[i] = inside(i) ? toValue(resized[i - channel + colourOf(channel)], channel) : 0;
  }
  return new Tensor(values, [1, height, width, channels]);

  function insideTest(picture: Size, input: Size, { x, y, width: w, height: h }: Rectangle, how: string) {
    if (how !== "pad") return () => true;
    const [stepX, stepY] = [w / input.width, h / input.height];
    return (i: number): boolean => {
      const pixel = Math.floor(i / channels);
      const column = x + ((pixel % input.width) + 0.5) * stepX;
      const row = y + (Math.floor(pixel / input.width) + 0.5) * stepY;
      return column >= 0 && column < picture.width && row >= 0 && row < picture.height;
    };
  }
}

/** Weights of red, green and blue in luma, Rec. 601. */
const luma = [0.299, 0.587, 0.114] as const;

/** The picture's pixels as floats with the channels the network has. */
function toChannels(image: ImageLike, channels: number): Float32Array {
  if (channels !== 1 && channels !== 3) {
    throw new ShapeError(
      `The network takes ${channels} channels; only 1 or 3 can be made from an image. Pass a Tensor [1, H, W, ${channels}].`,
    );
  }
  const given = channelsOf(image);
  const pixels = image.width * image.height;
  const out = new Float32Array(pixels * channels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const at = pixel * given;
    const alpha = given === 4 ? image.data[at + 3] / 255 : 1;
    const colour = (c: number): number => image.data[at + (given === 1 ? 0 : c)] * alpha + 255 * (1 - alpha);
    if (channels === 3) for (let c = 0; c < 3; c++) out[pixel * 3 + c] = colour(c);
    else out[pixel] = given === 1 ? colour(0) : luma[0] * colour(0) + luma[1] * colour(1) + luma[2] * colour(2);
  }
  return out;
}
