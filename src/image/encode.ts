import { checkOptions, show } from "../checks";
import { OptionError } from "../errors";
import { guarded, guardedAsync } from "../guard";
import { hearing, inTurns, type Making } from "../turns";
import { encodeLargePng, largePicture } from "./encode-large-png";
import { channelsOf, checkImage, type ImageLike } from "./image";

/**
 * Encodes a picture as PNG. The encoder is loaded at the first call. The pixels are kept exactly; the bytes are the same on
 * every host up to two megapixels, above the host compresses where it can, because that takes a fraction of the time.
 *
 * @returns the file's bytes
 * @throws {InputError} if the picture is empty or its data do not fill its size
 */
export async function encodePng(image: ImageLike, options: EncodeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  return guardedAsync("encodePng", async () => {
    checkImage(image);
    checkOptions("encodePng", options, ["signal"]);
    const hear = hearing(options.signal);
    const { width, height, data } = image;
    if (width * height > largePicture) return encodeLargePng(image, options.signal);
    const { encode } = await import("fast-png");
    await hear();
    return encode({ width, height, data, channels: channelsOf(image), depth: 8 }) as Uint8Array<ArrayBuffer>;
  });
}

export interface EncodeOptions {
  /** Gives the picture up before it is written, PNG files of more than two megapixels also on the way. */
  readonly signal?: AbortSignal;
}

export interface JpegOptions extends EncodeOptions {
  /** 1 to 100; default 90. */
  readonly quality?: number;
}

/**
 * Encodes a picture as baseline JPEG, colour at full resolution. The encoder is loaded at the first call. What is transparent
 * lies on white.
 *
 * @returns the file's bytes
 * @throws {InputError} if the picture is empty or its data do not fill its size; {OptionError} if `quality` is out of range
 */
export async function encodeJpeg(image: ImageLike, options: JpegOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  return guardedAsync("encodeJpeg", async () => {
    checkImage(image);
    checkOptions("encodeJpeg", options, ["quality", "signal"]);
    const hear = hearing(options.signal);
    const { quality = 90 } = options;
    if (!(typeof quality === "number" && quality >= 1 && quality <= 100))
      throw new OptionError(`quality must lie between 1 and 100, got ${show(quality)}.`);
    const { default: encode } = await import("jpeg-js/lib/encoder.js");
    const { width, height } = image;
    const data = await inTurns(opaque(image), hear);
    await hear();
    const written = encode({ data, width, height }, quality);
    return new Uint8Array(written.data);
  });
}

/** Values between which a signal is heard. */
const pieceLength = 2 ** 20;

/** RGBA over white. */
function* opaque(image: ImageLike): Making<Uint8Array> {
  const { data, width, height } = image;
  const channels = channelsOf(image);
  const out = new Uint8Array(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    const alpha = channels === 4 ? data[from + 3] / 255 : 1;
    for (let c = 0; c < 3; c++)
      out[to + c] = Math.round(data[from + (channels === 1 ? 0 : c)] * alpha + 255 * (1 - alpha));
    if (to % pieceLength === 0) yield;
  }
  return out;
}

export interface DataURLOptions extends JpegOptions {
  /** Default 'png'. */
  readonly format?: "png" | "jpeg";
}

/**
 * Encodes a picture as the text of a `data:` URL, for `<img src>` or a page of one file.
 *
 * @throws {InputError} if the picture is empty or its data do not fill its size; {OptionError} if an option is not known
 */
export async function toDataURL(image: ImageLike, options: DataURLOptions = {}): Promise<string> {
  return guardedAsync("toDataURL", async () => {
    checkOptions("toDataURL", options, ["format", "quality", "signal"]);
    const { format = "png", quality, signal } = options;
    if (format !== "png" && format !== "jpeg") throw new OptionError(`format ${show(format)} is none of png, jpeg.`);
    if (format === "png" && quality !== undefined)
      throw new OptionError("quality is of JPEG files: add format: 'jpeg'.");
    const bytes =
      format === "png"
        ? await encodePng(image, { signal })
        : await encodeJpeg(image, { signal, ...(quality !== undefined && { quality }) });
    return `data:image/${format};base64,${base64(bytes)}`;
  });
}

/** So many bytes become arguments at once: a multiple of 3, so that the pieces join without padding. */
const pieceBytes = 3 * 0x2000;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + pieceBytes)));
  }
  return text;
}

/** What a canvas takes: RGBA, structurally an `ImageData`. */
export interface ImageDataLike {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  readonly colorSpace: "srgb";
}

type ImageDataConstructor = new (data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number) => ImageDataLike;

/**
 * The picture as `ImageData`, for `context.putImageData`; where the host has no such class, an object of the same form.
 *
 * @throws {InputError} if the picture is empty or its data do not fill its size
 */
export function toImageData(image: ImageLike): ImageDataLike {
  return guarded("toImageData", () => {
    checkImage(image);
    const { data: from, width, height } = image;
    const channels = channelsOf(image);
    const data = new Uint8ClampedArray(width * height * 4);
    if (channels === 4) data.set(from);
    else {
      for (let pixel = 0; pixel < width * height; pixel++) {
        for (let c = 0; c < 3; c++) data[pixel * 4 + c] = from[channels === 1 ? pixel : pixel * 3 + c];
        data[pixel * 4 + 3] = 255;
      }
    }
    const { ImageData } = globalThis as { ImageData?: ImageDataConstructor };
    return ImageData ? new ImageData(data, width, height) : { data, width, height, colorSpace: "srgb" };
  });
}
