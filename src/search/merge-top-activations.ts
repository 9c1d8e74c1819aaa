import { show } from "../checks";
import { InputError } from "../errors";
import { guarded } from "../guard";
import { isRecord, isSmallTree } from "../json-text";
import { Ranking } from "./ranking";
import { type SearchKey, searchFormat, type TopActivations } from "./types";

/**
 * Joins partial results of one search, for example those of the workers of a queue.
 *
 * The result depends on the set of images alone: merging is associative, commutative and idempotent, so parts may come in
 * any order, through any tree of merges, and more than once. An image that occurs in several parts counts once in every
 * list; `images` counts what each shard delivered.
 *
 * @param parts  results of `topActivations` or of this function, also after a trip through JSON
 * @throws {InputError} if there is none, one is no such result, or they belong to different searches: it names the
 *   option, both values and the part
 * @example
 * const all = mergeTopActivations(...parts.map((text) => JSON.parse(text)));
 */
export function mergeTopActivations(...parts: readonly TopActivations[]): TopActivations {
  return guarded("mergeTopActivations", () => {
    if (parts.length === 0) throw new InputError("mergeTopActivations needs at least one part.");
    parts.forEach((part, i) => {
      checkPart(part, `Part ${i + 1}`);
    });
    const ranking = new Ranking(parts[0].search);
    parts.forEach((part, i) => {
      checkSameSearch(part.search, ranking.key, `Part ${i + 1}`, "part 1");
      ranking.add(part);
    });
    return ranking.result();
  });
}

/** @throws {InputError} if the data did not come from a search of this version */
export function checkPart(part: TopActivations, name: string): void {
  const given: unknown = part;
  if (given instanceof Promise || (isRecord(given) && typeof given.then === "function"))
    throw new InputError(`${name} is a promise: await topActivations first.`);
  if (typeof given === "string" || ArrayBuffer.isView(given))
    throw new InputError(`${name} is text or bytes: parse the JSON first.`);
  if (!isRecord(given) || !("format" in given) || !("units" in given)) {
    throw new InputError(
      `${name} is no result of topActivations: expected an object with format "${searchFormat}", got ${show(given)}.`,
    );
  }
  if (given.format !== searchFormat) {
    throw new InputError(
      `${name} has the format ${show(given.format)}, this version reads "${searchFormat}". Search again, or use the version that wrote it.`,
    );
  }
  const { search, units, shards, failures } = given;
  if (!isRecord(search) || !isRecord(shards) || !Array.isArray(units) || !Array.isArray(failures))
    throw new InputError(`${name} is damaged: search, shards, failures or units are missing.`);
  if (!failures.every((each) => isRecord(each) && typeof each.id === "string" && typeof each.message === "string"))
    throw new InputError(`${name} is damaged: a failure has no id and message.`);
  if (!Object.values(shards).every((shard) => isRecord(shard) && isCount(shard.images) && isCount(shard.failed)))
    throw new InputError(`${name} is damaged: a shard has no counts of images and failed ones.`);
  if (!isSmallTree(search)) throw new InputError(`${name} is damaged: its search holds more than any options do.`);
  const asked = Array.isArray(search.units) ? search.units : [];
  const complete = units.length === asked.length && units.every((entry, i) => isUnit(entry, asked[i]));
  if (!complete) throw new InputError(`${name} is damaged: its units do not have a list of hits each.`);
}

const isCount = (value: unknown): boolean => typeof value === "number" && Number.isInteger(value) && value >= 0;

/** True of what a search found for one unit. */
export const isUnit = (entry: unknown, unit: unknown): boolean =>
  isRecord(entry) &&
  entry.unit === unit &&
  [entry.top, entry.sample].every((hits) => Array.isArray(hits) && hits.every(isHit));

const isHit = (hit: unknown): boolean =>
  isRecord(hit) &&
  typeof hit.id === "string" &&
  typeof hit.score === "number" &&
  Array.isArray(hit.position) &&
  hit.position.length === 2 &&
  isRecord(hit.crop);

/** What to say about an option in which two searches differ. */
const advice: Readonly<Partial<Record<keyof SearchKey, string>>> = {
  modelHash: "They come from different model files.",
  arithmetic: "Fused sums round otherwise.",
  memory: "Weights rounded by memory: 'low' give other scores.",
};

/** @throws {InputError} naming the first option in which two searches differ */
export function checkSameSearch(key: SearchKey, expected: SearchKey, name: string, other: string): void {
  const fields = Object.keys({ ...expected, ...key }) as (keyof SearchKey)[];
  const different = fields.find((field) => canonical(key[field]) !== canonical(expected[field]));
  if (different === undefined) return;
  throw new InputError(
    `${name} belongs to another search: its ${different} is ${show(key[different])}, that of ${other} is ${show(expected[different])}. ` +
      `${advice[different] ?? "Parts of one search have the same options."}`,
  );
}

/** JSON with sorted keys. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  ) ?? "absent";
