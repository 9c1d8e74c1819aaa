import { messageOf } from "../checks";
import { InputError } from "../errors";
import { instantiateCodec } from "./codecs";

/** libjpeg-turbo's simple interface (turbojpeg.h), as `@cwasm/jpeg-turbo` exports it. Addresses are byte offsets in `memory`. */
interface JpegTurbo {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  tjInitDecompress(): number;
  tjDecompressHeader3(
    decoder: number,
    file: number,
    fileBytes: number,
    width: number,
    height: number,
    subsampling: number,
    colourSpace: number,
  ): number;
  tjDecompress2(
    decoder: number,
    file: number,
    fileBytes: number,
    pixels: number,
    width: number,
    rowBytes: number,
    height: number,
    format: number,
    flags: number,
  ): number;
}

/** TJPF_RGB and TJPF_CMYK. */
const pixelFormats = { rgb: 0, cmyk: 11 } as const;
/** Accurate integer DCT and interpolated chroma: what Pillow, OpenCV and browsers decode with. */
const noFlags = 0;
/** Bytes of libjpeg's last message (JMSG_LENGTH_MAX). */
const messageBytes = 200;

export interface JpegRequest {
  /** Size that the file's header says. */
  readonly width: number;
  readonly height: number;
  readonly format: "rgb" | "cmyk";
  /** 1, 2, 4 or 8: sides are divided by it while decoding, and rounded up. */
  readonly reduce: number;
}

/**
 * Decodes by libjpeg-turbo.
 *
 * @returns the samples, interleaved, of ceil(width / reduce) × ceil(height / reduce) pixels
 * @throws {InputError} with libjpeg's reason
 */
export async function decodeByTurbo(
  module: WebAssembly.Module,
  bytes: Uint8Array,
  { width, height, format, reduce }: JpegRequest,
): Promise<Uint8Array<ArrayBuffer>> {
  const turbo = await instantiateCodec<JpegTurbo>(module, { env, wasi_snapshot_preview1: wasi });
  const { memory } = turbo;
  const messageAt = placeOfMessage(memory);
  const reason = (): string => {
    const text = new Uint8Array(memory.buffer, messageAt, messageBytes);
    return String.fromCharCode(...text.subarray(0, text.indexOf(0)));
  };
  const decoder = turbo.tjInitDecompress();
  const file = turbo.malloc(bytes.length);
  const header = turbo.malloc(16);
  const [outWidth, outHeight] = [Math.ceil(width / reduce), Math.ceil(height / reduce)];
  const rowBytes = outWidth * (format === "rgb" ? 3 : 4);
  const pixels = turbo.malloc(rowBytes * outHeight);
  if (decoder === 0 || file === 0 || header === 0 || pixels === 0) {
    throw new InputError(`The JPEG file is ${width}×${height}: decoding it takes more memory than there is.`);
  }
  new Uint8Array(memory.buffer, file, bytes.length).set(bytes);
  try {
    // Its status is that of rare samplings too, which have no name there and decode all the same; the size is what counts.
    turbo.tjDecompressHeader3(decoder, file, bytes.length, header, header + 4, header + 8, header + 12);
    const [decodedWidth, decodedHeight] = new Int32Array(memory.buffer, header, 2);
    if (decodedWidth !== width || decodedHeight !== height) {
      throw new InputError("The JPEG file is damaged: its headers contradict each other.");
    }
    const status = turbo.tjDecompress2(
      decoder,
      file,
      bytes.length,
      pixels,
      outWidth,
      rowBytes,
      outHeight,
      pixelFormats[format],
      noFlags,
    );
    if (status !== 0 && !isHarmless(reason())) throw damaged(reason());
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw damaged(error instanceof LongJump ? reason() : messageOf(error));
  }
  return new Uint8Array(memory.buffer, pixels, rowBytes * outHeight).slice();
}

const damaged = (reason: string): InputError => new InputError(`The JPEG file is damaged: ${reason}.`);

/** Padding between the last block and the next marker: some cameras write it, and no pixel depends on it. */
const isHarmless = (warning: string): boolean => /\d extraneous bytes before marker/.test(warning);

/**
 * Where libjpeg writes its last message. No function of the module tells, but the place says "No error" at first: the last
 * time before the heap.
 */
function placeOfMessage(memory: WebAssembly.Memory): number {
  const bytes = new Uint8Array(memory.buffer);
  const initial = Array.from("No error\0", (letter) => letter.charCodeAt(0));
  let at = bytes.lastIndexOf(initial[0]);
  while (at > 0 && initial.some((byte, i) => bytes[at + i] !== byte)) at = bytes.lastIndexOf(initial[0], at - 1);
  return at;
}

/** libjpeg leaves a file it cannot decode by longjmp. Its instance is not used again. */
class LongJump extends Error {}

const env = {
  setjmp: (): number => 0,
  longjmp: (): never => {
    throw new LongJump();
  },
};

const missing = (): never => {
  throw new Error("the decoder asked for a file system");
};

/** What the C library asks of a system. There is no environment variable, and nothing to write to. */
const wasi = {
  environ_sizes_get: (): number => 0,
  environ_get: (): number => 0,
  proc_exit: missing,
  fd_close: missing,
  fd_seek: missing,
  fd_write: missing,
};
