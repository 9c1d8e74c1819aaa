/** Options that may be said of every input by its name: `{ photo: "blur", age: 0 }`. */
import { OptionError } from "../errors";
import { isTensor } from "../model/network-inputs";
import { suggest } from "../nearest";

/** One value for all inputs, or one for each by its name. */
export type PerInput<T> = T | Readonly<Record<string, T>>;

/** True for an object that names something; lists, arrays of numbers and Tensors are values themselves. */
export const isByName = <T>(value: PerInput<T>): value is Readonly<Record<string, T>> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !isTensor(value);

/**
 * What is said of one input; undefined where names are given and not its own.
 *
 * @param option  the option, for messages
 * @param names   of all inputs
 * @throws {OptionError} if a name is none of the network's inputs
 */
export function ofInputNamed<T>(
  option: string,
  value: PerInput<T>,
  name: string,
  names: readonly string[],
): T | undefined {
  if (!isByName(value)) return value;
  const unknown = Object.keys(value).find((each) => !names.includes(each));
  if (unknown === undefined) return Object.hasOwn(value, name) ? value[name] : undefined;
  throw new OptionError(
    `${option} names the input "${unknown}", which the network does not have.${suggest(unknown, names)} ` +
      `It has ${names.map((each) => `"${each}"`).join(", ")}.`,
  );
}
