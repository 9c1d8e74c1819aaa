import { ByteBuffer } from "flatbuffers";
import { ModelError } from "../errors";
import { type Limits, withinLimit } from "../limits";

const text = /* @__PURE__ */ new TextDecoder();

/**
 * The bytes of a flatbuffer. The library reads numbers wherever it is told to, beyond the end as zeros: therefore every place and every
 * length is checked here before it is read. What is read into lists is counted, since parts of a file may lie over each other.
 */
export class FlatFile {
  readonly bytes: Uint8Array;
  readonly buffer: ByteBuffer;
  readonly limits: Limits;
  #left: number;

  constructor(bytes: Uint8Array, limits: Limits) {
    this.bytes = bytes;
    this.buffer = new ByteBuffer(bytes);
    this.limits = limits;
    // No writer repeats more than a few texts and lists.
    this.#left = 4 * bytes.byteLength + 65536;
  }

  /** The table that the file begins with. */
  root(what: string): Table {
    return new Table(this, this.offset(0, what), what);
  }

  /** @throws {ModelError} unless so many bytes lie there */
  inside(place: number, size: number, what: string): number {
    if (Number.isSafeInteger(place) && place >= 0 && place + size <= this.bytes.byteLength) return place;
    throw new ModelError(
      `The TensorFlow Lite file is damaged or cut off: ${what} should lie at byte ${place}, and the file has ${this.bytes.byteLength}.`,
    );
  }

  /** What an offset at a place points to. */
  offset(place: number, what: string): number {
    return place + this.buffer.readUint32(this.inside(place, 4, what));
  }

  /** Where a vector's elements begin, and how many there are. */
  vector(place: number, width: number, what: string): { readonly start: number; readonly length: number } {
    const length = this.buffer.readUint32(this.inside(place, 4, what));
    return { start: this.inside(place + 4, length * width, what), length };
  }

  /** @throws {ModelError} if lists were read that together are several times the file */
  spend(bytes: number, what: string): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw new ModelError(`The TensorFlow Lite file is damaged: its parts lie over each other, the last at ${what}.`);
  }
}

/** One table of a flatbuffer: its fields by their numbers in the schema, each with what it is where the file leaves it out. */
export class Table {
  readonly what: string;
  readonly #file: FlatFile;
  readonly #position: number;
  readonly #fields: number;
  readonly #end: number;

  constructor(file: FlatFile, position: number, what: string) {
    this.#file = file;
    this.what = what;
    this.#position = file.inside(position, 4, what);
    this.#fields = file.inside(position - file.buffer.readInt32(position), 4, what);
    this.#end = file.buffer.readUint16(this.#fields);
    file.inside(this.#fields, this.#end, what);
  }

  /** Where a field lies; undefined where the file leaves it out. */
  #place(field: number, size: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#end) return undefined;
    const offset = this.#file.buffer.readUint16(this.#fields + entry);
    return offset === 0 ? undefined : this.#file.inside(this.#position + offset, size, this.what);
  }

  int8(field: number, fallback = 0): number {
    const place = this.#place(field, 1);
    return place === undefined ? fallback : this.#file.buffer.readInt8(place);
  }

  uint8(field: number, fallback = 0): number {
    return this.int8(field, fallback) & 255;
  }

  boolean(field: number): boolean {
    return this.int8(field) !== 0;
  }

  int(field: number, fallback = 0): number {
    const place = this.#place(field, 4);
    return place === undefined ? fallback : this.#file.buffer.readInt32(place);
  }

  uint(field: number): number {
    return this.int(field) >>> 0;
  }

  float(field: number, fallback = 0): number {
    const place = this.#place(field, 4);
    return place === undefined ? fallback : this.#file.buffer.readFloat32(place);
  }

  /** A number of 64 bits, as far as floats tell. */
  long(field: number): number {
    const place = this.#place(field, 8);
    return place === undefined ? 0 : Number(this.#file.buffer.readUint64(place));
  }

  string(field: number): string | undefined {
    const bytes = this.bytes(field);
    if (!bytes) return undefined;
    withinLimit(this.#file.limits, "nameBytes", bytes.byteLength, `${this.what} has a name with too many bytes`);
    this.#file.spend(bytes.byteLength, this.what);
    return text.decode(bytes);
  }

  /** A vector of bytes as it lies in the file. */
  bytes(field: number): Uint8Array | undefined {
    const vector = this.#vector(field, 1);
    return vector && this.#file.bytes.subarray(vector.start, vector.start + vector.length);
  }

  ints(field: number): number[] {
    return this.#list(field, 4, (place) => this.#file.buffer.readInt32(place));
  }

  shorts(field: number): number[] {
    return this.#list(field, 2, (place) => this.#file.buffer.readUint16(place));
  }

  floats(field: number): number[] {
    return this.#list(field, 4, (place) => this.#file.buffer.readFloat32(place));
  }

  /** Whole numbers of 64 bits. */
  longs(field: number): number[] {
    return this.#list(field, 8, (place) => Number(this.#file.buffer.readInt64(place)));
  }

  table(field: number, what: string): Table | undefined {
    const place = this.#place(field, 4);
    return place === undefined ? undefined : new Table(this.#file, this.#file.offset(place, what), what);
  }

  tables(field: number, what: string): Table[] {
    const list = this.#list(field, 4, (place) => place + this.#file.buffer.readUint32(place));
    return list.map((place, i) => new Table(this.#file, place, `${what} ${i}`));
  }

  #vector(field: number, width: number) {
    const place = this.#place(field, 4);
    return place === undefined ? undefined : this.#file.vector(this.#file.offset(place, this.what), width, this.what);
  }

  #list(field: number, width: number, read: (place: number) => number): number[] {
    const vector = this.#vector(field, width);
    if (!vector) return [];
    this.#file.spend(vector.length * width, this.what);
    return Array.from({ length: vector.length }, (_, i) => read(vector.start + i * width));
  }
}
