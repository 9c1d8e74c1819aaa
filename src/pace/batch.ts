import { wholeNumber } from "../checks";
import type { LoadedModel } from "../model/loaded-model";

/** What the last cache of a server core holds: beyond it a batch costs more per image than images one by one. */
const cacheBytes = 24 * 2 ** 20;
const largestBatch = 8;

/**
 * How many images pass through a network together: `asked` if it is given, else as many as keep the largest layer's input
 * and output in the cache. The bits of a result do not depend on it.
 *
 * @throws {OptionError} if `asked` is no whole number of at least 1
 */
export function batchOf(model: LoadedModel | undefined, asked: number | undefined, most = largestBatch): number {
  if (asked !== undefined) return wholeNumber("batchSize", asked, 1);
  if (!model) return most;
  const floats = model.fast.operations.map(({ inputs, outputs }) =>
    [...inputs, ...outputs].reduce((total, name) => total + model.sampleSize(name), 0),
  );
  return Math.max(1, Math.min(most, Math.floor(cacheBytes / (4 * Math.max(1, ...floats)))));
}
