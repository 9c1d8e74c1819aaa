import { isUint8Array } from "../bytes";
import { OptionError, ShapeError } from "../errors";
import { showShape } from "../tensor";
import type { Box } from "../view/bounding-box";

/**
 * Where the object is, in pixels of the network's input: a rectangle, or a mask (row-major, one byte per pixel, 0 is outside).
 * `placement` says which part of a picture the input shows.
 */
export type ObjectRegion =
  | Box
  | Uint8Array
  | { readonly data: Uint8Array; readonly width: number; readonly height: number };

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * 1 for each pixel of the region. A pixel belongs to a rectangle that contains its centre.
 *
 * @throws {ShapeError} if a mask has another size; {OptionError} if the region is none, or has no pixel
 */
export function regionPixels(region: ObjectRegion, { width, height }: Size): Uint8Array {
  const pixels = given(region, { width, height });
  if (pixels.some((inside) => inside !== 0)) return pixels.map((inside) => Number(inside !== 0));
  throw new OptionError(`The region has no pixel inside the map, which is ${width} wide and ${height} high.`);
}

function given(region: ObjectRegion, { width, height }: Size): Uint8Array {
  const mask = isUint8Array(region)
    ? region
    : region !== null && typeof region === "object" && "data" in region
      ? region.data
      : undefined;
  if (mask) {
    const size = "height" in region ? [region.height, region.width] : [];
    if (mask.length === width * height && (size.length === 0 || size[1] === width)) return mask;
    const got = size.length > 0 ? showShape(size) : `${mask.length} bytes`;
    throw new ShapeError(
      `The mask is ${got}, the map ${height}×${width}: a mask takes one byte per pixel of the network's input.`,
    );
  }
  const box = region as Box;
  if (![box?.x, box?.y, box?.width, box?.height].every(Number.isFinite)) {
    throw new OptionError(`A region is a box { x, y, width, height } or a mask, got ${JSON.stringify(region)}.`);
  }
  const within = (pixel: number, from: number, extent: number): boolean =>
    pixel + 0.5 >= from && pixel + 0.5 < from + extent;
  return Uint8Array.from({ length: width * height }, (_, i) =>
    Number(within(i % width, box.x, box.width) && within(Math.floor(i / width), box.y, box.height)),
  );
}

/** The pixels within a distance of the region. */
export function dilated(region: Uint8Array, { width, height }: Size, radius: number): Uint8Array {
  const out = region.slice();
  const reach = Math.floor(radius);
  for (let pixel = 0; pixel < region.length; pixel++) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const inner = (dx: number, dy: number): boolean =>
      x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height && region[pixel + dy * width + dx] !== 0;
    // What lies near an inner pixel lies near one of the rim too.
    if (!region[pixel] || (inner(-1, 0) && inner(1, 0) && inner(0, -1) && inner(0, 1))) continue;
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      const half = Math.floor(Math.sqrt(radius * radius - (row - y) ** 2));
      out.fill(1, row * width + Math.max(0, x - half), row * width + Math.min(width - 1, x + half) + 1);
    }
  }
  return out;
}
