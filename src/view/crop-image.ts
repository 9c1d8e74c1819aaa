import { checkParts, wholeNumber } from "../checks";
import { guarded } from "../guard";
import { channelsOf, checkImage, type ImageLike, type PictureData } from "../image/image";
import { checkRectangle, type Rectangle, resizeBilinear } from "../image/resize";

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
  size?: { readonly width: number; readonly height: number },
): PictureData {
  return guarded("cropImage", () => {
    checkImage(image);
    checkRectangle("rectangle", rectangle);
    const rounded = (extent: number): number => Math.max(1, Math.round(extent));
    const wanted = size ?? { width: rounded(rectangle.width), height: rounded(rectangle.height) };
    checkParts("cropImage", wanted, ["width", "height"], "the size of the result as { width, height }");
    const { width, height } = wanted;
    wholeNumber("size.width", width, 1, 2 ** 14);
    wholeNumber("size.height", height, 1, 2 ** 14);
    const pixels = resizeBilinear({ ...image, channels: channelsOf(image) }, width, height, { source: rectangle });
    return { data: Uint8ClampedArray.from(pixels), width, height };
  });
}
