/** Checks that many options share, and what their messages say of what arrived. */
import { OptionError } from "./errors";

/** Texts in quotation marks, so that "5" is no number. */
const show = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value));

/** What kind of thing a value is, where it is too large to show. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return value instanceof Promise ? "a promise: await it first" : typeof value;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** @throws {OptionError} naming the option unless it is a whole number of at least `least` */
export function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new OptionError(`${name} must be a whole number of at least ${least}, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option unless it is finite and above 0 */
export function above(name: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new OptionError(`${name} must be above 0, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option unless it is finite and at least 0 */
export function atLeastZero(name: string, value: number): number {
  if (value >= 0 && Number.isFinite(value)) return value;
  throw new OptionError(`${name} must be at least 0, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option and its choices unless it is one of them */
export function oneOf<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw new OptionError(`${name} ${show(value)} is none of ${choices.join(", ")}.`);
}

/** @throws {OptionError} naming the option unless it is a list of at least one item */
export function nonEmptyList(name: string, list: unknown, item: string): void {
  if (Array.isArray(list) && list.length > 0) return;
  const got = Array.isArray(list) || typeof list === "string" ? show(list) : kindOf(list);
  throw new OptionError(`${name} must be a list of at least one ${item}, got ${got}.`);
}

/** @throws {OptionError} naming the option unless its items can be taken one after the other */
export function iterable(name: string, value: object, items: string): void {
  if (typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value))
    return;
  throw new OptionError(`${name} must be a list or stream of ${items}, got ${kindOf(value)}.`);
}
