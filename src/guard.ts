import { InternalError, SeethroughError } from "./errors";

/** Errors of the caller's own functions and signals, which reach the caller as they are. */
const foreign = new WeakSet<object>();

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

function markForeign(error: unknown): void {
  if (isObject(error)) foreign.add(error);
}

/** Calls a function of the caller's: what it throws is its owner's and is let through every guard. */
export function theirs<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    markForeign(error);
    throw error;
  }
}

/** The same for what takes its time, or may. */
export async function theirsAsync<T>(call: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    markForeign(error);
    throw error;
  }
}

/** Items of the caller's list or stream. */
export async function* theirItems<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, void> {
  try {
    for await (const item of items) yield item;
  } catch (error) {
    markForeign(error);
    throw error;
  }
}

/** What is none of this package's errors is a fault of it; it throws errors only, so that anything else is somebody else's. */
function typedError(where: string, cause: unknown): unknown {
  if (cause instanceof SeethroughError || !(cause instanceof Error) || foreign.has(cause)) return cause;
  const reason = cause.message.slice(0, 300);
  return new InternalError(
    `${where} failed by a fault of seethrough itself: ${reason}. Please report it, with what was handed in; ` +
      "the model and the process can be used further.",
    { cause },
  );
}

/** Does something and lets out nothing but this package's errors, and those of the caller's own functions and signals (`theirs`). */
export function guarded<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw typedError(where, error);
  }
}

/** The same for what takes its time. */
export async function guardedAsync<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw typedError(where, error);
  }
}
