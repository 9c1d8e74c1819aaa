import { show } from "../checks";
import { refuse } from "./graph-builder";
import { isList, isObject, type Json, type JsonObject } from "./json";
import type { Attributes } from "./operations";

/**
 * The attributes of a GraphDef node in JSON: `{ s: base64 }`, `{ i: "3" }`, `{ f: 0.1 }`, `{ b: true }`, `{ type: "DT_FLOAT" }`,
 * `{ shape: { dim: [{ size: "1" }] } }`, or `{ list: { i: […] } }`.
 */
export class GraphAttributes implements Attributes {
  readonly #all: JsonObject;

  constructor(all: Json | undefined) {
    this.#all = isObject(all) ? all : {};
  }

  #field(key: string, kind: string): Json | undefined {
    const attribute = Object.hasOwn(this.#all, key) ? this.#all[key] : undefined;
    return isObject(attribute) ? attribute[kind] : undefined;
  }

  #list(key: string, kind: string): readonly Json[] {
    const list = this.#field(key, "list");
    const items = isObject(list) ? list[kind] : undefined;
    return isList(items) ? items : [];
  }

  string(key: string, fallback: string): string {
    return textOf(this.#field(key, "s")) ?? fallback;
  }

  strings(key: string): string[] {
    return this.#list(key, "s").map((item) => textOf(item) ?? "");
  }

  number(key: string, fallback: number): number {
    const value = this.#field(key, "i") ?? this.#field(key, "f");
    return value === undefined ? fallback : Number(value);
  }

  numbers(key: string): number[] {
    return this.#list(key, "i").map(Number);
  }

  boolean(key: string, fallback = false): boolean {
    const value = this.#field(key, "b");
    return typeof value === "boolean" ? value : fallback;
  }

  /** An element type as ONNX numbers it. */
  elementType(key: string): number {
    const given = this.#field(key, "type");
    const type = typeof given === "object" ? show(given) : String(given);
    return (
      (Object.hasOwn(elementTypes, type) ? elementTypes[type] : undefined) ??
      refuse(`element type ${type} is not supported`)
    );
  }

  /** Extents, null where they are open; undefined where even the rank is. */
  shape(key: string): (number | null)[] | undefined {
    const shape = this.#field(key, "shape");
    if (!isObject(shape) || shape.unknownRank === true) return undefined;
    const dims = isList(shape.dim) ? shape.dim : [];
    return dims.map((dim) => {
      const extent = isObject(dim) ? Number(dim.size ?? 0) : Number(dim);
      return extent >= 1 ? extent : null;
    });
  }
}

/** DataType of TensorFlow, by name and by number, as TensorProto.DataType of ONNX. */
const elementTypes: Readonly<Record<string, number>> = {
  DT_FLOAT: 1,
  1: 1,
  DT_DOUBLE: 11,
  2: 11,
  DT_INT32: 6,
  3: 6,
  DT_INT64: 7,
  9: 7,
  DT_BOOL: 9,
  10: 9,
  DT_HALF: 10,
  19: 10,
};

/** Text is base64, or a list of its bytes. */
function textOf(value: Json | undefined): string | undefined {
  if (typeof value === "string") return atob(value);
  return isList(value) ? value.map((byte) => String.fromCharCode(Number(byte))).join("") : undefined;
}
