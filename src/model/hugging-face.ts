import { show } from "../checks";
import { LimitError, OptionError } from "../errors";
import type { Preprocess } from "../image/preprocess-options";
import { isRecord, parseJson } from "../json-text";
import { defaultLimits, type Limits } from "../limits";
import type { Metadata } from "./metadata";

/**
 * What Hugging Face says of a network in `config.json` and `preprocessor_config.json`, read as objects: both by name, or the
 * fields of both in one object.
 */
export type ModelConfig =
  | { readonly config?: object | undefined; readonly preprocessor?: object | undefined }
  | Readonly<Record<string, unknown>>;

type Fields = Readonly<Record<string, unknown>>;

/** What is read here; without any of it a configuration says nothing. */
const fields = {
  config: ["id2label", "image_size", "num_channels"],
  preprocessor: [
    "do_center_crop",
    "do_normalize",
    "do_rescale",
    "image_mean",
    "image_std",
    "rescale_factor",
    "size",
    "crop_size",
  ],
} as const;

/** What a configuration says: metadata, and how large the picture is that the network takes. */
export interface Configured extends Omit<Metadata, "inputShape"> {
  readonly size?: readonly [height: number, width: number];
  readonly channels?: number;
}

/**
 * Reads the option `config`.
 *
 * @throws {OptionError} if it is no configuration, or one of its fields cannot be what it is
 */
export function readConfigOption(given: unknown): Configured {
  if (!isRecord(given)) {
    throw new OptionError(
      "config must be an object: the contents of config.json, of preprocessor_config.json or both, as JSON.parse gives them.",
    );
  }
  const isPair = "preprocessor" in given || isRecord(given.config);
  const parts = isPair ? [given.config ?? {}, given.preprocessor ?? {}] : [given, given];
  if (!parts.every(isRecord))
    throw new OptionError("config.config and config.preprocessor must be objects, as JSON.parse gives them.");
  const known = [...fields.config, ...fields.preprocessor];
  if (!parts.some((part) => known.some((key) => key in (part as Fields)))) {
    throw new OptionError(`config has none of the fields that are read: ${known.join(", ")}.`);
  }
  return readConfig(parts[0] as Fields, parts[1] as Fields);
}

/** @throws {OptionError} naming the field that cannot be what it is */
function readConfig(config: Fields, preprocessor: Fields): Configured {
  const labels = labelsOf(config.id2label);
  const preprocess = preprocessOf(preprocessor);
  const size = sizeOf(preprocessor) ?? pairOf("image_size", config.image_size);
  const { num_channels: channels } = config;
  return {
    ...(labels && { labels }),
    ...(preprocess && { preprocess }),
    ...(size && { size }),
    ...(typeof channels === "number" && { channels }),
  };
}

/** `{ "0": "cat", "1": "dog" }`: every index from 0 on. */
function labelsOf(id2label: unknown): string[] | undefined {
  if (id2label === undefined || id2label === null) return undefined;
  const entries = isRecord(id2label) ? Object.entries(id2label) : Array.isArray(id2label) ? id2label.entries() : [];
  const labels: string[] = [];
  let count = 0;
  for (const [key, label] of entries) {
    const index = Number(key);
    if (!(Number.isInteger(index) && index >= 0 && index < 1e6) || typeof label !== "string") {
      throw new OptionError(`config: id2label must give a text for every index, it has ${show({ [key]: label })}.`);
    }
    labels[index] = label;
    count += 1;
  }
  if (count > 0 && count === labels.length) return labels;
  throw new OptionError(
    `config: id2label must name every class from 0 on; it has ${count} names up to class ${labels.length - 1}.`,
  );
}

