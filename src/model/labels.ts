import { kindOf, show } from "../checks";
import { OptionError } from "../errors";
import { defaultLimits, type Limits, withinLimit } from "../limits";

/** Class names by index: a list, the lines of a text file, or an object from index to name. */
export type Labels = readonly string[] | string | Readonly<Record<string, string>>;

/**
 * Class names as a list.
 *
 * @param given  a list, an object like `{ "0": "cat" }`, or a text: a name a line, or either of the two as JSON
 * @param what   what to call it in a message
 * @param limits  how long the text and each name may be
 * @throws {OptionError} if it is none of these, or an index is missing; {LimitError} if it is too long
 */
export function readLabels(given: unknown, what = "labels", limits: Limits = defaultLimits): readonly string[] {
  if (typeof given === "string") return checkedNames(labelsOfText(given, what, limits), what, limits);
  if (Array.isArray(given)) {
    const odd = given.findIndex((name) => typeof name !== "string");
    if (odd < 0) return checkedNames(given, what, limits);
    throw new OptionError(`${what}: every name is a text, and entry ${odd} is ${kindOf(given[odd])}. ${forms}`);
  }
  if (typeof given === "object" && given !== null) return checkedNames(labelsByIndex(given, what), what, limits);
  throw new OptionError(`${what}: class names are expected, got ${kindOf(given)}. ${forms}`);
}

const forms = 'Give ["cat", …], { "0": "cat", … } or a text with a name a line.';

function labelsOfText(text: string, what: string, limits: Limits): readonly string[] {
  withinLimit(limits, "textBytes", text.length, `${what}: the text is too long`);
  const plain = text.replace(/^\uFEFF/, "");
  if (/^\s*[[{]/.test(plain)) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(plain);
    } catch (error) {
      throw new OptionError(
        `${what}: the text begins like JSON and is none (${error instanceof Error ? error.message : error}). ${forms}`,
      );
    }
    return readLabels(parsed, what, limits);
  }
  const lines = plain.split(/\r\n|\n|\r/).map((line) => line.trim());
  while (lines.at(-1) === "") lines.pop();
  const empty = lines.indexOf("");
  if (empty >= 0) {
    throw new OptionError(
      `${what}: line ${empty + 1} is empty, so the names after it would move. A name a line is expected.`,
    );
  }
  return lines;
}

function labelsByIndex(given: object, what: string): readonly string[] {
  const entries = Object.entries(given);
  const names = new Map<number, string>();
  for (const [key, name] of entries) {
    if (!/^\d+$/.test(key) || typeof name !== "string") {
      throw new OptionError(`${what}: ${show(key)} is expected to be an index with a name, like "0": "cat". ${forms}`);
    }
    names.set(Number(key), name);
  }
  // Never as long as the largest index says.
  return entries.map((_, index) => {
    const name = names.get(index);
    if (name !== undefined) return name;
    throw new OptionError(`${what}: ${entries.length} names are given by index, and there is none for ${index}.`);
  });
}

function checkedNames(names: readonly string[], what: string, limits: Limits): readonly string[] {
  for (let i = 0; i < names.length; i++)
    withinLimit(limits, "nameBytes", names[i].length, `${what}: name ${i} is too long`);
  return names;
}

/** What to say where the number of names is not that of the classes. */
export function labelsMisfit(names: readonly string[], classes: string, count: number): string {
  const extra = names.length - count;
  const background = /background|^bg$|^_+$|^none$/i.test(names[0] ?? "");
  const cause =
    extra === 1
      ? background
        ? ` The first name, "${names[0]}", is the likely cause: this network has no class for the background, so leave it out.`
        : ` One name too many: the likely cause is an extra first one for the background, "${names[0]}" here, which this network has not.`
      : extra === -1
        ? ' One name is missing: the likely cause is an extra first class for the background; put "background" before the others.'
        : "";
  return `labels has ${names.length} ${names.length === 1 ? "name" : "names"}, ${classes}.${cause}`;
}
