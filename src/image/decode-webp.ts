import { messageOf } from "../checks";
import { InputError } from "../errors";
import { joinBytes } from "../join-bytes";
import { instantiateCodec } from "./codecs";
import type { ImageLike } from "./image";
import { checkPixelCount, type DecodeLimits } from "./limits";
import { readOrientation, upright, withoutExifHeader } from "./orientation";

/** libwebp's simple interface (webp/decode.h), as `@cwasm/webp` exports it. */
interface LibWebp {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  WebPDecodeRGBA(file: number, fileBytes: number, width: number, height: number): number;
}

/**
 * Decodes a WebP file, lossy or lossless; of an animation the first frame.
 *
 * @param codec  libwebp as WebAssembly
 * @returns RGB, or RGBA where the file has an alpha channel; upright
 * @throws {InputError} if the file is damaged, cut off or too large
 */
export async function decodeWebp(
  bytes: Uint8Array,
  limits: DecodeLimits,
  codec: () => Promise<WebAssembly.Module>,
): Promise<ImageLike> {
  const { still, canvas, exif } = readContainer(bytes);
  checkPixelCount("WebP", canvas.width, canvas.height, limits);
  checkPixelCount("WebP", still.width, still.height, limits);
  const { x, y, width, height, hasAlpha } = still;
  if (x + width > canvas.width || y + height > canvas.height) throw damaged("its picture is larger than its canvas");
  const rgba = await decodeByLibWebp(await codec(), still);
  const fills = width === canvas.width && height === canvas.height;
  const image = fills
    ? { data: hasAlpha ? rgba : withoutAlpha(rgba), width, height }
    : { data: onCanvas(rgba, still, canvas), ...canvas };
  return upright(image, readOrientation(withoutExifHeader(exif)));
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One picture as it is stored, and where it lies on the canvas. */
interface Still extends Size {
  readonly x: number;
  readonly y: number;
  readonly hasAlpha: boolean;
  /** The chunk of its alpha plane, where it is stored apart, and of its pixels; each with its header. */
  readonly chunks: readonly Uint8Array[];
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  readonly whole: Uint8Array;
}

/** The chunks of a RIFF list; an odd length is followed by a byte of padding. */
function* chunksOf(bytes: Uint8Array, from: number): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length;
    if (end > bytes.length) throw cutOff(bytes);
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    yield { type, data: bytes.subarray(at + 8, end), whole: bytes.subarray(at, end) };
    at = end + (length & 1);
  }
}

/** What the file holds (the container specification of WebP; RFC 9649). */
function readContainer(bytes: Uint8Array): { still: Still; canvas: Size; exif?: Uint8Array } {
  if (bytes.length < 20) throw cutOff(bytes);
  const end = 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  if (end > bytes.length) throw cutOff(bytes);
  const chunks = [...chunksOf(bytes.subarray(0, end), 12)];
  const extended = chunks.find(({ type }) => type === "VP8X")?.data;
  const frame = chunks.find(({ type }) => type === "ANMF")?.data;
  const still = frame ? readFrame(frame) : readStill(chunks, 0, 0);
  if (extended && extended.length < 10) throw damaged("its header is too short");
  const canvas = extended ? { width: uint24(extended, 4) + 1, height: uint24(extended, 7) + 1 } : still;
  const exif = chunks.find(({ type }) => type === "EXIF")?.data;
  return { still, canvas: { width: canvas.width, height: canvas.height }, ...(exif && { exif }) };
}

/** Bytes of an animation's frame before its chunks: place, size, duration and flags. */
const frameHeader = 16;

function readFrame(frame: Uint8Array): Still {
  if (frame.length < frameHeader) throw damaged("a frame has no header");
  return readStill([...chunksOf(frame, frameHeader)], uint24(frame, 0) * 2, uint24(frame, 3) * 2);
}

function readStill(chunks: readonly Chunk[], x: number, y: number): Still {
  const pixels = chunks.find(({ type }) => type === "VP8 " || type === "VP8L");
  if (!pixels) throw damaged("it has no picture");
  if (pixels.type === "VP8L") return { x, y, ...losslessSize(pixels.data), chunks: [pixels.whole] };
  const alpha = chunks.find(({ type }) => type === "ALPH");
  return {
    x,
    y,
    ...lossySize(pixels.data),
    hasAlpha: alpha !== undefined,
    chunks: alpha ? [alpha.whole, pixels.whole] : [pixels.whole],
  };
}

