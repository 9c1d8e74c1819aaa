import { kindOf, throwIfAborted } from "../checks";
import { OptionError } from "../errors";
import { theirs, theirsAsync } from "../guard";
import { pausing } from "../turns";

/** Milliseconds of work after which a long method gives the event loop a turn. */
const turnMilliseconds = 12;

/** Progress, cancelling and breathing of a method that runs many passes. */
export interface Pace {
  /** To be awaited between passes: reports progress, throws if aborted, lets other work run now and then. */
  step(done: number): Promise<void>;
  /** The same where nothing more is done that is counted. */
  pause(): Promise<void>;
}

/** @throws the signal's reason, at once if it is already aborted */
export function createPace(
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void },
  total: number,
): Pace {
  throwIfAborted(options.signal);
  const { onProgress } = options;
  // A caller without types may give anything; null is none.
  if (onProgress && typeof onProgress !== "function") {
    throw new OptionError(`onProgress must be a function (done, total) => void, got ${kindOf(onProgress)}.`);
  }
  const pausesNow = pausing(turnMilliseconds, options.signal);
  const pause = async (): Promise<void> => pausesNow();
  return {
    pause,
    async step(done) {
      const told: unknown = onProgress && theirs(() => onProgress(done, total));
      // A function that waits for something, and may fail later: nobody else would hear of it.
      if (told) await theirsAsync(() => told, options.signal);
      await pause();
    },
  };
}
