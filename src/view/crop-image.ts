import { OptionError } from "../errors";
import { channelsOf, checkImage, type ImageLike } from "../image/image";
import { type Rectangle, resizeBilinear } from "../image/resize";

/**
 * A part of a picture at another size: bilinear, antialiased when it shrinks. Where the rectangle leaves the picture, the edge
 * pixels repeat.
 *
 * @param size  of the result; default: that of the rectangle, rounded
 * @throws {InputError} if the picture is empty; {OptionError} if the rectangle or the size has no extent
 * @example
 * const [{ top }] = result.units;
 * const seen = cropImage(image, top[0].crop, { width: 128, height: 128 });
 */
export function cropImage(
  image: ImageLike,
  rectangle: Rectangle,
  size: { readonly width: number; readonly height: number } = {
    width: Math.max(1, Math.round(rectangle.width)),
    height: Math.max(1, Math.round(rectangle.height)),
  },
): ImageLike {
  checkImage(image);
  const { width, height } = size;
  if (!(rectangle.width > 0 && rectangle.height > 0 && Number.isFinite(rectangle.x) && Number.isFinite(rectangle.y))) {
    throw new OptionError(
      `The rectangle needs a finite x and y and a width and height above 0, got ${rectangle.width}×${rectangle.height} at ${rectangle.x}, ${rectangle.y}.`,
    );
  }
  if (![width, height].every((extent) => Number.isInteger(extent) && extent >= 1))
    throw new OptionError(`The size must be whole numbers of at least 1, got ${width}×${height}.`);
  const pixels = resizeBilinear({ ...image, channels: channelsOf(image) }, width, height, { source: rectangle });
  return { data: Uint8ClampedArray.from(pixels), width, height };
}
