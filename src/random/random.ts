import { show } from "../checks";
import { OptionError } from "../errors";
import { boxMuller } from "./box-muller";

/**
 * Seeded random numbers, the same on every runtime: xoshiro128** (Blackman & Vigna 2018, https://prng.di.unimi.it), its
 * state filled from the seed by splitmix32.
 */
export class Random {
  readonly #state: Uint32Array;

  /** @throws {OptionError} if the seed, an option of whoever draws, is no finite number: others would all be 0 in silence */
  constructor(seed: number) {
    if (!Number.isFinite(seed)) throw new OptionError(`seed must be a finite number, got ${show(seed)}.`);
    let mixed = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = mixed;
      word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
      return (word ^ (word >>> 16)) >>> 0;
    });
  }

  /** Uniform in [0, 1) with 32 bits. */
  uniform(): number {
    const state = this.#state;
    const scrambled = Math.imul(state[1], 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = (state[3] << 11) | (state[3] >>> 21);
    return result / 2 ** 32;
  }

  /** Standard normal, one of each pair of Box and Muller, rounded to float32. */
  normal(): number {
    const radial = this.uniform();
    return Math.fround(boxMuller(radial, this.uniform()));
  }

  /** The numbers 0 to count − 1 in a random order (Fisher & Yates). */
  permutation(count: number): number[] {
    const order = [...new Array<number>(count).keys()];
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
