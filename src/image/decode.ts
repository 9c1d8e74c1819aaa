import { checkOptions, wholeNumber } from "../checks";
import { InputError } from "../errors";
import { guardedAsync, unlessAborted } from "../guard";
import { hearing } from "../turns";
import type { PictureCodecs } from "./codecs";
import { decodeJpeg } from "./decode-jpeg";
import { decodePng } from "./decode-png";
import { decodeWebp } from "./decode-webp";
import type { ImageLike } from "./image";
import type { DecodeLimits } from "./limits";
import { Picture } from "./picture";
import { type PictureSource, readPicture } from "./picture-source";
import { resize } from "./resize-image";

export interface DecodeOptions {
  /**
   * Longest side of the result; larger pictures are made smaller, JPEG files while they are decoded, in a fraction of the
   * time. Default: as the file is.
   */
  readonly maxSide?: number;
  /** Files of more pixels are refused before they are decoded. Default: 64 million, of WebP 32 million. */
  readonly maxPixels?: number;
  /** Gives the picture up: its file is not read further, or what was decoded not handed out. */
  readonly signal?: AbortSignal;
}

/** `decodeImage` with decoders as a host gets them. */
export async function decodeImageWith(
  codecs: PictureCodecs,
  source: PictureSource,
  options: DecodeOptions = {},
): Promise<Picture> {
  return guardedAsync("decodeImage", () => decode(codecs, source, options));
}

async function decode(codecs: PictureCodecs, source: PictureSource, options: DecodeOptions): Promise<Picture> {
  checkOptions("decodeImage", options, ["maxSide", "maxPixels", "signal"]);
  const { maxSide, maxPixels, signal } = options;
  const hear = hearing(signal);
  if (maxSide !== undefined) wholeNumber("maxSide", maxSide, 1);
  if (maxPixels !== undefined) wholeNumber("maxPixels", maxPixels, 1);
  const reading = readPicture(source, signal);
  const bytes = await (signal ? unlessAborted(reading, signal) : reading);
  const image = await decoded(bytes, codecs, options, signal && hear);
  await hear();
  return maxSide === undefined ? new Picture(image) : resize(image, { maxSide });
}

async function decoded(
  bytes: Uint8Array,
  codecs: PictureCodecs,
  limits: DecodeLimits,
  hear: (() => Promise<void>) | undefined,
): Promise<ImageLike> {
  if (bytes.length === 0) throw new InputError("The image is empty: 0 bytes.");
  const format = formatOf(bytes);
  if (format === "PNG") return decodePng(bytes, limits, hear);
  if (format === "JPEG") return decodeJpeg(bytes, limits, codecs.jpeg);
  if (format === "WebP") return decodeWebp(bytes, limits, codecs.webp);
  if (format) {
    throw new InputError(
      `${format} images are not decoded here. Convert to PNG, JPEG or WebP, or decode with the browser (createImageBitmap, canvas) and pass the ImageData.`,
    );
  }
  throw new InputError(`The bytes are neither a PNG nor a JPEG nor a WebP file; they start with ${beginning(bytes)}`);
}
const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** Brands of the ISO base media container that hold HEVC-coded pictures (ISO/IEC 23008-12). */
const heicBrands = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

/** The format by its first bytes. */
function formatOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x89 && ascii(bytes, 1, 4) === "PNG") return "PNG";
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "JPEG";
  if (ascii(bytes, 0, 4) === "GIF8") return "GIF";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "WebP";
  if (ascii(bytes, 0, 2) === "BM") return "BMP";
  if (["II*\0", "MM\0*"].includes(ascii(bytes, 0, 4))) return "TIFF";
  if (ascii(bytes, 4, 8) !== "ftyp") return undefined;
  const brand = ascii(bytes, 8, 12);
  if (brand === "avif" || brand === "avis") return "AVIF";
  return heicBrands.includes(brand) ? "HEIC" : undefined;
}

/** The first eight bytes in hexadecimal, and as text where they are text: an error page is a frequent "image". */
function beginning(bytes: Uint8Array): string {
  const start = bytes.subarray(0, 8);
  const hex = Array.from(start, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const isText = start.every((byte) => byte >= 0x20 && byte < 0x7f);
  return isText ? `${hex}. As text that is "${ascii(start, 0, 8)}".` : `${hex}.`;
}
