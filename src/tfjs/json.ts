import { messageOf, show } from "../checks";
import { ModelError } from "../errors";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** Lists and objects inside each other: networks inside networks have a few dozen. */
const deepest = 256;

/** Whether JSON is nested further than anything that walks through it can go. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) isText = true;
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    if (depth > deepest) return true;
  }
  return false;
}

/** @throws {ModelError} naming the file if it is not one JSON object, or nested deeply */
export function parseObject(bytes: Uint8Array, file: string): JsonObject {
  if (isTooDeep(bytes)) {
    throw new ModelError(
      `${file} has more than ${deepest} lists and objects inside each other; no network needs that.`,
    );
  }
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    const reason = messageOf(error);
    throw new ModelError(`${file} begins like JSON but is none (${reason}). It is cut off or damaged.`);
  }
  if (!isObject(value)) throw new ModelError(`${file} holds no JSON object, so it is no TensorFlow.js model.`);
  return value;
}

/** The fields of a JSON object with their types checked. An absent field, or null, is its fallback. */
export class Fields {
  readonly object: JsonObject;
  /** How messages begin: `Conv2D "conv1"`. */
  readonly owner: string;

  constructor(object: JsonObject, owner: string) {
    this.object = object;
    this.owner = owner;
  }

  has(key: string): boolean {
    return (this.object[key] ?? null) !== null;
  }

  number(key: string, fallback?: number): number {
    return this.#read(key, "a number", fallback, (value) => (typeof value === "number" ? value : undefined));
  }

  string(key: string, fallback?: string): string {
    return this.#read(key, "text", fallback, (value) => (typeof value === "string" ? value : undefined));
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#read(key, "true or false", fallback, (value) => (typeof value === "boolean" ? value : undefined));
  }

  child(key: string, fallback?: JsonObject): JsonObject {
    return this.#read(key, "an object", fallback, (value) => (isObject(value) ? value : undefined));
  }

  list(key: string, fallback?: readonly Json[]): readonly Json[] {
    return this.#read(key, "a list", fallback, (value) => (isList(value) ? value : undefined));
  }

  /** A list of numbers; one number stands for `length` equal ones. */
  numbers(key: string, length?: number, fallback?: number): number[] {
    const what = length === undefined ? "a list of numbers" : `a number or a list of ${length}`;
    const filled = (value: number): number[] => new Array<number>(length ?? 1).fill(value);
    return this.#read(key, what, fallback === undefined ? undefined : filled(fallback), (value) => {
      if (typeof value === "number") return filled(value);
      if (!isList(value) || (length !== undefined && value.length !== length)) return undefined;
      const numbers = value.filter((item) => typeof item === "number");
      return numbers.length === value.length ? numbers : undefined;
    });
  }

  #read<T>(key: string, what: string, fallback: T | undefined, accept: (value: Json) => T | undefined): T {
    const value = this.object[key] ?? null;
    if (value === null) {
      if (fallback !== undefined) return fallback;
      throw new ModelError(`${this.owner}: "${key}" is missing in the file.`);
    }
    const accepted = accept(value);
    if (accepted !== undefined) return accepted;
    throw new ModelError(`${this.owner}: "${key}" must be ${what}, the file has ${show(value).slice(0, 60)}.`);
  }
}
