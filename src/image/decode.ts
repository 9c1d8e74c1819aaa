import { kindOf } from "../checks";
import { InputError } from "../errors";
import { decodeJpeg } from "./decode-jpeg";
import { decodePng } from "./decode-png";
import type { ImageLike } from "./image";

/**
 * Decodes a PNG or JPEG file. The decoders are loaded at the first call.
 *
 * @param source  the file's bytes
 * @returns 8-bit RGB pixels, RGBA where the file has transparency; upright (a JPEG's Exif orientation is applied);
 *   16-bit PNGs are reduced to 8
 * @throws {InputError} if the bytes are empty, damaged, cut off, of another format or of more than 100 megapixels
 */
export async function decodeImage(source: Uint8Array | ArrayBuffer | Blob | Response): Promise<ImageLike> {
  const bytes = await bytesOf(source);
  if (bytes.length === 0) throw new InputError("The image is empty: 0 bytes.");
  const format = formatOf(bytes);
  if (format === "PNG") return decodePng(bytes);
  if (format === "JPEG") return decodeJpeg(bytes);
  if (format) {
    throw new InputError(
      `${format} images are not decoded here. Convert to PNG or JPEG, or decode with the browser (createImageBitmap, canvas) and pass the ImageData.`,
    );
  }
  throw new InputError(`The bytes are neither a PNG nor a JPEG file; they start with ${beginning(bytes)}`);
}

async function bytesOf(source: Uint8Array | ArrayBuffer | Blob | Response): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source === "object" && source !== null && "arrayBuffer" in source) {
    if ("ok" in source && !source.ok) {
      throw new InputError(`The image could not be fetched: HTTP ${source.status} for ${source.url}.`);
    }
    return new Uint8Array(await source.arrayBuffer());
  }
  throw new InputError(`decodeImage takes the bytes of a PNG or JPEG file, got ${kindOf(source)}.`);
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
