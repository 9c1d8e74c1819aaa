/** Values of volumes as pictures: their slices, one below the other. */
import { OptionError } from "../errors";
import { gaussianBlur } from "../image/blur";
import { resizeBilinear } from "../image/resize";

/** The places of a volume; of the picture of all slices the height is depth·height. */
export interface SlicePlaces {
  readonly depth: number;
  readonly height: number;
  readonly width: number;
}

/** Values at other places: bilinear inside the slices, then linear between them. */
export function resizeSlices(data: Float32Array, from: SlicePlaces, to: SlicePlaces): Float32Array {
  const options = { antialias: false };
  const size = to.height * to.width;
  const inside = new Float32Array(from.depth * size);
  for (let i = 0; i < from.depth; i++) {
    const slice = data.subarray(i * from.height * from.width, (i + 1) * from.height * from.width);
    const pixels = { data: slice, width: from.width, height: from.height, channels: 1 };
    inside.set(resizeBilinear(pixels, to.width, to.height, options), i * size);
  }
  return resizeBilinear({ data: inside, width: size, height: from.depth, channels: 1 }, size, to.depth, options);
}

/** Values of a picture or a volume at other places. */
export function resizePlaces(data: ArrayLike<number>, from: SlicePlaces, to: SlicePlaces): Float32Array {
  if (from.depth > 1 || to.depth > 1) return resizeSlices(Float32Array.from(data), from, to);
  const pixels = { data, width: from.width, height: from.height, channels: 1 };
  return resizeBilinear(pixels, to.width, to.height, { antialias: false });
}

/** Blurs each slice by itself. */
export function blurSlices(data: Float32Array, { depth, height, width }: SlicePlaces, smooth: number): Float32Array {
  const size = height * width;
  const out = new Float32Array(data.length);
  for (let i = 0; i < depth; i++) {
    out.set(gaussianBlur(data.slice(i * size, (i + 1) * size), height, width, 1, smooth), i * size);
  }
  return out;
}

/** @throws {OptionError} if the volume has no such slice */
export function checkSlice(slice: number, depth: number | undefined): void {
  if (depth === undefined)
    throw new OptionError("slice is for the values of a volume; these are those of a picture or a signal.");
  if (!(Number.isInteger(slice) && slice >= 0 && slice < depth)) {
    throw new OptionError(`slice must be a whole number from 0 to ${depth - 1}, got ${slice}.`);
  }
}
