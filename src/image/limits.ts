import { InputError } from "../errors";

/** How large a picture may be, and how large it is wanted. */
export interface DecodeLimits {
  /** Default: what photographs have at most, and what decoding takes less than half a gigabyte for. */
  readonly maxPixels?: number;
  readonly maxSide?: number;
}

/** libwebp holds every pixel twice, and a few bytes of a WebP file can stand for all of them. */
const defaultMaxPixels = { PNG: 64e6, JPEG: 64e6, WebP: 32e6 } as const;

/** @throws {InputError} if a file of this size has no pixels or too many to decode */
export function checkPixelCount(
  format: keyof typeof defaultMaxPixels,
  width: number,
  height: number,
  { maxPixels = defaultMaxPixels[format] }: DecodeLimits,
): void {
  if (width < 1 || height < 1) throw new InputError(`The ${format} file is ${width}×${height}: it has no pixels.`);
  const pixels = width * height;
  if (pixels <= maxPixels) return;
  throw new InputError(
    `The ${format} file is ${width}×${height}, ${megapixels(pixels)} megapixels; at most ${megapixels(maxPixels)} are decoded. ` +
      "Make it smaller (networks look at a few hundred pixels per side), or allow more: " +
      `decodeImage(source, { maxPixels: ${pixels} }).`,
  );
}

const megapixels = (pixels: number): string =>
  pixels < 1e5 ? String(pixels / 1e6) : String(Math.round(pixels / 1e4) / 100);
