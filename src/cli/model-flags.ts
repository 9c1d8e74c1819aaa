import { type Command, InvalidArgumentError, Option } from "commander";
import {
  InputError,
  type LoadOptions,
  loadModel,
  type Model,
  OptionError,
  type Preprocess,
  type Target,
} from "../index";
import { mostFileBytes, readInputFile } from "./files";
import { fixedValue, type NamedValue } from "./named-files";

/** Which model, and how pictures become its input. */
export interface ModelFlags {
  readonly model?: string;
  readonly labels?: string;
  readonly config?: readonly string[];
  readonly classAxis?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly range?: readonly [number, number];
  readonly fit?: Preprocess["fit"];
  readonly channels?: Preprocess["channels"];
  readonly inputShape?: readonly number[];
  readonly output?: string;
  readonly memory?: LoadOptions["memory"];
  readonly maxMemory?: number;
  readonly quantized?: LoadOptions["quantized"];
  readonly arithmetic?: LoadOptions["arithmetic"];
  readonly threads?: number;
  /** Inputs that always have one value. */
  readonly fix?: readonly NamedValue[];
}

const numberList = (text: string): number[] => {
  const values = text.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  if (values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError("expected numbers separated by commas, for example 0.485,0.456,0.406");
  }
  return values;
};

const wholeNumber = (text: string): number => {
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("expected a whole number, counted from the end where it is negative");
};

const threadCount = (text: string): number => {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= 256) return Number(text);
  throw new InvalidArgumentError("expected a whole number from 1 to 256");
};

const range = (text: string): readonly [number, number] => {
  const [low, high, ...rest] = text.split("..").map(Number);
  if (rest.length > 0 || !(low < high))
    throw new InvalidArgumentError("expected two numbers as LOW..HIGH, for example 0..255");
  return [low, high];
};

const inputShape = (text: string): number[] => {
  if (!/^\d+(,\d+)+$/.test(text))
    throw new InvalidArgumentError("expected whole numbers separated by commas, for example 1,3,448,448");
  return text.split(",").map(Number);
};

const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

const byteCount = (text: string): number => {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = digits === undefined ? 0 : Math.floor(Number(digits) * units[unit.toUpperCase()]);
  if (bytes < 1) throw new InvalidArgumentError("expected a number of bytes, for example 268435456 or 256M");
  return bytes;
};

/** `NAME=VALUE`, once or more often. */
export const namedValues = (text: string, before: readonly NamedValue[] = []): readonly NamedValue[] => {
  const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined)
    throw new InvalidArgumentError("expected a name and what it is given, for example mask=mask.png");
  if (before.some((each) => each.name === name)) throw new InvalidArgumentError(`"${name}" is there already`);
  return [...before, { name, value }];
};

/** Adds the options of every command that shows pictures to a model. */
export const withModelOptions = (command: Command): Command =>
  withPictureOptions(
    command.option(
      "--model <file>",
      "ONNX file or TensorFlow.js model.json; default: the embedded pet-shop classifier",
    ),
  );

/** The same for a command that takes the model as its argument: how a file is read, and how pictures become its input. */
export const withPictureOptions = (command: Command): Command =>
  command
    .option(
      "--labels <file>",
      'class names: a text file with a name a line, a JSON list, or a JSON object like { "0": "cat" }',
    )
    .option(
      "--config <file>",
      "Hugging Face config.json or preprocessor_config.json, once for each; default: those beside the model",
      (file: string, before: readonly string[] = []) => [...before, file],
    )
    .option("--mean <a,b,c>", "per-channel mean subtracted after scaling to the range", numberList)
    .option("--std <a,b,c>", "per-channel divisor", numberList)
    .option("--range <low..high>", "range that pixels are scaled to before mean and std; default 0..1", range)
    .addOption(new Option("--fit <how>", "how the image becomes the input's shape").choices(["crop", "stretch", "pad"]))
    .addOption(new Option("--channels <order>", "order of the network's colours; default rgb").choices(["rgb", "bgr"]))
    .option(
      "--input-shape <1,c,h,w>",
      "size of the input where the file leaves it open, in the file's order of axes",
      inputShape,
    )
    .option(
      "--fix <name=value>",
      "what an input of several always is, a number or a file: it is no input then; again for another",
      namedValues,
    )
    .option("--class-axis <n>", "axis of the output that holds the classes, in the file's order of axes", wholeNumber)
    .option("--output <name>", "output or layer to explain, for example the scores before an ArgMax or TopK")
    .addOption(
      new Option("--memory <how>", "low: weights as float16, slower, a fraction of the memory").choices([
        "fast",
        "low",
      ]),
    )
    .addOption(
      new Option(
        "--quantized <reading>",
        "float: read a quantised network as real numbers, not as it is deployed",
      ).choices(["deployed", "float"]),
    )
    .addOption(
      new Option(
        "--arithmetic <how>",
        "fused: faster, other rounding, refused where the host does not fuse; fastest: fused where it does; default plain",
      ).choices(["plain", "fused", "fastest"]),
    )
    .option(
      "--threads <n>",
      "threads that compute one pass together, 1 to 256; the same bits, sooner; default 1",
      threadCount,
    )
    .option("--max-memory <bytes>", "refuse what needs more memory; 256M and 1G are understood", byteCount);

