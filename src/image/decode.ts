import { InputError } from "../errors";
import type { ImageLike } from "./image";
import { readOrientation, upright } from "./orientation";

/** Pictures larger than this are refused: decoding would take gigabytes. */
const maxMegapixels = 200;

/**
 * Decodes a PNG or JPEG file. The decoders are loaded at the first call.
 *
 * @param source  the file's bytes
 * @returns 8-bit RGB or RGBA pixels, upright (a JPEG's Exif orientation is applied); 16-bit PNGs are reduced to 8
 * @throws {InputError} if the bytes are empty, damaged, cut off, or of another format
 */
export async function decodeImage(source: Uint8Array | ArrayBuffer | Blob | Response): Promise<ImageLike> {
  const bytes = await bytesOf(source);
  const format = formatOf(bytes);
  if (format === "PNG") return decodePng(bytes);
  if (format === "JPEG") return decodeJpeg(bytes);
  if (bytes.length === 0) throw new InputError("The image is empty: 0 bytes.");
  if (format) {
    throw new InputError(
      `${format} images are not decoded here. Convert to PNG or JPEG, or decode with the browser (createImageBitmap, canvas) and pass the ImageData.`,
    );
  }
  const start = Array.from(bytes.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new InputError(`The bytes are neither a PNG nor a JPEG file; they start with ${start}.`);
}

async function bytesOf(source: Uint8Array | ArrayBuffer | Blob | Response): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source === "object" && source !== null && "arrayBuffer" in source) {
    if ("ok" in source && !source.ok)
      throw new InputError(`The image could not be fetched: HTTP ${source.status} for ${source.url}.`);
    return new Uint8Array(await source.arrayBuffer());
  }
  throw new InputError(
    `decodeImage takes the bytes of a PNG or JPEG file, got ${source === null ? "null" : typeof source}.`,
  );
}

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** The format by its first bytes. */
function formatOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x89 && ascii(bytes, 1, 4) === "PNG") return "PNG";
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "JPEG";
  if (ascii(bytes, 0, 4) === "GIF8") return "GIF";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "WebP";
  if (ascii(bytes, 0, 2) === "BM") return "BMP";
  if (["II*\0", "MM\0*"].includes(ascii(bytes, 0, 4))) return "TIFF";
  if (ascii(bytes, 4, 8) === "ftyp") return ascii(bytes, 8, 12).startsWith("avif") ? "AVIF" : "HEIC";
  return undefined;
}

async function decodePng(bytes: Uint8Array): Promise<ImageLike> {
  const { decode, convertIndexedToRgb } = await import("fast-png");
  if (!endsWithIend(bytes)) throw new InputError("The PNG file stops half way: its end marker is missing.");
  let png: ReturnType<typeof decode>;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (error) {
    throw new InputError(`The PNG file is damaged: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const { width, height, depth, palette } = png;
  const data = palette ? convertIndexedToRgb(png) : unpack(png.data, width, height, png.channels, depth);
  const channels = data.length / (width * height);
  return {
    data: withColour(data, channels, palette ? undefined : transparentColour(png.transparency, depth)),
    width,
    height,
  };
}

/** A colour that counts as transparent (the tRNS chunk of images without alpha), in 8 bits. */
const transparentColour = (colour: Uint16Array | undefined, depth: number): number[] | undefined =>
  colour && colour.length > 0 ? Array.from(colour, (value) => toByte(value, depth)) : undefined;

const toByte = (value: number, depth: number): number =>
  depth === 16 ? value >> 8 : Math.round((value * 255) / (2 ** depth - 1));

/** One byte per sample from any bit depth; rows of less than 8 bits start at a byte. */
function unpack(data: ArrayLike<number>, width: number, height: number, channels: number, depth: number): Uint8Array {
  if (depth >= 8) return Uint8Array.from(data, (value) => toByte(value, depth));
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < out.length; i++) {
    const [row, column] = [Math.floor(i / (width * channels)), i % (width * channels)];
    const bit = column * depth;
    const byte = data[row * rowBytes + (bit >> 3)];
    out[i] = toByte((byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1), depth);
  }
  return out;
}

/** Grey to RGB, grey with alpha to RGBA; a transparent colour becomes alpha. */
function withColour(data: Uint8Array, channels: number, transparent: readonly number[] | undefined): Uint8Array {
  if (channels >= 3 && !transparent) return data;
  const colours = channels >= 3 ? 3 : 1;
  const alpha = channels === 2 || channels === 4 || transparent !== undefined;
  const pixels = data.length / channels;
  const to = alpha ? 4 : 3;
  const out = new Uint8Array(pixels * to);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < 3; c++) out[pixel * to + c] = data[pixel * channels + (colours === 3 ? c : 0)];
    if (!alpha) continue;
    const hidden = transparent?.every((value, c) => data[pixel * channels + c] === value);
    out[pixel * to + 3] = transparent ? (hidden ? 0 : 255) : data[pixel * channels + channels - 1];
  }
  return out;
}

const endsWithIend = (bytes: Uint8Array): boolean => {
  for (let i = bytes.length - 8; i >= 8; i--) if (ascii(bytes, i, i + 4) === "IEND") return true;
  return false;
};

async function decodeJpeg(bytes: Uint8Array): Promise<ImageLike> {
  const { decode } = (await import("jpeg-js")).default;
  if (!hasEndOfImage(bytes)) throw new InputError("The JPEG file stops half way: its end marker is missing.");
  let image: { data: Uint8Array; width: number; height: number; exifBuffer?: Uint8Array };
  try {
    image = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: maxMegapixels,
      maxMemoryUsageInMB: maxMegapixels * 16,
    });
  } catch (error) {
    throw new InputError(
      `The JPEG file is damaged or stops half way: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  const { data, width, height, exifBuffer } = image;
  return upright(
    { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height },
    readOrientation(exifBuffer),
  );
}

/** Cameras append data after the end marker, so it is looked for, not expected last; entropy-coded data cannot contain it. */
const hasEndOfImage = (bytes: Uint8Array): boolean => {
  for (let i = bytes.length - 2; i >= 2; i--) if (bytes[i] === 0xff && bytes[i + 1] === 0xd9) return true;
  return false;
};
