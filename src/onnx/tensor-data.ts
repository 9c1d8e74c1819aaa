import { ModelError } from "../errors";
import { Constant } from "../graph/ir";
import { joinBytes } from "../join-bytes";
import { showShape, sizeOf } from "../tensor";
import { type ExternalFiles, readExternalEntry } from "./external-data";
import type { Field } from "./wire";

/** TensorProto.DataType: how one element lies in `raw_data`. */
interface ElementType {
  readonly name: string;
  readonly kind: "float" | "int" | "bool";
  readonly bits: number;
  /** Element `i` of the data. */
  read(view: DataView, i: number): number;
  /** Where its elements are kept while they are integers; default: plain numbers. */
  readonly room?: (size: number) => Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;
}

/** Several elements share a byte, the first in its lowest bits. */
const packed =
  (bits: 2 | 4, signed: boolean): ElementType["read"] =>
  (view, i) => {
    const shift = (i * bits) % 8;
    const value = (view.getUint8(Math.floor((i * bits) / 8)) >> shift) & (2 ** bits - 1);
    return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  };

const bytes = (size: number): Uint8Array => new Uint8Array(size);
const signedBytes = (size: number): Int8Array => new Int8Array(size);

export const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, { name: "float32", kind: "float", bits: 32, read: (view, i) => view.getFloat32(i * 4, true) }],
  [2, { name: "uint8", kind: "int", bits: 8, read: (view, i) => view.getUint8(i), room: bytes }],
  [3, { name: "int8", kind: "int", bits: 8, read: (view, i) => view.getInt8(i), room: signedBytes }],
  [
    4,
    {
      name: "uint16",
      kind: "int",
      bits: 16,
      read: (view, i) => view.getUint16(i * 2, true),
      room: (size) => new Uint16Array(size),
    },
  ],
  [
    5,
    {
      name: "int16",
      kind: "int",
      bits: 16,
      read: (view, i) => view.getInt16(i * 2, true),
      room: (size) => new Int16Array(size),
    },
  ],
  [
    6,
    {
      name: "int32",
      kind: "int",
      bits: 32,
      read: (view, i) => view.getInt32(i * 4, true),
      room: (size) => new Int32Array(size),
    },
  ],
  [7, { name: "int64", kind: "int", bits: 64, read: (view, i) => Number(view.getBigInt64(i * 8, true)) }],
  [9, { name: "bool", kind: "bool", bits: 8, read: (view, i) => (view.getUint8(i) ? 1 : 0) }],
  [10, { name: "float16", kind: "float", bits: 16, read: (view, i) => view.getUint16(i * 2, true) }],
  [11, { name: "float64", kind: "float", bits: 64, read: (view, i) => view.getFloat64(i * 8, true) }],
  [12, { name: "uint32", kind: "int", bits: 32, read: (view, i) => view.getUint32(i * 4, true) }],
  [13, { name: "uint64", kind: "int", bits: 64, read: (view, i) => Number(view.getBigUint64(i * 8, true)) }],
  [16, { name: "bfloat16", kind: "float", bits: 16, read: (view, i) => view.getUint16(i * 2, true) }],
  [21, { name: "uint4", kind: "int", bits: 4, read: packed(4, false), room: bytes }],
  [22, { name: "int4", kind: "int", bits: 4, read: packed(4, true), room: signedBytes }],
  [25, { name: "uint2", kind: "int", bits: 2, read: packed(2, false), room: bytes }],
  [26, { name: "int2", kind: "int", bits: 2, read: packed(2, true), room: signedBytes }],
]);

const foreignTypes: ReadonlyMap<number, string> = new Map([
  [8, "string"],
  [14, "complex64"],
  [15, "complex128"],
  [17, "float8e4m3fn"],
  [18, "float8e4m3fnuz"],
  [19, "float8e5m2"],
  [20, "float8e5m2fnuz"],
  [23, "float4e2m1"],
  [24, "float8e8m0"],
]);

export const elementTypeName = (type: number): string =>
  elementTypes.get(type)?.name ?? foreignTypes.get(type) ?? `number ${type}`;

/** A TensorProto as its fields say, before anything is decoded. */
interface TensorFields {
  name: string;
  type: number;
  isExternal: boolean;
  readonly external: Map<string, string>;
  readonly dims: number[];
  raw: Uint8Array | undefined;
  readonly floats: Uint8Array[];
  readonly doubles: Uint8Array[];
  readonly ints: number[];
}

/** A tensor of the file; without a constant it has elements that nothing here computes with. */
export interface OnnxTensor {
  readonly name: string;
  readonly constant: Constant | undefined;
  /** Why there is no constant. */
  readonly refusal?: string;
}

