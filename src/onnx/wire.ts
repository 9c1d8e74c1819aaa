import { PbfReader } from "pbf";
import { ModelError } from "../errors";
import { defaultLimits, type Limits, withinLimit } from "../limits";

const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
type Wire = keyof typeof wireType;

const text = /* @__PURE__ */ new TextDecoder();

/** Calls `read` once per field of a protobuf message. A field that `read` does not touch is skipped. */
export function readMessage(
  bytes: Uint8Array,
  what: string,
  read: (field: Field) => void,
  limits: Limits = defaultLimits,
): void {
  const field = new Field(bytes, what, { fileStart: bytes.byteOffset, limits, depth: 1, names: new Map() });
  while (field.next()) read(field);
}

/** Where a message lies in its file, and what that may ask for. */
interface Place {
  readonly fileStart: number;
  readonly limits: Limits;
  /** How many messages it lies in, itself counted. */
  readonly depth: number;
  /** Those that were read: one text for a name, wherever the file has it, so that to look it up is to compare addresses. */
  readonly names: Map<string, string>;
}

/**
 * The current field of one message. Every message is read from its own window of the file, so a wrong length can neither
 * run past its parent nor allocate: it is a ModelError that says where.
 */
export class Field {
  /** The field number; see onnx.proto. */
  number = 0;
  readonly #pbf: PbfReader;
  readonly #what: string;
  readonly #place: Place;

  constructor(bytes: Uint8Array, what: string, place: Place) {
    this.#pbf = new PbfReader(bytes);
    this.#what = what;
    this.#place = place;
  }

  get limits(): Limits {
    return this.#place.limits;
  }

  next(): boolean {
    const pbf = this.#pbf;
    try {
      this.number = pbf.nextField();
    } catch {
      this.#fail("a field of an unknown kind"); // pbf throws for the wire types that protobuf does not define
    }
    if (pbf.pos > pbf.length) this.#fail("a field that runs past the end");
    if (this.number === 0 && pbf.pos < pbf.length) this.#fail("a field without a number");
    return this.number !== 0;
  }

  int(): number {
    this.#expect("varint");
    return this.#varint();
  }

  float(): number {
    return this.#view("fixed32", 4).getFloat32(0, true);
  }

  /** A name: of a node, a value, an attribute, a file. */
  string(): string {
    const bytes = this.bytes();
    withinLimit(this.limits, "nameBytes", bytes.byteLength, `A name in ${this.#what} is too long, in bytes`);
    const name = text.decode(bytes);
    const before = this.#place.names.get(name);
    if (before !== undefined) return before;
    this.#place.names.set(name, name);
    return name;
  }

  /** What somebody has written, which may be longer than a name. */
  text(): string {
    const bytes = this.bytes();
    withinLimit(this.limits, "textBytes", bytes.byteLength, `A text in ${this.#what} is too long, in bytes`);
    return text.decode(bytes);
  }

  /** The payload of a length-delimited field: a view of the file. */
  bytes(): Uint8Array {
    this.#expect("bytes");
    const length = this.#varint();
    return this.#take(length);
  }

  message(what: string, read: (field: Field) => void): void {
    const bytes = this.bytes();
    const depth = this.#place.depth + 1;
    withinLimit(this.limits, "nesting", depth, `The file has messages too deep inside each other, at ${what}`);
    const field = new Field(bytes, what, { ...this.#place, depth });
    while (field.next()) read(field);
  }

  /** Appends the elements of a repeated integer field, packed or not. */
  ints(into: number[]): void {
    if (this.#pbf.type !== wireType.bytes) {
      into.push(this.int());
      return;
    }
    const packed = new Field(this.bytes(), this.#what, this.#place);
    while (packed.#pbf.pos < packed.#pbf.length) into.push(packed.#varint());
  }

  /** The little-endian bytes of a repeated fixed-width field: all of them where it is packed, one element otherwise. */
  fixed(width: 4 | 8): Uint8Array {
    if (this.#pbf.type !== wireType.bytes) {
      this.#expect(width === 4 ? "fixed32" : "fixed64");
      return this.#take(width);
    }
    const bytes = this.bytes();
    if (bytes.byteLength % width !== 0) this.#fail(`a list of ${width}-byte numbers with ${bytes.byteLength} bytes`);
    return bytes;
  }

  #view(wire: Wire, width: number): DataView {
    this.#expect(wire);
    const bytes = this.#take(width);
    return new DataView(bytes.buffer, bytes.byteOffset, width);
  }

  #take(length: number): Uint8Array {
    const pbf = this.#pbf;
    if (!(length >= 0 && length <= pbf.length - pbf.pos)) {
      this.#fail(`${length} bytes announced where ${Math.max(0, pbf.length - pbf.pos)} are left`);
    }
    const bytes = pbf.buf.subarray(pbf.pos, pbf.pos + length);
    pbf.pos += length;
    return bytes;
  }

  #varint(): number {
    const pbf = this.#pbf;
    let value = 0;
    try {
      value = pbf.readVarint(true);
    } catch {
      this.#fail("a number of more than ten bytes");
    }
    if (pbf.pos > pbf.length) this.#fail("a number that is cut off");
    if (!(value >= -(2 ** 63))) this.#fail("a number that is cut off");
    return value;
  }

  #expect(wire: Wire): void {
    if (this.#pbf.type !== wireType[wire]) this.#fail(`field ${this.number} stored in another way than ONNX defines`);
  }

  #fail(what: string): never {
    const at = this.#pbf.buf.byteOffset - this.#place.fileStart + Math.min(this.#pbf.pos, this.#pbf.length);
    throw new ModelError(
      `The ONNX file is damaged or cut off: ${what} in ${this.#what}, near byte ${at}. Download or export it again.`,
    );
  }
}