/** What is read beside the model, as it was named; `--fix` names numbers as well. */
export const filesBeside = ({ labels, config = [], fix = [] }: ModelFlags): readonly string[] => [
  ...(labels === undefined ? [] : [labels]),
  ...config,
  ...fix.map(({ value }) => value),
];

/** @param load  `loadModel` of the library, or of a pool */
export async function loadFlaggedModel(flags: ModelFlags, load = loadModel): Promise<Model> {
  const {
    model,
    labels,
    config,
    classAxis,
    mean,
    std,
    range: scaled,
    fit,
    channels,
    inputShape: shape,
    output,
    memory,
    quantized,
    arithmetic,
    threads,
    maxMemory,
    fix = [],
  } = flags;
  const fixed = await Promise.all(
    fix.map(async ({ name, value }) => [name, { value: await fixedValue(value) }] as const),
  );
  const names = labels ? textOf(await readInputFile(labels, mostFileBytes.text)) : undefined;
  const said = config && (await readConfigs(config));
  const preprocess = {
    ...(mean && { mean }),
    ...(std && { std }),
    ...(scaled && { range: scaled }),
    ...(fit && { fit }),
    ...(channels && { channels }),
  };
  try {
    return await load(model, {
      ...(names !== undefined && { labels: names }),
      ...(said && { config: said }),
      ...(Object.keys(preprocess).length > 0 && { preprocess }),
      ...(shape && { inputShape: shape }),
      ...(fixed.length > 0 && { inputs: Object.fromEntries(fixed) }),
      ...(output !== undefined && { output }),
      ...(classAxis !== undefined && { classAxis }),
      ...(memory && { memory }),
      ...(quantized && { quantized }),
      ...(arithmetic && { arithmetic }),
      ...(threads !== undefined && { threads }),
      ...(maxMemory !== undefined && { maxMemory }),
    });
  } catch (error) {
    // The library speaks of the option.
    if (!(error instanceof OptionError) || !error.message.startsWith("labels")) throw error;
    throw new InputError(error.message.replace("labels", `--labels ${labels}`));
  }
}

/** The fields of all of them in one object. */
async function readConfigs(paths: readonly string[]): Promise<Record<string, unknown>> {
  const whole = {};
  for (const path of paths) {
    const fields = await readJson(path, "config.json or preprocessor_config.json of Hugging Face is expected");
    if (typeof fields !== "object" || fields === null || Array.isArray(fields))
      throw new InputError(`${path} is no JSON object; config.json or preprocessor_config.json is expected.`);
    Object.assign(whole, fields);
  }
  return whole;
}

/** A number is an index unless the model has a class of that name. */
function targetOf(text: string | undefined, model: Model): number | string | undefined {
  if (text === undefined) return undefined;
  return /^\d+$/.test(text) && !model.labels?.includes(text) ? Number(text) : text;
}

/** A place of an output map: row and column, of a list one number. */
export type PlaceFlag = number | readonly [y: number, x: number];

/**
 * The same at one place of the output, where one is named.
 *
 * @throws {InputError} if a place is named and the target is no channel's number
 */
export function targetAt(text: string | undefined, position: PlaceFlag | undefined, model: Model): Target | undefined {
  if (position === undefined) return targetOf(text, model);
  if (text !== undefined && /^\d+$/.test(text)) return { position, channel: Number(text) };
  throw new InputError(
    `--position is a place of one channel: name the channel by its number, --target 0 for the first${text === undefined ? "" : `; got --target ${text}`}.`,
  );
}

/** Windows' editors write UTF-16 too, and say so in the first two bytes. */
const textOf = (bytes: Uint8Array): string => {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
};

/** @throws {InputError} if the file cannot be read, or is not JSON: then with what was expected */
export async function readJson(path: string, expected: string): Promise<unknown> {
  const bytes = await readInputFile(path, mostFileBytes.text);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InputError(`${path} is not JSON; ${expected}.`);
  }
}
