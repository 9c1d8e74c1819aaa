import { isUint8Array } from "../bytes";
import { show } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { checkPlacement, type PlacedMap, type Placement } from "../image/placement";
import { type Rectangle, resizeBilinear } from "../image/resize";
import { showShape } from "../tensor";
import type { Box } from "../view/bounding-box";

/**
 * Where the object is: a rectangle, or a mask (row-major, one byte per pixel, 0 is outside). Of a map that was made from a picture a
 * rectangle is in pixels of that picture, as `boundingBox` gives it, and a mask has the picture's size or that of the network's
 * input; of a map that was made from a Tensor both are in pixels of the network's input.
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
 * 1 for each pixel of the map that belongs to the region. A pixel belongs to a rectangle that contains its centre, and to a mask of
 * the picture that covers at least half of it; of a region too small for that the pixels that it covers most.
 *
 * @throws {ShapeError} if a mask has another size; {OptionError} if the region is none, or has no pixel
 */
export function regionPixels(region: ObjectRegion, map: PlacedMap): Uint8Array {
  const { width, height, placement } = map;
  if (placement !== undefined) checkPlacement(placement);
  const pixels = placement ? seenPixels(region, placement) : given(region, { width, height });
  if (pixels.some((inside) => inside !== 0)) return pixels.map((inside) => Number(inside !== 0));
  const of = placement
    ? `of the picture's ${placement.picture.width}×${placement.picture.height} pixels the network saw ${showRegion(placement.region)}`
    : `which is ${width} wide and ${height} high`;
  throw new OptionError(`The region has no pixel inside the map, ${of}.`);
}

const showRegion = ({ x, y, width, height }: Rectangle): string =>
  `x ${Math.round(x)} to ${Math.round(x + width)}, y ${Math.round(y)} to ${Math.round(y + height)}`;

/** A region of the picture as pixels of the network's input. */
function seenPixels(region: ObjectRegion, { picture, input, region: seen }: Placement): Uint8Array {
  const [scaleX, scaleY] = [input.width / seen.width, input.height / seen.height];
  const mask = maskOf(region, [picture, input]);
  if (mask) {
    const { width, height, data } = mask;
    if (width === input.width && height === input.height && !sameSize(picture, input)) return data;
    const shares = resizeBilinear(
      { data: data.map((inside) => Number(inside !== 0)), width, height, channels: 1 },
      input.width,
      input.height,
      { source: seen },
    ).map((share, i) => {
      // The border that 'pad' adds shows nothing of the picture.
      const [x, y] = [
        seen.x + ((i % input.width) + 0.5) / scaleX,
        seen.y + (Math.floor(i / input.width) + 0.5) / scaleY,
      ];
      return x >= 0 && x < width && y >= 0 && y < height ? share : 0;
    });
    const most = shares.reduce((a, b) => Math.max(a, b), 0);
    const enough = Math.min(0.5, most);
    return Uint8Array.from(shares, (share) => Number(share > 0 && share >= enough));
  }
  const box = checkedBox(region);
  const inInput = {
    x: (box.x - seen.x) * scaleX,
    y: (box.y - seen.y) * scaleY,
    width: box.width * scaleX,
    height: box.height * scaleY,
  };
  const pixels = boxPixels(inInput, input);
  if (pixels.includes(1)) return pixels;
  const [x, y] = [Math.floor(inInput.x + inInput.width / 2), Math.floor(inInput.y + inInput.height / 2)];
  if (x >= 0 && x < input.width && y >= 0 && y < input.height) pixels[y * input.width + x] = 1;
  return pixels;
}

const sameSize = (a: Size, b: Size): boolean => a.width === b.width && a.height === b.height;

interface SizedMask extends Size {
  readonly data: Uint8Array;
}

/** The region if it is a mask, with its size: the first of those it may have that fits. @throws {ShapeError} if none does */
function maskOf(region: ObjectRegion, sizes: readonly Size[]): SizedMask | undefined {
  const isBare = isUint8Array(region);
  if (!isBare && !(typeof region === "object" && region !== null && "data" in region)) return undefined;
  const data = isBare ? region : region.data;
  const fits = ({ width, height }: Size): boolean =>
    data.length === width * height && (isBare || (region.width === width && region.height === height));
  const size = sizes.find(fits);
  if (size) return { data, width: size.width, height: size.height };
  const got = isBare ? `${data.length} bytes` : showShape([region.height, region.width]);
  const [first, second] = sizes.map(({ width, height }) => `${height}×${width}`);
  throw new ShapeError(
    second === undefined
      ? `The mask is ${got}, the map ${first}: a mask takes one byte per pixel of the network's input.`
      : `The mask is ${got}: it takes one byte per pixel of the picture, ${first}, or of the network's input, ${second}.`,
  );
}

function given(region: ObjectRegion, size: Size): Uint8Array {
  return maskOf(region, [size])?.data ?? boxPixels(checkedBox(region), size);
}

function checkedBox(region: ObjectRegion): Box {
  const box = region as Box;
  if ([box?.x, box?.y, box?.width, box?.height].every(Number.isFinite)) return box;
  throw new OptionError(`A region is a box { x, y, width, height } or a mask, got ${show(region)}.`);
}

function boxPixels(box: Box, { width, height }: Size): Uint8Array {
  const within = (pixel: number, from: number, extent: number): boolean =>
    pixel + 0.5 >= from && pixel + 0.5 < from + extent;
  return Uint8Array.from({ length: width * height }, (_, i) =>
    Number(within(i % width, box.x, box.width) && within(Math.floor(i / width), box.y, box.height)),
  );
}

/** The pixels within a distance of the region. */
export function dilatedRegion(region: Uint8Array, { width, height }: Size, radius: number): Uint8Array {
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
