import type { ImageLike } from "./image";

/** The Orientation tag of TIFF 6.0, as Exif uses it. */
const orientationTag = 0x0112;

/**
 * Reads the orientation (1 to 8) from an Exif block; 1, upright, where there is none.
 *
 * @param exif  the APP1 payload from the TIFF header on, with or without its "Exif\0\0" prefix
 */
export function readOrientation(exif: Uint8Array | undefined): number {
  if (!exif) return 1;
  const start = exif[0] === 0x45 && exif[1] === 0x78 ? 6 : 0;
  const view = new DataView(exif.buffer, exif.byteOffset + start, Math.max(0, exif.byteLength - start));
  if (view.byteLength < 8) return 1;
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > view.byteLength) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > view.byteLength) return 1;
    if (view.getUint16(entry, little) === orientationTag) {
      const value = view.getUint16(entry + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  }
  return 1;
}

/** Turns and mirrors a picture so that orientation 1 results. */
export function upright(image: ImageLike, orientation: number): ImageLike {
  if (orientation === 1) return image;
  const { width, height, data } = image;
  const channels = data.length / (width * height);
  const swapped = orientation >= 5;
  const [outWidth, outHeight] = swapped ? [height, width] : [width, height];
  const out = new Uint8Array(data.length);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const [sx, sy] = sourceOf(orientation, x, y, width - 1, height - 1);
      const from = (sy * width + sx) * channels;
      for (let c = 0; c < channels; c++) out[(y * outWidth + x) * channels + c] = data[from + c];
    }
  }
  return { data: out, width: outWidth, height: outHeight };
}

/** Where the upright pixel (x, y) lies in the stored picture, whose last column is `right` and last row `bottom`. */
function sourceOf(orientation: number, x: number, y: number, right: number, bottom: number): [number, number] {
  switch (orientation) {
    case 2:
      return [right - x, y];
    case 3:
      return [right - x, bottom - y];
    case 4:
      return [x, bottom - y];
    case 5:
      return [y, x];
    case 6:
      return [y, bottom - x];
    case 7:
      return [right - y, bottom - x];
    default:
      return [right - y, x];
  }
}
