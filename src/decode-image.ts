import { codecOnce, type PictureCodecs } from "./image/codecs";
import { type DecodeOptions, decodeImageWith } from "./image/decode";
import type { Picture } from "./image/picture";
import type { PictureSource } from "./image/picture-source";

/** The decoders as this package carries them, each in a file of its own. */
const codecs: PictureCodecs = {
  jpeg: /* @__PURE__ */ codecOnce(() => import("./generated/jpeg-codec.js")),
  webp: /* @__PURE__ */ codecOnce(() => import("./generated/webp-codec.js")),
};

/**
 * Decodes a PNG, JPEG or WebP file. The decoders are loaded at the first call. JPEG is read as libjpeg reads it, which is what
 * Pillow, OpenCV and browsers use: with interpolated chroma, and the same bits everywhere.
 *
 * @param source  the file's bytes, a Blob, a Response, a path or a URL
 * @returns 8-bit RGB pixels, RGBA where the file has transparency; upright (an Exif orientation is applied); 16-bit PNGs are
 *   reduced to 8, of an animation the first frame is taken
 * @throws {InputError} if the source cannot be read, or its bytes are empty, damaged, cut off, of another format or of more
 *   than `maxPixels`
 * @throws {UnsupportedRuntimeError} if the file is JPEG or WebP and the host does not run its decoder, which is WebAssembly
 * @example
 * const photo = await decodeImage("photo.jpg", { maxSide: 1024 });
 */
export function decodeImage(source: PictureSource, options?: DecodeOptions): Promise<Picture> {
  return decodeImageWith(codecs, source, options);
}
