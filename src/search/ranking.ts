import { InputError } from "../errors";
import { entryOf } from "../guard";
import { compareIds, randomKey, Shortlist } from "./shortlist";
import { type Hit, type SearchKey, type ShardProgress, searchFormat, type TopActivations } from "./types";

/** Failures kept with their message; all are counted. */
const keptFailures = 100;

interface Lists {
  readonly top: Shortlist;
  readonly sample: Shortlist;
}

/** What a search has found so far: lists of fixed length and counts. Adding a part twice changes nothing. */
export class Ranking {
  readonly key: SearchKey;
  readonly #units: ReadonlyMap<number, Lists>;
  readonly #shards = new Map<string, ShardProgress>();
  #failures = new Map<string, string>();

  constructor(key: SearchKey) {
    this.key = key;
    this.#units = new Map(
      key.units.map((unit) => [unit, { top: new Shortlist(key.top), sample: new Shortlist(key.sample) }]),
    );
  }

  /** Offers what a unit says to an image; the rest of the hit is worked out only if it stays. */
  offer(unit: number, id: string, score: number, sampleKey: number, rest: () => Omit<Hit, "id" | "score">): void {
    const { top, sample } = entryOf(this.#units, unit);
    const best = top.welcomes(-score, id);
    const drawn = sample.welcomes(sampleKey, id);
    if (!best && !drawn) return;
    const hit: Hit = { id, score, ...rest() };
    if (best) top.add(-score, hit);
    if (drawn) sample.add(sampleKey, hit);
  }

  fail(id: string, message: string): void {
    const known = this.#failures.get(id);
    if (known === undefined || message < known) this.#failures.set(id, message);
    if (this.#failures.size > 2 * keptFailures) this.#failures = new Map(this.#firstFailures());
  }

  shard(name: string): ShardProgress | undefined {
    return this.#shards.get(name);
  }

  /** @throws {InputError} if two different streams have one name */
  advance(name: string, progress: ShardProgress): void {
    const known = this.#shards.get(name);
    if (known && known.images === progress.images && known.last !== progress.last) {
      throw new InputError(
        `Two different streams are called "${name}": after ${progress.images} images one is at "${known.last}", the other at ` +
          `"${progress.last}". Give every stream its own shard name, and every shard a fixed order.`,
      );
    }
    const newer = !known || progress.images - known.images || progress.failed - known.failed;
    if (newer === true || newer > 0) this.#shards.set(name, progress);
  }

  /** Takes in another result of the same search. */
  add(part: TopActivations): void {
    for (const { unit, top, sample } of part.units) {
      const lists = entryOf(this.#units, unit);
      for (const hit of top) lists.top.add(-hit.score, hit);
      for (const hit of sample) lists.sample.add(randomKey(hit.id, this.key.seed), hit);
    }
    for (const { id, message } of part.failures) this.fail(id, message);
    for (const [name, progress] of Object.entries(part.shards)) this.advance(name, progress);
  }

  /** The state as plain data that no later change touches. */
  result(): TopActivations {
    const shards = [...this.#shards].sort(([a], [b]) => compareIds(a, b));
    return {
      format: searchFormat,
      search: this.key,
      images: shards.reduce((total, [, { images, failed }]) => total + images - failed, 0),
      shards: Object.fromEntries(shards),
      failures: this.#firstFailures().map(([id, message]) => ({ id, message })),
      units: [...this.#units].map(([unit, { top, sample }]) => ({ unit, top: top.hits, sample: sample.hits })),
    };
  }

  #firstFailures(): [string, string][] {
    return [...this.#failures].sort(([a], [b]) => compareIds(a, b)).slice(0, keptFailures);
  }
}
