import type { ImageLike } from "./image";
import { surveyJpeg } from "./jpeg-survey";
import { decodeByTurbo } from "./jpeg-turbo";
import { checkPixelCount, type DecodeLimits } from "./limits";
import { readOrientation, upright } from "./orientation";

/**
 * Decodes a JPEG file as libjpeg does: baseline or progressive; grey, YCbCr, RGB, CMYK and YCCK.
 *
 * @param codec  libjpeg-turbo as WebAssembly
 * @returns RGB, upright; with `maxSide` perhaps reduced already, and never below it
 * @throws {InputError} if the file is damaged, cut off, too large, or not 8-bit baseline or progressive
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  limits: DecodeLimits,
  codec: () => Promise<WebAssembly.Module>,
): Promise<ImageLike> {
  const { frame, exif } = surveyJpeg(bytes, ({ width, height }) => checkPixelCount("JPEG", width, height, limits));
  const { width, height, components } = frame;
  const reduce = reductionFor(Math.max(width, height), limits.maxSide);
  const format = components.length === 4 ? "cmyk" : "rgb";
  const samples = await decodeByTurbo(await codec(), bytes, { width, height, format, reduce });
  const image = {
    data: format === "cmyk" ? fromCmyk(samples) : samples,
    width: Math.ceil(width / reduce),
    height: Math.ceil(height / reduce),
  };
  return upright(image, readOrientation(exif));
}

/** By how much the transform may shrink the picture so that its longer side does not fall below what is asked for. */
const reductionFor = (side: number, maxSide: number | undefined): number =>
  maxSide === undefined ? 1 : ([8, 4, 2].find((reduce) => Math.ceil(side / reduce) >= maxSide) ?? 1);

/**
 * Ink as RGB without a colour profile: what ink leaves of a colour, times what black leaves. Every known writer stores the
 * samples inverted, with Adobe's marker or without, and so do readers take them (libjpeg's notes on Adobe, Pillow).
 */
function fromCmyk(samples: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array((samples.length / 4) * 3);
  for (let from = 0, to = 0; from < samples.length; from += 4) {
    const black = samples[from + 3];
    for (let c = 0; c < 3; c++) {
      // x / 255, rounded, as Pillow divides.
      const ink = (255 - samples[from + c]) * black + 128;
      out[to++] = black - (((ink >> 8) + ink) >> 8);
    }
  }
  return out;
}
