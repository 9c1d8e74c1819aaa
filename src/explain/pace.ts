/** Milliseconds of work after which a long method gives the event loop a turn. */
const turnMilliseconds = 12;

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
  options.signal?.throwIfAborted();
  let resumed = performance.now();
  return {
    async step(done) {
      options.onProgress?.(done, total);
      if (performance.now() - resumed >= turnMilliseconds) {
        await new Promise<void>((resolve) => setTimeout(resolve, 0));
        resumed = performance.now();
      }
      options.signal?.throwIfAborted();
    },
  };
}
