import { channelsOf, type ImageLike } from "./image";

/** The Orientation tag of TIFF 6.0, as Exif uses it. */
const orientationTag = 0x0112;

/**
 * Reads the orientation (1 to 8) from an Exif block; 1, upright, where there is none or the block is malformed.
 *
 * @param tiff  the Exif segment from its TIFF header ("II" or "MM") on
 */
export function readOrientation(tiff: Uint8Array | undefined): number {
  if (!tiff || tiff.byteLength < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return 1;
  const little = order === 0x4949;
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

/** PNG and WebP hold the bare TIFF block; some writers put JPEG's "Exif" before it all the same. */
export const withoutExifHeader = (block: Uint8Array | undefined): Uint8Array | undefined =>
  block?.[0] === 0x45 && block[1] === 0x78 ? block.subarray(6) : block;

/**
 * Turns and mirrors a picture so that orientation 1 results.
 *
 * @param orientation  1 to 8: where the stored rows and columns begin (Exif 2.32, section 4.6.4, tag 274)
 */
export function upright(image: ImageLike, orientation: number): ImageLike {
  if (orientation === 1) return image;
  const channels = channelsOf(image);
  const turned = orientation >= 5;
  const [width, height] = turned ? [image.height, image.width] : [image.width, image.height];
  const { origin, right, down } = walk(orientation, image.width, image.height);
  const data = new Uint8Array(image.data.length);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (origin + x * right + y * down) * channels;
      for (let c = 0; c < channels; c++) data[to++] = image.data[from + c];
    }
  }
  return { data, width, height };
}

/** The stored pixel that is upper left when upright, and the steps from it one pixel to the right and one down. */
function walk(orientation: number, width: number, height: number): { origin: number; right: number; down: number } {
  const upperRight = width - 1;
  const lowerLeft = (height - 1) * width;
  const lowerRight = width * height - 1;
  switch (orientation) {
    case 2:
      return { origin: upperRight, right: -1, down: width };
    case 3:
      return { origin: lowerRight, right: -1, down: -width };
    case 4:
      return { origin: lowerLeft, right: 1, down: -width };
    case 5:
      return { origin: 0, right: width, down: 1 };
    case 6:
      return { origin: lowerLeft, right: -width, down: 1 };
    case 7:
      return { origin: lowerRight, right: -width, down: -1 };
    default:
      return { origin: upperRight, right: width, down: -1 };
  }
}
