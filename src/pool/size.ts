import { show } from "../checks";
import { OptionError } from "../errors";
import { hardwareThreads } from "../workers";

/** More instances than this help less than they take memory. */
const mostByDefault = 4;
const most = 256;

/**
 * How many instances a pool is to have.
 *
 * @throws {OptionError} if `size` is no whole number from 1 to 256
 */
export async function poolSize(size: unknown): Promise<number> {
  if (size === undefined) return Math.max(1, Math.min(mostByDefault, await hardwareThreads()));
  if (typeof size === "number" && Number.isInteger(size) && size >= 1 && size <= most) return size;
  throw new OptionError(`size is the pool's number of instances, a whole number from 1 to ${most}; got ${show(size)}.`);
}

/**
 * How many threads each of a pool's instances has: no more than the processor runs at once, all instances together. What is no number
 * of threads stays as it is, to be refused where models are loaded.
 */
export async function threadsEach(asked: number | undefined, size: number): Promise<number | undefined> {
  if (!(typeof asked === "number" && Number.isInteger(asked) && asked > 1 && size > 1)) return asked;
  return Math.min(asked, Math.max(1, Math.floor((await hardwareThreads()) / size)));
}

/** Why there are fewer, and what to do. */
export const shareOf = (size: number): string =>
  `The pool has ${size} instances, which share the processor: with a smaller one, createPool({ size }), each has more threads.`;
