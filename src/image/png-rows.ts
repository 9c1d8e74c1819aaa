import { damaged, type PngHeader } from "./png-chunks";

/** One image of the file: the whole picture, or a pass of an interlaced one. */
interface Pass {
  /** The first pixel, and the steps to the next one across and down. */
  readonly x: number;
  readonly y: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly width: number;
  readonly height: number;
}

/** Adam7 (PNG specification, section 8.2). */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function passesOf({ width, height, interlaced }: PngHeader): Pass[] {
  if (!interlaced) return [{ x: 0, y: 0, stepX: 1, stepY: 1, width, height }];
  return adam7
    .map(([x, y, stepX, stepY]) => ({
      x,
      y,
      stepX,
      stepY,
      width: Math.ceil((width - x) / stepX),
      height: Math.ceil((height - y) / stepY),
    }))
    .filter((pass) => pass.width > 0 && pass.height > 0);
}

const rowBytesOf = (width: number, { samples, depth }: PngHeader): number => Math.ceil((width * samples * depth) / 8);

/** Bytes of all rows with the byte before each that names its filter. */
export const filteredBytes = (header: PngHeader): number =>
  passesOf(header).reduce((sum, { width, height }) => sum + (rowBytesOf(width, header) + 1) * height, 0);

/** Where a row's pixels go: pixel i to x + i·stepX of row y. */
export interface RowPlace {
  readonly x: number;
  readonly stepX: number;
  readonly y: number;
  readonly width: number;
}

/** Cuts inflated bytes, as they come, into rows and undoes their filters (PNG specification, section 9). */
export class RowReader {
  readonly #header: PngHeader;
  readonly #passes: readonly Pass[];
  readonly #take: (row: Uint8Array, place: RowPlace) => void;
  #pass = 0;
  #row = 0;
  #filter = -1;
  #filled = 0;
  #current: Uint8Array;
  #above: Uint8Array;

  /** @param take  called with each row's bytes, which are valid until it returns */
  constructor(header: PngHeader, take: (row: Uint8Array, place: RowPlace) => void) {
    this.#header = header;
    this.#passes = passesOf(header);
    this.#take = take;
    [this.#current, this.#above] = this.#newRows();
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#filter < 0) {
        this.#filter = bytes[at++];
        if (this.#filter > 4) throw damaged(`a row has filter ${this.#filter}`);
        continue;
      }
      const count = Math.min(bytes.length - at, this.#current.length - this.#filled);
      this.#current.set(bytes.subarray(at, at + count), this.#filled);
      at += count;
      this.#filled += count;
      if (this.#filled === this.#current.length) this.#endRow();
    }
  }

  #endRow(): void {
    const { x, y, stepX, stepY, width, height } = this.#passes[this.#pass];
    const { samples, depth } = this.#header;
    undoFilter(this.#filter, this.#current, this.#above, Math.max(1, (samples * depth) / 8));
    this.#take(this.#current, { x, stepX, y: y + this.#row * stepY, width });
    [this.#current, this.#above] = [this.#above, this.#current];
    this.#filter = -1;
    this.#filled = 0;
    this.#row++;
    if (this.#row < height) return;
    this.#row = 0;
    this.#pass++;
    if (this.#pass < this.#passes.length) [this.#current, this.#above] = this.#newRows();
  }

  /** Above the first row of a pass there are zeros. */
  #newRows(): [Uint8Array, Uint8Array] {
    const length = rowBytesOf(this.#passes[this.#pass].width, this.#header);
    return [new Uint8Array(length), new Uint8Array(length)];
  }
}

/** @param distance  bytes from a sample to the same one of the pixel on the left */
function undoFilter(filter: number, row: Uint8Array, above: Uint8Array, distance: number): void {
  const { length } = row;
  if (filter === 1) {
    for (let i = distance; i < length; i++) row[i] += row[i - distance];
  } else if (filter === 2) {
    for (let i = 0; i < length; i++) row[i] += above[i];
  } else if (filter === 3) {
    for (let i = 0; i < Math.min(distance, length); i++) row[i] += above[i] >> 1;
    for (let i = distance; i < length; i++) row[i] += (row[i - distance] + above[i]) >> 1;
  } else if (filter === 4) {
    for (let i = 0; i < Math.min(distance, length); i++) row[i] += above[i];
    for (let i = distance; i < length; i++) row[i] += paeth(row[i - distance], above[i], above[i - distance]);
  }
}

/** Of left, above and upper left the one nearest to left + above − upper left; the earlier one if two are. */
function paeth(left: number, above: number, upperLeft: number): number {
  const toLeft = Math.abs(above - upperLeft);
  const toAbove = Math.abs(left - upperLeft);
  const toUpperLeft = Math.abs(left + above - 2 * upperLeft);
  if (toLeft <= toAbove && toLeft <= toUpperLeft) return left;
  return toAbove <= toUpperLeft ? above : upperLeft;
}
