/** Files of several inputs: `--input name=file` for what is explained, `--fix name=value` for what always is the same. */
import { decodeImage, type ImageLike, type Input, InputError, type Model, OptionError, Tensor } from "../index";
import { isArrayFile, readArray } from "./array-file";
import { readInputFile } from "./files";
import { type GivenInput, readNetworkInput } from "./network-input";

/** What a flag gives an input. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** An input with its file. */
export interface NamedFile extends GivenInput {
  readonly name: string;
  readonly path: string;
}

/**
 * What every input is given. A file without a name is that of the first input that no flag names.
 *
 * @throws {InputError} if a file cannot be read, or an input has none
 */
export async function readInputs(
  unnamed: string | undefined,
  named: readonly NamedValue[],
  model: Model,
): Promise<readonly NamedFile[]> {
  const { inputs } = model;
  const shown = inputs.map(({ name, shape }) => `"${name}" (${shape.join("×")})`).join(", ");
  const files = new Map(named.map(({ name, value }) => [name, value]));
  const unknown = named.find(({ name }) => !inputs.some((input) => input.name === name));
  if (unknown) throw new OptionError(`--input ${unknown.name}=…: ${model.name} has no such input; it has ${shown}.`);
  const free = inputs.find(({ name }) => !files.has(name));
  if (unnamed !== undefined) {
    if (!free) throw new OptionError(`${unnamed}: every input of ${model.name} has a file already, by --input.`);
    files.set(free.name, unnamed);
  }
  const missing = inputs.filter(({ name }) => !files.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    throw new InputError(
      `${model.name} has the ${inputs.length === 1 ? "input" : "inputs"} ${shown}; there is no file for ${missing.join(" and ")}. ` +
        `Give ${missing.map((name) => `--input ${name}=FILE`).join(" ")}, or fix what is not to be explained: --fix ${missing[0]}=0 or a file.`,
    );
  }
  const found: NamedFile[] = [];
  for (const input of inputs) {
    const path = files.get(input.name) as string;
    found.push({ ...(await readNetworkInput(path, model, input)), name: input.name, path });
  }
  return found;
}

/** What the network is given. */
export const givenOf = (files: readonly NamedFile[]): Input =>
  files.length === 1 ? files[0].input : Object.fromEntries(files.map(({ name, input }) => [name, input]));

/** The value that an input always has: a number, or the numbers or picture of a file. */
export async function fixedValue(text: string): Promise<number | Tensor | ImageLike | Float32Array> {
  if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  const bytes = await readInputFile(text);
  if (!isArrayFile(text)) return decodeImage(bytes);
  const { data, shape } = readArray(text, bytes);
  return shape.length === 4 ? new Tensor(data, shape) : data;
}

/** The file name with the name of an input in it. */
export function nameFor(path: string, name: string): string {
  const dot = path.lastIndexOf(".");
  return `${path.slice(0, dot)}.${name.replace(/[^\p{L}\p{N}_-]+/gu, "_")}${path.slice(dot)}`;
}
