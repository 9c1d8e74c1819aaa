import { ShapeError } from "../errors";
import { channelsOf, type ImageLike } from "./image";

/** Weights of red, green and blue in luma, Rec. 601. */
const luma = [0.299, 0.587, 0.114] as const;

/** The picture's pixels as floats, grey or red, green and blue, over white where they are not opaque. */
export function toColours(image: ImageLike, channels: number): Float32Array {
  if (channels !== 1 && channels !== 3) {
    throw new ShapeError(
      `The network takes ${channels} channels; only 1 or 3 can be made from an image. Pass a Tensor [1, H, W, ${channels}].`,
    );
  }
  const given = channelsOf(image);
  const pixels = image.width * image.height;
  const out = new Float32Array(pixels * channels);
  const { data } = image;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const at = pixel * given;
    const alpha = given === 4 ? data[at + 3] / 255 : 1;
    const white = 255 * (1 - alpha);
    const red = data[at] * alpha + white;
    const green = given === 1 ? red : data[at + 1] * alpha + white;
    const blue = given === 1 ? red : data[at + 2] * alpha + white;
    if (channels === 3) {
      out[pixel * 3] = red;
      out[pixel * 3 + 1] = green;
      out[pixel * 3 + 2] = blue;
    } else out[pixel] = given === 1 ? red : luma[0] * red + luma[1] * green + luma[2] * blue;
  }
  return out;
}
