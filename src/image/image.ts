import { InputError } from "../errors";

/** An 8-bit picture: RGBA, RGB or grey, rows from the top, channels interleaved. An `ImageData` is one. */
export interface ImageLike {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** Channels per pixel: 1 (grey), 3 (RGB) or 4 (RGBA). */
export const channelsOf = ({ data, width, height }: ImageLike): number => data.length / (width * height);

/** @throws {InputError} if the picture is empty or its data do not fill its size */
export function checkImage(image: ImageLike): void {
  if (typeof image !== "object" || image === null || !("data" in image)) {
    throw new InputError(
      `Expected an image { data, width, height } or a Tensor, got ${image === null ? "null" : typeof image}.`,
    );
  }
  const { data, width, height } = image;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new InputError(
      "The image's data must be a Uint8Array or Uint8ClampedArray of pixels. For float values pass a Tensor.",
    );
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new InputError(`The image is ${width}×${height}; it must be at least 1×1.${encodedHint(data)}`);
  }
  const channels = data.length / (width * height);
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new InputError(
      `An image of ${width}×${height} takes ${width * height * 3} bytes (RGB), ${width * height * 4} (RGBA) or ` +
        `${width * height} (grey), got ${data.length}.${encodedHint(data)}`,
    );
  }
}

/** People hand over the file instead of its pixels. */
function encodedHint(data: Uint8Array | Uint8ClampedArray): string {
  const png = data[0] === 0x89 && data[1] === 0x50;
  const jpeg = data[0] === 0xff && data[1] === 0xd8;
  return png || jpeg ? ` These bytes are a ${png ? "PNG" : "JPEG"} file: decodeImage(bytes) gives its pixels.` : "";
}
