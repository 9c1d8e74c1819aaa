/** The coalitions whose scores KernelSHAP needs, with their weights. */

import type { Random } from "../../random/random";
import type { Coalition } from "./features";

export interface WeightedCoalitions {
  readonly coalitions: Coalition[];
  readonly weights: number[];
}

/**
 * Coalitions of `count` features by the Shapley kernel p(k) ∝ (M−1)/(C(M,k) k (M−k)), the empty and the full one left out: sizes
 * from outside in, all coalitions of a size and of its complement as long as there is room, then pairs of a coalition and
 * its complement drawn at random for the weight that is left. The order of the `shap` package's KernelExplainer.
 *
 * @param room  how many different coalitions at most; all of them from 2^count − 2 on
 */
export function shapleyCoalitions(count: number, room: number, random: Random): WeightedCoalitions {
  const found = new Map<string, { coalition: Coalition; weight: number }>();
  const add = (coalition: Coalition, weight: number): void => {
    const key = coalition.join("");
    const known = found.get(key);
    if (known) known.weight += weight;
    else found.set(key, { coalition, weight });
  };
  const largest = Math.floor(count / 2);
  const isPaired = (size: number): boolean => 2 * size !== count;
  // The weight of all coalitions of a size, and of their complements.
  const ofSize = (size: number): number => ((count - 1) / (size * (count - size))) * (isPaired(size) ? 2 : 1);
  let size = 1;
  for (; size <= largest; size++) {
    const number = binomial(count, size) * (isPaired(size) ? 2 : 1);
    const left = room - found.size;
    let rest = 0;
    for (let other = size; other <= largest; other++) rest += ofSize(other);
    if (left < number || (left * ofSize(size)) / rest < number * (1 - 1e-8)) break;
    for (const coalition of subsets(count, size)) {
      add(coalition, ofSize(size) / number);
      if (isPaired(size)) add(complement(coalition), ofSize(size) / number);
    }
  }
  if (size <= largest) drawRest(size);
  const all = [...found.values()];
  return { coalitions: all.map(({ coalition }) => coalition), weights: all.map(({ weight }) => weight) };

  function drawRest(from: number): void {
    const sizes = Array.from({ length: largest - from + 1 }, (_, i) => from + i);
    const rest = sizes.reduce((sum, each) => sum + ofSize(each), 0);
    const drawn = new Map<string, { coalition: Coalition; times: number }>();
    let draws = 0;
    // What is drawn again counts twice and costs no pass.
    while (found.size + drawn.size + 2 <= room && draws < 4 * room) {
      const coalition = new Uint8Array(count);
      for (const feature of random.permutation(count).slice(0, drawSize(sizes, rest))) coalition[feature] = 1;
      for (const each of [coalition, complement(coalition)]) {
        const key = each.join("");
        drawn.set(key, { coalition: each, times: (drawn.get(key)?.times ?? 0) + 1 });
        draws += 1;
      }
    }
    for (const { coalition, times } of drawn.values()) add(coalition, (rest * times) / draws);
  }

  function drawSize(sizes: readonly number[], rest: number): number {
    let left = random.uniform() * rest;
    for (const each of sizes) {
      left -= ofSize(each);
      if (left < 0) return each;
    }
    return largest;
  }
}

const complement = (coalition: Coalition): Coalition => coalition.map((member) => 1 - member);

function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return Math.round(result);
}

/** All coalitions of a size, in lexicographic order of their members. */
function* subsets(count: number, size: number): Generator<Coalition> {
  const members = Array.from({ length: size }, (_, i) => i);
  for (;;) {
    const coalition = new Uint8Array(count);
    for (const member of members) coalition[member] = 1;
    yield coalition;
    let i = size - 1;
    while (i >= 0 && members[i] === count - size + i) i--;
    if (i < 0) return;
    members[i] += 1;
    for (let j = i + 1; j < size; j++) members[j] = members[j - 1] + 1;
  }
}
