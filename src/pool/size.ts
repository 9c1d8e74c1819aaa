import { show } from "../checks";
import { OptionError } from "../errors";

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

async function hardwareThreads(): Promise<number> {
  if (typeof navigator === "object" && navigator.hardwareConcurrency) return navigator.hardwareConcurrency;
  // Node 20 has no navigator. The name is hidden from bundlers: in a browser build there is no such module.
  const system = "node:os";
  const os: { availableParallelism(): number } = await import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ system
  );
  return os.availableParallelism();
}
