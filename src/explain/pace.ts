import { throwIfAborted } from "../checks";
import { theirs, theirsAsync } from "../guard";

/** Milliseconds of work after which a long method gives the event loop a turn. */
const turnMilliseconds = 12;

/** The same where no clock tells. */
const turnSteps = 32;

/** Progress, cancelling and breathing of a method that runs many passes. */
export interface Pace {
  /** To be awaited between passes: reports progress, throws if aborted, lets other work run now and then. */
  step(done: number): Promise<void>;
}

/** @throws the signal's reason, at once if it is already aborted */
export function createPace(
  options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void },
  total: number,
): Pace {
  throwIfAborted(options.signal);
  let resumed = performance.now();
  let steps = 0;
  return {
    async step(done) {
      const told: unknown = options.onProgress && theirs(() => options.onProgress?.(done, total));
      // A function that waits for something, and may fail later: nobody else would hear of it.
      if (told) await theirsAsync(() => told);
      const passed = performance.now() - resumed;
      // In Cloudflare's isolates the clock stands still between two turns.
      if (passed >= turnMilliseconds || (passed === 0 && ++steps >= turnSteps)) {
        await new Promise<void>((resolve) => setTimeout(resolve, 0));
        resumed = performance.now();
        steps = 0;
      }
      throwIfAborted(options.signal);
    },
  };
}