function preprocessOf(given: Fields): Preprocess | undefined {
  const said = [
    "do_normalize",
    "do_rescale",
    "image_mean",
    "image_std",
    "rescale_factor",
    "do_flip_channel_order",
  ].some((key) => key in given);
  if (!said) return undefined;
  const factor = given.do_rescale === false ? 1 : (numberOf("rescale_factor", given.rescale_factor) ?? 1 / 255);
  // EfficientNet: pixels come down by 1 after they are scaled.
  const offset = given.rescale_offset === true ? -1 : 0;
  const [mean, std] = [listOf("image_mean", given.image_mean), listOf("image_std", given.image_std)];
  if (std?.some((value) => value === 0)) throw new OptionError("config: image_std must not be 0.");
  // 255 · (1/255), as files write it, is not quite 1.
  const high = Math.abs(255 * factor - 1) < 1e-6 ? 1 : 255 * factor;
  return {
    range: [offset, high + offset],
    ...(given.do_normalize !== false && { ...(mean && { mean }), ...(std && { std }) }),
    channels: given.do_flip_channel_order === true ? "bgr" : "rgb",
    ...fitOf(given),
  };
}

function fitOf(given: Fields): Pick<Preprocess, "fit"> {
  if (given.do_center_crop === true || (isRecord(given.size) && "shortest_edge" in given.size)) return { fit: "crop" };
  if (given.do_pad === true) return { fit: "pad" };
  if (isRecord(given.size) && "height" in given.size) return { fit: "stretch" };
  return typeof given.size === "number" && given.do_center_crop === false ? { fit: "stretch" } : {};
}

/** The picture's size where it is one: an edge that only limits the other leaves it open. */
function sizeOf(given: Fields): readonly [number, number] | undefined {
  if (given.do_center_crop !== false && given.crop_size !== undefined) return pairOf("crop_size", given.crop_size);
  if (given.do_resize === false) return undefined;
  return pairOf("size", given.size);
}

function pairOf(name: string, value: unknown): readonly [number, number] | undefined {
  if (value === undefined || value === null) return undefined;
  const extent = (each: unknown): number => {
    if (typeof each === "number" && Number.isInteger(each) && each > 0) return each;
    throw new OptionError(`config: ${name} must be whole numbers above 0, it is ${show(value)}.`);
  };
  if (typeof value === "number") return [extent(value), extent(value)];
  if (Array.isArray(value)) return value.length === 2 ? [extent(value[0]), extent(value[1])] : undefined;
  if (!isRecord(value)) return [extent(value), extent(value)];
  if ("height" in value && "width" in value) return [extent(value.height), extent(value.width)];
  if ("shortest_edge" in value && !("longest_edge" in value))
    return [extent(value.shortest_edge), extent(value.shortest_edge)];
  return undefined;
}

function numberOf(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw new OptionError(`config: ${name} must be a number above 0, it is ${show(value)}.`);
}

function listOf(name: string, value: unknown): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const list: unknown = typeof value === "number" ? [value] : value;
  if (Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === "number" && Number.isFinite(item)))
    return list;
  throw new OptionError(`config: ${name} must be a list of numbers, it is ${show(value)}.`);
}

type ReadFile = (path: string) => Promise<Uint8Array>;

/**
 * What the files beside a model say; nothing where there are none.
 *
 * @param above  reads a file of the folder above, where repositories keep them whose models lie in a folder of their own
 */
export async function readConfigBeside(
  sibling: ReadFile,
  above?: ReadFile,
  limits: Limits = defaultLimits,
): Promise<{
  readonly said: Configured;
  /** Why one of them is left out. */
  readonly refused?: string;
}> {
  const readFrom = async (folder: ReadFile, path: string): Promise<Fields | undefined> => {
    try {
      const value = parseJson(await folder(path), path, limits);
      return isRecord(value) ? value : {};
    } catch (error) {
      if (error instanceof LimitError) throw error;
      return undefined; // there is no such file, or a server answered with a page
    }
  };
  const read = async (path: string): Promise<Fields> =>
    (await readFrom(sibling, path)) ?? (above && (await readFrom(above, path))) ?? {};
  const [config, preprocessor] = await Promise.all([read("config.json"), read("preprocessor_config.json")]);
  const refused: string[] = [];
  const attempt = (name: string, own: Fields, other: Fields): Configured => {
    try {
      return readConfig(own, other);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      refused.push(`${name}: ${error.message.replace(/^config: /, "")}`);
      return {};
    }
  };
  const said = { ...attempt("config.json", config, {}), ...attempt("preprocessor_config.json", {}, preprocessor) };
  return { said, ...(refused.length > 0 && { refused: refused.join(" ") }) };
}
