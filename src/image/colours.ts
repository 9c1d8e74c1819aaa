import { ShapeError } from "../errors";
import { channelsOf, type ImageLike } from "./image";
import type { PixelRows } from "./resize";

/** Weights of red, green and blue in luma, Rec. 601. */
const luma = [0.299, 0.587, 0.114] as const;

/** The picture's pixels as floats, grey or red, green and blue, over white where they are not opaque. */
export function toColours(image: ImageLike, channels: number): Float32Array {
  checkChannels(channels);
  const out = new Float32Array(image.width * image.height * channels);
  fillColours(image, channels, 0, image.width * image.height, out);
  return out;
}

/** The same row by row, for what looks at rows one after the other: the floats of a large photograph are never there at once. */
export function colourRows(image: ImageLike, channels: number): PixelRows {
  checkChannels(channels);
  const { width, height } = image;
  const row = new Float32Array(width * channels);
  const rowOf = (y: number): [Float32Array, number] => {
    fillColours(image, channels, y * width, width, row);
    return [row, 0];
  };
  return { width, height, channels, rowOf };
}

function checkChannels(channels: number): void {
  if (channels === 1 || channels === 3) return;
  throw new ShapeError(
    `The network takes ${channels} channels; only 1 or 3 can be made from an image. Pass a Tensor [1, H, W, ${channels}].`,
  );
}

/** Writes the colours of `count` pixels, the first of them at `start`. */
function fillColours(image: ImageLike, channels: number, start: number, count: number, out: Float32Array): void {
  const given = channelsOf(image);
  const { data } = image;
  if (given === 3 && channels === 3) {
    out.set(data.subarray(start * 3, (start + count) * 3));
    return;
  }
  for (let pixel = 0; pixel < count; pixel++) {
    const at = (start + pixel) * given;
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
}
