import { checkOptions, checkParts, wholeNumber } from "../checks";
import { guarded } from "../guard";
import { Tensor } from "../tensor";
import { checkImage, type ImageLike } from "./image";
import { normalisation } from "./normalisation";
import { placement } from "./placement";
import type { Preprocess } from "./preprocess-options";
import type { Rectangle } from "./resize";
import { scaledColours } from "./scaled-colours";

interface Size {
  readonly width: number;
  readonly height: number;
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
  size: Size & { readonly channels: number },
  options: Preprocess = {},
): Tensor {
  return guarded("preprocess", () => {
    checkImage(image);
    checkParts(
      "preprocess",
      size,
      ["width", "height", "channels"],
      "the size of the input as { width, height, channels }",
    );
    const { width, height, channels } = size;
    wholeNumber("width", width, 1, 2 ** 16);
    wholeNumber("height", height, 1, 2 ** 16);
    wholeNumber("channels", channels, 1, 4);
    checkOptions("preprocess", options, ["range", "mean", "std", "channels", "fit"]);
    const { fit = "crop" } = options;
    const { colourOf, toValue } = normalisation(options, channels);
    const region = placement(image, { width, height }, fit);
    const resized = scaledColours(image, { width, height, channels }, region);
    const values = new Float32Array(resized.length);
    for (let channel = 0; channel < channels; channel++) {
      const shift = colourOf(channel) - channel;
      for (let i = channel; i < values.length; i += channels) values[i] = toValue(resized[i + shift], channel);
    }
    if (fit === "pad") blankBorder(values, image, { width, height }, region);
    return new Tensor(values, [1, height, width, channels]);
  });
}

/** Sets to zero what shows nothing of the picture. */
function blankBorder(values: Float32Array, picture: Size, input: Size, { x, y, width, height }: Rectangle): void {
  const shown = (start: number, length: number, count: number, extent: number): boolean[] =>
    Array.from({ length: count }, (_, i) => {
      const position = start + (i + 0.5) * (length / count);
      return position >= 0 && position < extent;
    });
  const columns = shown(x, width, input.width, picture.width);
  const rows = shown(y, height, input.height, picture.height);
  const channels = values.length / (input.width * input.height);
  for (let pixel = 0; pixel < input.width * input.height; pixel++) {
    if (rows[Math.floor(pixel / input.width)] && columns[pixel % input.width]) continue;
    values.fill(0, pixel * channels, (pixel + 1) * channels);
  }
}
