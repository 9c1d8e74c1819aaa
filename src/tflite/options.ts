import { refuse } from "../tfjs/graph-builder";
import type { Attributes } from "../tfjs/operations";

type Named = Readonly<Record<string, string | number | boolean | readonly number[]>>;

/** Options of an operator of TensorFlow Lite as the attributes of TensorFlow's operator. */
export class NamedOptions implements Attributes {
  readonly #all: Named;

  constructor(all: Named) {
    this.#all = all;
  }

  string(key: string, fallback: string): string {
    const value = this.#all[key];
    return typeof value === "string" ? value : fallback;
  }

  strings(): string[] {
    return [];
  }

  number(key: string, fallback: number): number {
    const value = this.#all[key];
    return typeof value === "number" ? value : fallback;
  }

  numbers(key: string): number[] {
    const value = this.#all[key];
    return Array.isArray(value) ? [...value] : [];
  }

  boolean(key: string, fallback = false): boolean {
    const value = this.#all[key];
    return typeof value === "boolean" ? value : fallback;
  }

  elementType(key: string): number {
    return refuse(`its element type (${key}) is not supported`);
  }
}
