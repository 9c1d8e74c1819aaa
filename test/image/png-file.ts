import { deflateSync } from "node:zlib";

export const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));
export const uint32 = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

/** CRC-32 of the PNG specification, annex D, bit by bit. */
function crc(bytes: readonly number[]): number {
  let register = 0xffffffff;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1;
  }
  return ~register >>> 0;
}

export const chunk = (type: string, data: ArrayLike<number>): number[] => {
  const body = [...ascii(type), ...Array.from(data)];
  return [...uint32(data.length), ...body, ...uint32(crc(body))];
};

interface PngParts {
  readonly size: readonly [number, number];
  readonly depth: number;
  readonly colourType: number;
  readonly interlaced?: boolean;
  /** Chunks between header and data. */
  readonly extra?: readonly number[];
  /** Rows with their filter bytes. */
  readonly rows: readonly number[];
}

/** A PNG file byte by byte, for what an encoder does not write. */
export const pngOf = ({ size, depth, colourType, interlaced = false, extra = [], rows }: PngParts): Uint8Array =>
  Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", [...size.flatMap(uint32), depth, colourType, 0, 0, Number(interlaced)]),
    ...extra,
    ...chunk("IDAT", deflateSync(Uint8Array.from(rows))),
    ...chunk("IEND", []),
  ]);
