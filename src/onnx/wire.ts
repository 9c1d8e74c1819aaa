/** The wire format of protobuf, https://protobuf.dev/programming-guides/encoding, as far as ONNX uses it. */
import { ModelError } from "../errors";
import { joinBytes } from "../join-bytes";

const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
type Wire = keyof typeof wireType;

const decoder = /* @__PURE__ */ new TextDecoder();
const encoder = /* @__PURE__ */ new TextEncoder();

/** Calls `read` once per field of a protobuf message. A field that `read` does not touch is skipped. */
export function readMessage(bytes: Uint8Array, what: string, read: (field: Field) => void): void {
  const field = new Field(bytes, what, bytes.byteOffset);
  while (field.next()) read(field);
}

/**
 * The current field of one message. Every message is read from its own window of the file, so a wrong length can neither
 * run past its parent nor allocate: it is a ModelError that says where.
 */
export class Field {
  /** The field number; see onnx.proto. */
  number = 0;
  #wire = 0;
  /** The payload: of a varint its value, of every other field its bytes. */
  #value = 0;
  #payload: Uint8Array;
  /** Where the next field begins. */
  #at = 0;
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #fileStart: number;

  constructor(bytes: Uint8Array, what: string, fileStart: number) {
    this.#bytes = bytes;
    this.#payload = bytes;
    this.#what = what;
    this.#fileStart = fileStart;
  }

  /** Takes the next field in; false at the end of the message. */
  next(): boolean {
    if (this.#at === this.#bytes.length) return false;
    const tag = this.#varint();
    this.number = tag >>> 3;
    this.#wire = tag & 7;
    if (this.number === 0) this.#fail("a field without a number");
    if (this.#wire === wireType.varint) this.#value = this.#varint();
    else if (this.#wire === wireType.bytes) this.#payload = this.#take(this.#varint());
    else if (this.#wire === wireType.fixed32) this.#payload = this.#take(4);
    else if (this.#wire === wireType.fixed64) this.#payload = this.#take(8);
    else this.#fail("a field of an unknown kind");
    return true;
  }

  int(): number {
    this.#expect("varint");
    return this.#value;
  }

  float(): number {
    this.#expect("fixed32");
    return new DataView(this.#payload.buffer, this.#payload.byteOffset).getFloat32(0, true);
  }

  string(): string {
    return decoder.decode(this.bytes());
  }

  /** The payload of a length-delimited field: a view of the file. */
  bytes(): Uint8Array {
    this.#expect("bytes");
    return this.#payload;
  }

  message(what: string, read: (field: Field) => void): void {
    const field = new Field(this.bytes(), what, this.#fileStart);
    while (field.next()) read(field);
  }

  /** Appends the elements of a repeated integer field, packed or not. */
  ints(into: number[]): void {
    if (this.#wire !== wireType.bytes) {
      into.push(this.int());
      return;
    }
    const packed = new Field(this.#payload, this.#what, this.#fileStart);
    while (packed.#at < packed.#bytes.length) into.push(packed.#varint());
  }

  /** The little-endian bytes of a repeated fixed-width field: all of them where it is packed, one element otherwise. */
  fixed(width: 4 | 8): Uint8Array {
    if (this.#wire !== wireType.bytes) this.#expect(width === 4 ? "fixed32" : "fixed64");
    const bytes = this.#payload;
    if (bytes.byteLength % width !== 0) this.#fail(`a list of ${width}-byte numbers with ${bytes.byteLength} bytes`);
    return bytes;
  }

  #take(length: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (!(length >= 0 && length <= left)) this.#fail(`${length} bytes announced where ${left} are left`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** An int64, seven bits per byte from the lowest on; beyond 2⁵³ the nearest double. */
  #varint(): number {
    let [low, high] = [0, 0];
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at === this.#bytes.length) this.#fail("a number that is cut off");
      const byte = this.#bytes[this.#at++];
      const bits = byte & 127;
      if (shift < 32) low |= bits << shift;
      if (shift > 25) high |= shift < 32 ? bits >> (32 - shift) : bits << (shift - 32);
      if (byte < 128) return high * 2 ** 32 + (low >>> 0);
    }
    return this.#fail("a number of more than ten bytes");
  }

  #expect(wire: Wire): void {
    if (this.#wire !== wireType[wire]) this.#fail(`field ${this.number} stored in another way than ONNX defines`);
  }

  #fail(what: string): never {
    const at = this.#bytes.byteOffset - this.#fileStart + this.#at;
    throw new ModelError(
      `The ONNX file is damaged or cut off: ${what} in ${this.#what}, near byte ${at}. Download or export it again.`,
    );
  }
}

/** A message that is written, field by field. Nothing is copied before it is finished. */
export class Message {
  readonly #pieces: Uint8Array[] = [];

  int(field: number, value: number): this {
    return this.#add(field, "varint", [varint(value)]);
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#add(field, "fixed32", [bytes]);
  }

  string(field: number, text: string): this {
    return this.bytes(field, encoder.encode(text));
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.#add(field, "bytes", [varint(bytes.length), bytes]);
  }

  message(field: number, inner: Message): this {
    const pieces = inner.#pieces;
    const length = pieces.reduce((total, piece) => total + piece.length, 0);
    return this.#add(field, "bytes", [varint(length), ...pieces]);
  }

  /** @returns the bytes of the message, a copy */
  finish(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(joinBytes(this.#pieces));
  }

  #add(field: number, wire: Wire, payload: readonly Uint8Array[]): this {
    this.#pieces.push(varint(field * 8 + wireType[wire]));
    for (const piece of payload) this.#pieces.push(piece);
    return this;
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
  return Uint8Array.of(...bytes, Number(rest));
}