/** Reads a TensorProto field. `fallbackName` names it in errors where the file does not. */
export function readTensor(field: Field, files: ExternalFiles, fallbackName = ""): OnnxTensor {
  const tensor: TensorFields = {
    name: "",
    type: 0,
    isExternal: false,
    external: new Map(),
    dims: [],
    raw: undefined,
    floats: [],
    doubles: [],
    ints: [],
  };
  field.message("a tensor", (part) => readTensorField(part, tensor));
  const type = elementTypes.get(tensor.type);
  if (!type) return { name: tensor.name, constant: undefined, refusal: refusalOf(tensor.type) };
  return { name: tensor.name, constant: decode(tensor, type, files, tensor.name || fallbackName) };
}

const refusalOf = (type: number): string =>
  `its elements are of type ${elementTypeName(type)}, which is not supported; export the network in float32 or float16`;

function readTensorField(field: Field, tensor: TensorFields): void {
  if (field.number === 1) field.ints(tensor.dims);
  else if (field.number === 2) tensor.type = field.int();
  else if (field.number === 4) tensor.floats.push(field.fixed(4));
  else if (field.number === 5 || field.number === 7 || field.number === 11) field.ints(tensor.ints);
  else if (field.number === 8) tensor.name = field.string();
  else if (field.number === 9) tensor.raw = field.bytes();
  else if (field.number === 10) tensor.doubles.push(field.fixed(8));
  else if (field.number === 13) readExternalEntry(field, tensor.external);
  else if (field.number === 14) tensor.isExternal = field.int() === 1;
}

function decode(tensor: TensorFields, type: ElementType, files: ExternalFiles, name: string): Constant {
  const { dims } = tensor;
  if (!dims.every((extent) => Number.isSafeInteger(extent) && extent >= 0) || !Number.isSafeInteger(sizeOf(dims))) {
    throw new ModelError(`Tensor "${name}": its shape [${dims.join(", ")}] is not a shape; the file is damaged.`);
  }
  if (tensor.isExternal) {
    const raw = files.read(tensor.external, bytesOf(type, dims), name);
    // Nobody sees the stand-in: a model with missing files is not read to its end.
    return raw ? fromRaw(raw, type, dims, name) : Constant.fromNumbers("int", [], [0]);
  }
  if (tensor.raw) return fromRaw(tensor.raw, type, dims, name);
  if (type.name === "float32") return fromRaw(joinBytes(tensor.floats), type, dims, name);
  if (type.name === "float64") return fromRaw(joinBytes(tensor.doubles), type, dims, name);
  // The file keeps each element, or the bits of it, in an int32; those that share a byte keep the byte.
  const { ints } = tensor;
  if (type.bits < 8) return fromRaw(Uint8Array.from(ints), type, dims, name);
  const size = sizeOf(dims);
  if (ints.length !== size) {
    throw new ModelError(
      `Tensor "${name}": shape ${showShape(dims)} holds ${size} values, the file has ${ints.length}.`,
    );
  }
  if (type.kind === "float") return fromRaw(new Uint8Array(Uint16Array.from(ints).buffer), type, dims, name);
  return Constant.fromNumbers(type.kind, ints, dims, type.name);
}

const bytesOf = (type: ElementType, dims: readonly number[]): number => Math.ceil((sizeOf(dims) * type.bits) / 8);

function fromRaw(raw: Uint8Array, type: ElementType, dims: readonly number[], name: string): Constant {
  const size = sizeOf(dims);
  if (raw.byteLength !== bytesOf(type, dims)) {
    throw new ModelError(
      `Tensor "${name}": shape ${showShape(dims)} needs ${bytesOf(type, dims)} bytes of ${type.name}, ` +
        `the file has ${raw.byteLength}. The file is damaged; download or export it again.`,
    );
  }
  if (type.name === "float32" || type.name === "float16") return Constant.fromBytes(raw, type.name, dims);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  // Plain loops: `from` would first make a list of all numbers, several times the size of the weights.
  if (type.name === "bfloat16") {
    const bits = new Uint32Array(size); // a bfloat16 is the upper half of a float32
    for (let i = 0; i < size; i++) bits[i] = type.read(view, i) << 16;
    return Constant.fromBytes(new Uint8Array(bits.buffer), "float32", dims);
  }
  if (type.kind === "float") {
    const floats = new Float32Array(size);
    for (let i = 0; i < size; i++) floats[i] = type.read(view, i);
    return Constant.fromFloats(floats, dims);
  }
  const numbers = type.room?.(size) ?? new Array<number>(size).fill(0);
  for (let i = 0; i < size; i++) numbers[i] = type.read(view, i);
  return Constant.fromNumbers(type.kind, numbers, dims, type.name);
}
