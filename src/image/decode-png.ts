import type { ImageLike } from "./image";
import { inflate } from "./inflate";
import { checkPixelCount, type DecodeLimits } from "./limits";
import { readOrientation, upright, withoutExifHeader } from "./orientation";
import { colourTypes, damaged, type PngChunks, readChunks } from "./png-chunks";
import { filteredBytes, type RowPlace, RowReader } from "./png-rows";

/**
 * Decodes a PNG file of any colour type and bit depth, interlaced or not, row by row: of a picture of 16 bits per sample there
 * is never more in memory than its 8-bit pixels.
 *
 * @param hear  awaited on the way: lets whoever waits give it up
 * @returns RGB, or RGBA where the file has an alpha channel or transparent colours; upright (eXIf)
 * @throws {InputError} if the file is damaged, cut off or too large
 */
export async function decodePng(
  bytes: Uint8Array,
  limits: DecodeLimits,
  hear?: () => Promise<void>,
): Promise<ImageLike> {
  const chunks = readChunks(bytes, ({ width, height }) => checkPixelCount("PNG", width, height, limits));
  const { header, data, exif } = chunks;
  const { width, height } = header;
  const painter = painterOf(chunks);
  let pixels: Uint8Array<ArrayBuffer> | undefined;
  const rows = new RowReader(header, (row, place) => {
    // Made when the first row has come: a header alone takes no memory.
    pixels ??= new Uint8Array(width * height * painter.channels);
    painter.paint(row, pixels, place);
  });
  await inflate(data, filteredBytes(header), (inflated) => rows.push(inflated), hear);
  if (!pixels) throw damaged("it has no rows");
  return upright({ data: pixels, width, height }, readOrientation(withoutExifHeader(exif)));
}

/** Turns the bytes of rows into 8-bit colours. */
interface Painter {
  readonly channels: 3 | 4;
  /** @param row  of the file, unfiltered */
  paint(row: Uint8Array, out: Uint8Array, place: RowPlace): void;
}

function painterOf({ header, palette, transparency }: PngChunks): Painter {
  const { width, depth, colourType, samples } = header;
  if (palette) return palettePainter(width, depth, palette, transparency);
  const channels = transparency || samples === 2 || samples === 4 ? 4 : 3;
  if (depth === 8 && samples === channels) return { channels, paint: copyRow(width, channels) };
  const colours = samples >= 3 ? 3 : 1;
  const transparent = transparency && Array.from({ length: colours }, (_, c) => uint16(transparency, c * 2));
  const hasAlpha = colourType === colourTypes.greyAlpha || colourType === colourTypes.truecolourAlpha;
  const values = new Uint16Array(width * samples);
  // round(x·255 / (2^depth − 1)) (section 13.12).
  const scale = 255 / (2 ** depth - 1);
  const levels = Uint8Array.from({ length: 2 ** depth }, (_, value) => Math.round(value * scale));
  return {
    channels,
    paint(row, out, { x, stepX, y, width: count }) {
      unpack(row, values, count * samples, depth);
      for (let pixel = 0; pixel < count; pixel++) {
        const from = pixel * samples;
        const to = (y * width + x + pixel * stepX) * channels;
        const last = colours - 1;
        out[to] = levels[values[from]];
        out[to + 1] = levels[values[from + Math.min(1, last)]];
        out[to + 2] = levels[values[from + last]];
        if (hasAlpha) out[to + 3] = levels[values[from + colours]];
        else if (transparent) out[to + 3] = transparent.every((value, c) => values[from + c] === value) ? 0 : 255;
      }
    },
  };
}

/** Rows that are stored as they are wanted. */
const copyRow =
  (width: number, channels: number): Painter["paint"] =>
  (row, out, { x, stepX, y, width: count }) => {
    const start = (y * width + x) * channels;
    if (stepX === 1) {
      out.set(row, start);
      return;
    }
    for (let pixel = 0; pixel < count; pixel++) {
      for (let c = 0; c < channels; c++) out[start + pixel * stepX * channels + c] = row[pixel * channels + c];
    }
  };

function palettePainter(width: number, depth: number, palette: Uint8Array, alpha: Uint8Array | undefined): Painter {
  const channels = alpha ? 4 : 3;
  const colours = palette.length / 3;
  const indices = new Uint16Array(width);
  return {
    channels,
    paint(row, out, { x, stepX, y, width: count }) {
      unpack(row, indices, count, depth);
      for (let pixel = 0; pixel < count; pixel++) {
        const index = indices[pixel];
        if (index >= colours) throw damaged(`a pixel has colour ${index} of a palette of ${colours}`);
        const to = (y * width + x + pixel * stepX) * channels;
        for (let c = 0; c < 3; c++) out[to + c] = palette[index * 3 + c];
        if (alpha) out[to + 3] = alpha[index] ?? 255;
      }
    },
  };
}

/** One number per sample, unscaled. */
function unpack(row: Uint8Array, values: Uint16Array, count: number, depth: number): void {
  if (depth === 16) {
    for (let i = 0; i < count; i++) values[i] = (row[i * 2] << 8) | row[i * 2 + 1];
  } else if (depth === 8) values.set(row.subarray(0, count));
  else {
    const mask = 2 ** depth - 1;
    for (let i = 0; i < count; i++) {
      const bit = i * depth;
      values[i] = (row[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
    }
  }
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];
