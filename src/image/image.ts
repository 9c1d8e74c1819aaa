import { isByteArray } from "../bytes";
import { kindOf, show } from "../checks";
import { InputError } from "../errors";

/** An 8-bit picture: RGBA, RGB or grey, rows from the top, channels interleaved. An `ImageData` is one. */
export interface ImageLike {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A picture that this library made. Where its data are RGBA, `new ImageData(data, width, height)` takes them. */
export interface PictureData extends ImageLike {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** Channels per pixel: 1 (grey), 3 (RGB) or 4 (RGBA). */
export const channelsOf = ({ data, width, height }: ImageLike): number => data.length / (width * height);

/** @param rgba  pixels of four channels */
export function isOpaque(rgba: Uint8Array | Uint8ClampedArray): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 255) return false;
  return true;
}

/** @throws {InputError} if the picture is empty or its data do not fill its size */
export function checkImage(image: ImageLike): void {
  if (typeof image !== "object" || image === null || !("data" in image)) {
    throw new InputError(
      `Expected an image { data, width, height } or a Tensor, got ${kindOf(image)}.${encodedHint(image)}${orderHint(image)}`,
    );
  }
  const { data, width, height } = image;
  if (!isByteArray(data)) {
    throw new InputError(
      `Expected an image, got ${kindOf(image)}. The image's data must be a Uint8Array or Uint8ClampedArray of pixels. For float ` +
        "values pass a Tensor.",
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new InputError(
      `The image is ${show(width)}×${show(height)}; width and height must be whole numbers of at least 1.${encodedHint(data)}`,
    );
  }
  const pixels = width * height;
  const channels = data.length / pixels;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new InputError(
      `An image of ${width}×${height} takes ${pixels * 3} bytes (RGB), ${pixels * 4} (RGBA) or ${pixels} (grey), ` +
        `got ${data.length}.${encodedHint(data) || sizeHint(data.length, width, height)}`,
    );
  }
}

/** People swap the first two arguments. */
const orderHint = (image: unknown): string =>
  kindOf(image) === "a model" ? " The model comes first, the input after it." : "";

/** People hand over the file instead of its pixels. */
function encodedHint(data: unknown): string {
  if (!isByteArray(data)) return "";
  const png = data[0] === 0x89 && data[1] === 0x50;
  const jpeg = data[0] === 0xff && data[1] === 0xd8;
  return png || jpeg ? ` These bytes are a ${png ? "PNG" : "JPEG"} file: decodeImage(bytes) gives its pixels.` : "";
}

/** Two common slips; width and height swapped give the same number of bytes and cannot be seen here. */
function sizeHint(length: number, width: number, height: number): string {
  if (length === width * height * 2) return " Two channels (grey with alpha) are not taken: make them RGBA.";
  const square = [4, 3, 1].find(
    (channels) => length === width * width * channels || length === height * height * channels,
  );
  if (!square) return "";
  const side = Math.sqrt(length / square);
  return ` The data would fill ${side}×${side} with ${square} channels: is one side wrong?`;
}