/** RFC 6386, section 9.1: a key frame's start code, then 14 bits each. */
function lossySize(data: Uint8Array): Size {
  const isKeyFrame =
    data.length >= 10 && (data[0] & 1) === 0 && data[3] === 0x9d && data[4] === 0x01 && data[5] === 0x2a;
  if (!isKeyFrame) throw damaged("its picture has no header");
  return { width: (data[6] | (data[7] << 8)) & 0x3fff, height: (data[8] | (data[9] << 8)) & 0x3fff };
}

/** RFC 9649, section 3.4: a signature, 14 bits each of width and height less one, and whether alpha is used. */
function losslessSize(data: Uint8Array): Size & { hasAlpha: boolean } {
  if (data.length < 5 || data[0] !== 0x2f) throw damaged("its picture has no header");
  const bits = new DataView(data.buffer, data.byteOffset).getUint32(1, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, hasAlpha: ((bits >>> 28) & 1) === 1 };
}

const uint24 = (bytes: Uint8Array, at: number): number => bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);

async function decodeByLibWebp(module: WebAssembly.Module, still: Still): Promise<Uint8Array<ArrayBuffer>> {
  const file = stillFile(still);
  const { memory, malloc, WebPDecodeRGBA } = await instantiateCodec<LibWebp>(module, { wasi_snapshot_preview1: wasi });
  const at = malloc(file.length);
  const size = malloc(8);
  new Uint8Array(memory.buffer, at, file.length).set(file);
  let pixels: number;
  try {
    pixels = WebPDecodeRGBA(at, file.length, size, size + 4);
  } catch (error) {
    throw damaged(messageOf(error));
  }
  const [width, height] = pixels === 0 ? [0, 0] : new Int32Array(memory.buffer, size, 2);
  if (width !== still.width || height !== still.height) throw damaged("its data cannot be decoded");
  return new Uint8Array(memory.buffer, pixels, width * height * 4).slice();
}

/** A file of this picture alone: what was checked is what is decoded, and the frame of an animation is a picture. */
function stillFile({ width, height, hasAlpha, chunks }: Still): Uint8Array {
  const padded = chunks.flatMap((chunk) => (chunk.length & 1 ? [chunk, new Uint8Array(1)] : [chunk]));
  if (chunks.length > 1) padded.unshift(extendedHeader(width, height, hasAlpha));
  const length = padded.reduce((sum, part) => sum + part.length, 4);
  return joinBytes([ascii("RIFF"), uint32(length), ascii("WEBP"), ...padded]);
}

function extendedHeader(width: number, height: number, hasAlpha: boolean): Uint8Array {
  const [w, h] = [width - 1, height - 1];
  const bytes = [hasAlpha ? 0x10 : 0, 0, 0, 0, w & 255, w >> 8, 0, h & 255, h >> 8, 0];
  return joinBytes([ascii("VP8X"), uint32(bytes.length), Uint8Array.from(bytes)]);
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const uint32 = (value: number): Uint8Array => Uint8Array.from([0, 8, 16, 24], (shift) => value >>> shift);

function withoutAlpha(rgba: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    out[to++] = rgba[from];
    out[to++] = rgba[from + 1];
    out[to++] = rgba[from + 2];
  }
  return out;
}

/** The frame in its place; around it the canvas is transparent. */
function onCanvas(rgba: Uint8Array, { x, y, width, height }: Still, canvas: Size): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(canvas.width * canvas.height * 4);
  for (let row = 0; row < height; row++) {
    out.set(rgba.subarray(row * width * 4, (row + 1) * width * 4), ((y + row) * canvas.width + x) * 4);
  }
  return out;
}

const damaged = (reason: string): InputError => new InputError(`The WebP file is damaged: ${reason}.`);

const cutOff = (bytes: Uint8Array): InputError =>
  new InputError(`The WebP file stops half way, after ${bytes.length} bytes.`);

const missing = (): never => {
  throw new Error("the decoder asked for a file system");
};

const wasi = { fd_close: missing, fd_seek: missing, fd_write: missing };
