import { ModelError } from "../errors";
import { Constant } from "../graph/ir";
import { joinBytes } from "../join-bytes";
import { showShape, sizeOf } from "../tensor";
import type { Field } from "./wire";

/** TensorProto.DataType: how one element lies in `raw_data`. */
interface ElementType {
  readonly name: string;
  readonly kind: "float" | "int" | "bool";
  readonly width: number;
  read(view: DataView, at: number): number;
}

export const elementTypes: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, { name: "float32", kind: "float", width: 4, read: (view, at) => view.getFloat32(at, true) }],
  [2, { name: "uint8", kind: "int", width: 1, read: (view, at) => view.getUint8(at) }],
  [3, { name: "int8", kind: "int", width: 1, read: (view, at) => view.getInt8(at) }],
  [4, { name: "uint16", kind: "int", width: 2, read: (view, at) => view.getUint16(at, true) }],
  [5, { name: "int16", kind: "int", width: 2, read: (view, at) => view.getInt16(at, true) }],
  [6, { name: "int32", kind: "int", width: 4, read: (view, at) => view.getInt32(at, true) }],
  [7, { name: "int64", kind: "int", width: 8, read: (view, at) => Number(view.getBigInt64(at, true)) }],
  [9, { name: "bool", kind: "bool", width: 1, read: (view, at) => (view.getUint8(at) ? 1 : 0) }],
  [10, { name: "float16", kind: "float", width: 2, read: (view, at) => view.getUint16(at, true) }],
  [11, { name: "float64", kind: "float", width: 8, read: (view, at) => view.getFloat64(at, true) }],
  [12, { name: "uint32", kind: "int", width: 4, read: (view, at) => view.getUint32(at, true) }],
  [13, { name: "uint64", kind: "int", width: 8, read: (view, at) => Number(view.getBigUint64(at, true)) }],
]);

const foreignTypes: ReadonlyMap<number, string> = new Map([
  [8, "string"],
  [14, "complex64"],
  [15, "complex128"],
  [16, "bfloat16"],
  [17, "float8"],
  [18, "float8"],
  [19, "float8"],
  [20, "float8"],
  [21, "uint4"],
  [22, "int4"],
  [23, "float4"],
]);

export const elementTypeName = (type: number): string =>
  elementTypes.get(type)?.name ?? foreignTypes.get(type) ?? `number ${type}`;

/** A TensorProto as its fields say, before anything is decoded. */
interface TensorFields {
  name: string;
  type: number;
  external: boolean;
  location: string;
  readonly dims: number[];
  raw: Uint8Array | undefined;
  readonly floats: Uint8Array[];
  readonly doubles: Uint8Array[];
  readonly ints: number[];
}

/** Reads a TensorProto field. `fallbackName` names it in errors where the file does not. */
export function readTensor(field: Field, fallbackName = ""): { name: string; constant: Constant } {
  const tensor: TensorFields = {
    name: "",
    type: 0,
    external: false,
    location: "",
    dims: [],
    raw: undefined,
    floats: [],
    doubles: [],
    ints: [],
  };
  field.message("a tensor", (part) => readTensorField(part, tensor));
  return { name: tensor.name, constant: decode(tensor, tensor.name || fallbackName) };
}

function readTensorField(field: Field, tensor: TensorFields): void {
  if (field.number === 1) field.ints(tensor.dims);
  else if (field.number === 2) tensor.type = field.int();
  else if (field.number === 4) tensor.floats.push(field.fixed(4));
  else if (field.number === 5 || field.number === 7 || field.number === 11) field.ints(tensor.ints);
  else if (field.number === 8) tensor.name = field.string();
  else if (field.number === 9) tensor.raw = field.bytes();
  else if (field.number === 10) tensor.doubles.push(field.fixed(8));
  else if (field.number === 13) tensor.location ||= externalLocation(field);
  else if (field.number === 14) tensor.external = field.int() === 1;
}

function externalLocation(field: Field): string {
  let key = "";
  let value = "";
  field.message("an external data entry", (part) => {
    if (part.number === 1) key = part.string();
    else if (part.number === 2) value = part.string();
  });
  return key === "location" ? value : "";
}

function decode(tensor: TensorFields, name: string): Constant {
  const { dims } = tensor;
  if (tensor.external) {
    const where = tensor.location === "" ? "another file" : `another file ("${tensor.location}")`;
    throw new ModelError(
      `Tensor "${name}": its data lies in ${where}, which is not part of these bytes. Embed the weights first, in Python: ` +
        `onnx.save_model(onnx.load("model.onnx"), "embedded.onnx", save_as_external_data=False).`,
    );
  }
  const type = elementTypes.get(tensor.type);
  if (!type) {
    throw new ModelError(
      `Tensor "${name}": element type ${elementTypeName(tensor.type)} is not supported. Export the network in float32 or float16.`,
    );
  }
  if (!dims.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new ModelError(`Tensor "${name}": its shape [${dims.join(", ")}] is not a shape; the file is damaged.`);
  }
  if (tensor.raw) return fromRaw(tensor.raw, type, dims, name);
  if (type.name === "float32") return fromRaw(joinBytes(tensor.floats), type, dims, name);
  const doubles = elementTypes.get(11);
  if (type === doubles) return fromRaw(joinBytes(tensor.doubles), type, dims, name);
  const size = sizeOf(dims);
  if (tensor.ints.length !== size) {
    throw new ModelError(
      `Tensor "${name}": shape ${showShape(dims)} holds ${size} values, the file has ${tensor.ints.length}.`,
    );
  }
  if (type.name === "float16") {
    const halves = Uint16Array.from(tensor.ints); // the file keeps the bits of each half in an int32
    return Constant.fromBytes(new Uint8Array(halves.buffer), "float16", dims);
  }
  return Constant.fromNumbers(type.kind === "bool" ? "bool" : "int", tensor.ints, dims);
}

function fromRaw(raw: Uint8Array, type: ElementType, dims: readonly number[], name: string): Constant {
  const size = sizeOf(dims);
  if (raw.byteLength !== size * type.width) {
    throw new ModelError(
      `Tensor "${name}": shape ${showShape(dims)} needs ${size * type.width} bytes of ${type.name}, ` +
        `the file has ${raw.byteLength}. The file is damaged; download or export it again.`,
    );
  }
  if (type.name === "float32" || type.name === "float16") return Constant.fromBytes(raw, type.name, dims);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  if (type.kind === "float") {
    return Constant.fromFloats(
      Float32Array.from({ length: size }, (_, i) => type.read(view, i * type.width)),
      dims,
    );
  }
  const numbers = Array.from({ length: size }, (_, i) => type.read(view, i * type.width));
  return Constant.fromNumbers(type.kind, numbers, dims);
}
