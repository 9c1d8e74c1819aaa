import type { Hit } from "./types";

interface Entry {
  readonly key: number;
  readonly hit: Hit;
}

/**
 * The `limit` hits of the smallest key. An id counts once, with its better hit; ties fall to the smaller id, so that the list depends
 * on the set of hits alone, whatever their order and however often one comes.
 */
export class Shortlist {
  readonly #limit: number;
  readonly #entries: Entry[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get hits(): Hit[] {
    return this.#entries.map(({ hit }) => hit);
  }

  /** True if a hit of this key and id could enter the list or better the one that is there. */
  welcomes(key: number, id: string): boolean {
    if (this.#entries.length < this.#limit) return true;
    const last = this.#entries.at(-1);
    return last !== undefined && (key < last.key || (key === last.key && id <= last.hit.id));
  }

  add(key: number, hit: Hit): void {
    const entry = { key, hit };
    const known = this.#entries.findIndex(({ hit: { id } }) => id === hit.id);
    if (known >= 0) {
      if (order(this.#entries[known], entry) <= 0) return;
      this.#entries.splice(known, 1);
    }
    const place = this.#entries.findIndex((other) => order(other, entry) > 0);
    this.#entries.splice(place < 0 ? this.#entries.length : place, 0, entry);
    if (this.#entries.length > this.#limit) this.#entries.pop();
  }
}

/** By key, then id, then falling score, then position from the top left. */
function order(a: Entry, b: Entry): number {
  const [left, right] = [a.hit, b.hit];
  return (
    a.key - b.key ||
    compareIds(left.id, right.id) ||
    right.score - left.score ||
    left.position[0] - right.position[0] ||
    left.position[1] - right.position[1]
  );
}

/** By UTF-16 code units: the same order in every locale. */
export const compareIds = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/**
 * A number that only the id and the seed decide, uniform over 32 bits: images of the smallest ones are a random sample.
 * FNV-1a over the UTF-16 code units, http://www.isthe.com/chongo/tech/comp/fnv, finished by the mixer of splitmix32.
 */
export function randomKey(id: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 255), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
