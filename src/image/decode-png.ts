import type { DecodedPng } from "fast-png";
import { messageOf } from "../checks";
import { InputError } from "../errors";
import { joinBytes } from "../join-bytes";
import { checkPixelCount, type ImageLike } from "./image";

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Colour types of the PNG specification, section 11.2.1, that need to be told apart here. */
const greyscale = 0;
const truecolour = 2;
const indexed = 3;

/**
 * Decodes a PNG file of any colour type and bit depth.
 *
 * @returns RGB, or RGBA where the file has an alpha channel or transparent colours
 * @throws {InputError} if the file is damaged, cut off, too large, or interlaced with less than 8 bits per sample
 */
export async function decodePng(bytes: Uint8Array): Promise<ImageLike> {
  const { header, file } = essentials(bytes);
  checkPixelCount("PNG", header.width, header.height);
  // fast-png takes every sample of an interlaced picture for at least one byte.
  if (header.interlaced && header.depth < 8) {
    throw new InputError(
      `The PNG file is interlaced with ${header.depth} bits per sample, which is not decoded here. Save it without interlacing.`,
    );
  }
  const { decode } = await import("fast-png");
  let png: DecodedPng;
  try {
    png = decode(file, { checkCrc: true });
  } catch (error) {
    throw new InputError(`The PNG file is damaged: ${messageOf(error)}.`);
  }
  const { width, height, channels, depth, palette, transparency } = png;
  const samples = unpack(png.data, width * channels, height, depth);
  const data = palette
    ? fromPalette(samples, palette)
    : toColour(samples, channels, depth, transparency?.length ? transparency : undefined);
  return { data, width, height };
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced: boolean;
}

/**
 * The file with nothing but the chunks that make up its pixels: a malformed text or colour profile must not cost the
 * picture, and the palette of a truecolour file is only a suggestion for displays of 256 colours.
 */
function essentials(bytes: Uint8Array): { header: Header; file: Uint8Array } {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw new InputError("The PNG file is damaged: its signature is not intact, as after a transfer in text mode.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, signature.length)];
  let header: Header | undefined;
  for (let at = signature.length; ; ) {
    if (at + 12 > bytes.length) throw cutOff(bytes);
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length) throw cutOff(bytes);
    if (!header) {
      if (type !== "IHDR" || length !== 13) throw new InputError("The PNG file is damaged: it has no header.");
      header = {
        width: view.getUint32(at + 8),
        height: view.getUint32(at + 12),
        depth: bytes[at + 16],
        colourType: bytes[at + 17],
        interlaced: bytes[at + 20] === 1,
      };
    }
    if (isEssential(type, header.colourType)) kept.push(bytes.subarray(at, end));
    if (type === "IEND") break;
    at = end;
  }
  return { header, file: joinBytes(kept) };
}

const isEssential = (type: string, colourType: number): boolean =>
  ["IHDR", "IDAT", "IEND"].includes(type) ||
  (type === "PLTE" && colourType === indexed) ||
  (type === "tRNS" && [greyscale, truecolour, indexed].includes(colourType));

const cutOff = (bytes: Uint8Array): InputError =>
  new InputError(`The PNG file stops half way, after ${bytes.length} bytes: its end marker is missing.`);

/** One array element per sample, unscaled; rows of less than 8 bits per sample start at a byte. */
function unpack(data: DecodedPng["data"], samplesPerRow: number, height: number, depth: number): ArrayLike<number> {
  if (depth >= 8) return data;
  const rowBytes = Math.ceil((samplesPerRow * depth) / 8);
  const mask = 2 ** depth - 1;
  const out = new Uint8Array(samplesPerRow * height);
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < samplesPerRow; i++) {
      const bit = i * depth;
      out[row * samplesPerRow + i] = (data[row * rowBytes + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

function fromPalette(indices: ArrayLike<number>, palette: readonly (readonly number[])[]): Uint8Array {
  const channels = palette[0]?.length ?? 3;
  const out = new Uint8Array(indices.length * channels);
  for (let pixel = 0; pixel < indices.length; pixel++) {
    const colour = palette[indices[pixel]];
    if (!colour) {
      throw new InputError(
        `The PNG file is damaged: a pixel has colour ${indices[pixel]} of a palette of ${palette.length}.`,
      );
    }
    out.set(colour, pixel * channels);
  }
  return out;
}

/**
 * Grey becomes RGB, any depth 8 bits by round(x·255 / (2^depth − 1)) (PNG specification, section 13.12).
 *
 * @param transparent  the one colour without opacity (tRNS), in samples of the file's depth
 */
function toColour(
  samples: ArrayLike<number>,
  channels: number,
  depth: number,
  transparent: ArrayLike<number> | undefined,
): Uint8Array {
  const scale = 255 / (2 ** depth - 1);
  const colours = channels >= 3 ? 3 : 1;
  const hasAlpha = channels > colours;
  const to = hasAlpha || transparent ? 4 : 3;
  const pixels = samples.length / channels;
  const out = new Uint8Array(pixels * to);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const from = pixel * channels;
    for (let c = 0; c < 3; c++) out[pixel * to + c] = Math.round(samples[from + (colours === 3 ? c : 0)] * scale);
    if (hasAlpha) out[pixel * to + 3] = Math.round(samples[from + colours] * scale);
    else if (transparent) {
      let same = true;
      for (let c = 0; c < colours; c++) same &&= samples[from + c] === transparent[c];
      out[pixel * to + 3] = same ? 0 : 255;
    }
  }
  return out;
}
