/** Options that several methods take. */
import type { OptionGroup } from "./facts";

/** What every method takes. */
export const explaining = {
  target: { is: "own", usual: "the class with the highest score" },
  signal: { is: "own" },
  onProgress: { is: "function" },
  seed: { is: "number", default: 0 },
} as const satisfies OptionGroup;

/** Of gradient methods and class activation maps: a list of targets in place of one. */
export const several = { targets: { is: "own" } } as const satisfies OptionGroup;

/** Of methods that can stop at a layer. */
export const atLayer = { layer: { is: "name", usual: "the input" } } as const satisfies OptionGroup;

/** Of class activation maps. */
export const maps = {
  layer: { is: "name", usual: "the last with maps" },
  layers: { is: "own" },
  relu: { is: "flag", default: false },
} as const satisfies OptionGroup;

/** Of methods that follow attention from block to block. */
export const attending = { discard: { is: "own", default: 0 } } as const satisfies OptionGroup;

/** Of methods that make many passes. */
export const batches = { batchSize: { is: "count", usual: "as suits the cache" } } as const satisfies OptionGroup;

/** Of methods whose answer is refined pass by pass. */
export const refined = { budget: { is: "own", usual: "all passes" } } as const satisfies OptionGroup;

/** Of methods that add noise to the input. */
export const noise = {
  samples: { is: "count", usual: "50" },
  stdev: { is: "amount", usual: "0.15 × the input's range", perInput: true },
  noise: { is: "own" },
} as const satisfies OptionGroup;

/** Of methods that take parts of the input away. */
export const parts = {
  segments: { is: "own", usual: "about fifty superpixels, of a volume blocks" },
  baseline: { is: "own", default: "zero" },
} as const satisfies OptionGroup;
