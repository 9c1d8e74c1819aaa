import { messageOf } from "../checks";
import { InputError } from "../errors";
import { checkPixelCount, type ImageLike, maxMegapixels } from "./image";
import { readOrientation, upright } from "./orientation";

/** What jpeg-js may take per pixel: 12 bytes of coefficients, 3 of planes, 3 + 3 of output, at full chroma resolution. */
const decoderBytesPerPixel = 24;

/**
 * Decodes a JPEG file, baseline or progressive: grey, YCbCr, RGB, and CMYK as Adobe writes it.
 *
 * @returns RGB, upright
 * @throws {InputError} if the file is damaged, cut off, too large, or not 8-bit baseline or progressive
 */
export async function decodeJpeg(bytes: Uint8Array): Promise<ImageLike> {
  const { complete, frame, adobeTransform, exif } = survey(bytes);
  if (!complete) {
    throw new InputError(`The JPEG file stops half way, after ${bytes.length} bytes: its end marker is missing.`);
  }
  if (!frame) throw new InputError("The JPEG file is damaged: it has no frame header.");
  if (frame.marker > 0xc2) {
    throw new InputError(
      "The JPEG file is lossless, hierarchical or arithmetic-coded; baseline and progressive files are decoded. Save it again as one of these.",
    );
  }
  if (frame.precision !== 8) {
    throw new InputError(`The JPEG file has ${frame.precision} bits per sample; 8 are decoded. Save it with 8.`);
  }
  checkPixelCount("JPEG", frame.width, frame.height);
  const { decode } = (await import("jpeg-js")).default;
  let image: ImageLike;
  try {
    image = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      // Only skips blocks beyond the picture, which the last restart interval of a grey file may ask for. A file that
      // stops half way is found above, and throws in the decoder with either setting.
      tolerantDecoding: true,
      // jpeg-js takes every three-component file for YCbCr unless told; Adobe's transform 0 says it is RGB.
      ...(adobeTransform === 0 && { colorTransform: false }),
      maxResolutionInMP: maxMegapixels,
      maxMemoryUsageInMB: maxMegapixels * decoderBytesPerPixel,
    });
  } catch (error) {
    throw new InputError(`The JPEG file is damaged: ${messageOf(error)}.`);
  }
  const { data, width, height } = image;
  return upright({ data, width, height }, readOrientation(exif));
}

interface Survey {
  /** Whether the end marker follows the picture; the one of an Exif thumbnail does not count. */
  readonly complete: boolean;
  readonly frame?: {
    readonly marker: number;
    readonly precision: number;
    readonly width: number;
    readonly height: number;
  };
  /** Colour transform of an Adobe segment: 0 none, 1 YCbCr, 2 YCCK. */
  readonly adobeTransform?: number;
  /** The TIFF block of the first Exif segment. */
  readonly exif?: Uint8Array;
}

/** Walks the markers (ITU-T T.81, annex B) without decoding. */
function survey(bytes: Uint8Array): Survey {
  const found: { -readonly [K in keyof Survey]: Survey[K] } = { complete: false };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes[at + 1];
    // Entropy-coded bytes and fill bytes.
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++;
      continue;
    }
    // A stuffed zero, TEM and restart markers have no segment.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker === 0xd9) {
      found.complete = true;
      break;
    }
    if (at + 4 > bytes.length) break;
    const end = at + 2 + Math.max(2, view.getUint16(at + 2));
    const segment = bytes.subarray(at + 4, end);
    if (isFrame(marker) && segment.length >= 6) {
      found.frame ??= {
        marker,
        precision: segment[0],
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
      };
    } else if (marker === 0xe1 && startsWith(segment, "Exif\0\0")) {
      found.exif ??= segment.subarray(6);
    } else if (marker === 0xee && startsWith(segment, "Adobe") && segment.length >= 12) {
      found.adobeTransform = segment[11];
    }
    at = end;
  }
  return found;
}

/** SOF0 to SOF15; C4, C8 and CC are other segments. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  [...text].every((character, i) => bytes[i] === character.charCodeAt(0));
