import { throwIfAborted } from "./checks";

/** When work has lasted long enough to let the event loop in: to hear an abort, to draw, to answer somebody else. */
interface Turns {
  /** True where the time since the last turn is up. */
  due(): boolean;
  /** Lets the event loop in. */
  take(): Promise<void>;
}

/** Steps of work that count as long enough where no clock tells. */
const turnSteps = 32;

/** @param milliseconds  of work between two turns */
function createTurns(milliseconds: number): Turns {
  let resumed = performance.now();
  let steps = 0;
  return {
    due() {
      const passed = performance.now() - resumed;
      // In Cloudflare's isolates the clock stands still between two turns.
      return passed >= milliseconds || (passed === 0 && ++steps >= turnSteps);
    },
    async take() {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      resumed = performance.now();
      steps = 0;
    },
  };
}

/**
 * To be called between two pieces of work: lets the event loop in where the time is up, and hears the signal.
 *
 * @returns to be awaited, where the event loop is let in
 * @throws the signal's reason
 */
export function pausing(milliseconds: number, signal: AbortSignal | undefined): () => Promise<void> | undefined {
  const turns = createTurns(milliseconds);
  const hear = (): void => throwIfAborted(signal);
  return () => {
    if (turns.due()) return turns.take().then(hear);
    hear();
    return undefined;
  };
}

/** Milliseconds of work after which what is watched hears its signal. */
export const watchedMilliseconds = 25;

/**
 * Where work that a signal may end hears it. Without a signal it is not held up at all.
 *
 * @returns to be awaited between two pieces of work; throws the signal's reason
 * @throws the signal's reason, at once if it is already aborted
 */
export function hearing(signal: AbortSignal | undefined): () => Promise<void> {
  throwIfAborted(signal);
  if (!signal) return async () => {};
  const pause = pausing(watchedMilliseconds, signal);
  return async () => pause();
}

/** Work of which something comes, piece by piece. */
export type Making<T> = Generator<undefined, T>;

/** What comes of work that nobody interrupts. */
export function atOnce<T>(making: Making<T>): T {
  while (true) {
    const step = making.next();
    if (step.done) return step.value;
  }
}

/** The same, with a signal heard between two pieces. */
export async function inTurns<T>(making: Making<T>, hear: () => Promise<void>): Promise<T> {
  while (true) {
    const step = making.next();
    if (step.done) return step.value;
    await hear();
  }
}
