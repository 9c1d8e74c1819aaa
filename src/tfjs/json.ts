import { messageOf, show } from "../checks";
import { LimitError, ModelError } from "../errors";
import { parseJson } from "../json-text";
import { defaultLimits, type Limits } from "../limits";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/**
 * @throws {LimitError} if it is larger, or nested further, than the limits allow
 * @throws {ModelError} naming the file if it is not one JSON object
 */
export function parseObject(bytes: Uint8Array, file: string, limits: Limits = defaultLimits): JsonObject {
  let value: Json;
  try {
    value = parseJson(bytes, file, limits) as Json;
  } catch (error) {
    if (error instanceof LimitError) throw error;
    throw new ModelError(`${file} begins like JSON but is none (${messageOf(error)}). It is cut off or damaged.`);
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
