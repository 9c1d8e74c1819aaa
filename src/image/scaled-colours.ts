import { colourRows, toColours } from "./colours";
import type { ImageLike } from "./image";
import { type Rectangle, resampleRows } from "./resize";

/** Smaller pictures are scaled in less time than it takes to see whether they have changed. */
const largePixels = 5e5;
/** Results kept per picture: a few networks look at one photograph, or one network at several crops. */
const keptResults = 4;

interface Kept {
  readonly key: string;
  readonly stamp: string;
  readonly colours: Float32Array;
}

const results = /* @__PURE__ */ new WeakMap<ImageLike["data"], Kept[]>();

/**
 * Part of a picture scaled to a network's size, as floats. A large picture is scaled once: the result is kept as long as its
 * pixels are, and used again while every byte of them is what it was.
 *
 * @returns f32[height][width][channels], 0 to 255; shared with later calls, so not to be written to
 */
export function scaledColours(
  image: ImageLike,
  { width, height, channels }: { readonly width: number; readonly height: number; readonly channels: number },
  source: Rectangle,
): Float32Array {
  if (image.width === width && image.height === height) return toColours(image, channels);
  const scale = (): Float32Array => resampleRows(colourRows(image, channels), width, height, { source });
  if (image.width * image.height < largePixels) return scale();
  const { x, y, width: across, height: down } = source;
  const key = [image.width, image.height, width, height, channels, x, y, across, down].join();
  const stamp = stampOf(image.data);
  const kept = (results.get(image.data) ?? []).filter((each) => each.stamp === stamp);
  const found = kept.find((each) => each.key === key);
  if (found) return found.colours;
  const colours = scale();
  results.set(image.data, [{ key, stamp, colours }, ...kept].slice(0, keptResults));
  return colours;
}

/** 64 bits over every byte (two multiplicative hashes of words): a picture painted into is another picture. */
function stampOf(data: ImageLike["data"]): string {
  let [first, second] = [data.length, ~data.length];
  const misaligned = data.byteOffset % 4 !== 0;
  // A copy by its making: a Node Buffer's slice is none.
  const { buffer, byteOffset, length } = misaligned ? new Uint8Array(data) : data;
  const words = new Int32Array(buffer, byteOffset, Math.floor(length / 4));
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    first = Math.imul(first ^ word, 0x01000193);
    second = Math.imul(second + word, 0x5bd1e995) ^ (second >>> 15);
  }
  for (let i = length - (length % 4); i < length; i++) first = Math.imul(first ^ data[i], 0x01000193);
  return `${first},${second}`;
}
