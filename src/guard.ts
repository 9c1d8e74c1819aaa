import { InputError, InternalError, SeethroughError } from "./errors";

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

/**
 * The same for what takes its time, or may, and perhaps never ends: a signal ends the waiting.
 *
 * @throws the signal's reason as soon as it is aborted
 */
export async function theirsAsync<T>(call: () => T | PromiseLike<T>, signal?: AbortSignal): Promise<T> {
  try {
    const begun = call();
    return await (signal && isObject(begun) ? unlessAborted(begun, signal) : begun);
  } catch (error) {
    markForeign(error);
    throw error;
  }
}

/**
 * What comes of something that has begun, but not beyond a signal.
 *
 * @throws the signal's reason as soon as it is aborted
 */
export function unlessAborted<T>(begun: T | PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      markForeign(signal.reason);
      reject(signal.reason);
    };
    const settled = (): void => signal.removeEventListener("abort", leave);
    signal.addEventListener("abort", leave);
    // Whoever has given up still takes what comes of it: nobody else would hear of a failure.
    Promise.resolve(begun).then(resolve, reject).finally(settled);
    if (signal.aborted) leave();
  });
}

/** @throws {InputError} if what says that it is a list or stream is none; what the caller's own iterator throws */
function iteratorOf<T>(items: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  // Numbers are no items, and those of a detached buffer cannot even be asked for.
  const begin: unknown = ArrayBuffer.isView(items)
    ? undefined
    : theirs(() => (Symbol.asyncIterator in items ? items[Symbol.asyncIterator] : items[Symbol.iterator]));
  if (typeof begin !== "function") throw new InputError("What is to be a list or stream has no iterator.");
  const iterator: unknown = theirs(() => begin.call(items));
  if (!isObject(iterator) || !("next" in iterator) || typeof iterator.next !== "function")
    throw new InputError("What is to be a list or stream has an iterator without a function next.");
  return iterator as Iterator<T> | AsyncIterator<T>;
}

/**
 * Items of the caller's list or stream.
 *
 * @throws {InputError} if it is none
 * @throws the signal's reason as soon as it is aborted, also while an item is awaited
 */
export async function* theirItems<T>(
  items: Iterable<T> | AsyncIterable<T>,
  signal?: AbortSignal,
): AsyncGenerator<T, void> {
  const iterator = iteratorOf(items);
  let isOpen = false;
  try {
    while (true) {
      const step = await theirsAsync(() => iterator.next(), signal);
      if (!isObject(step)) throw new InputError("The list or stream gives something that is no step of an iterator.");
      if (step.done) return;
      const value = await theirsAsync(() => step.value, signal);
      isOpen = true;
      yield value;
      isOpen = false;
    }
  } finally {
    // Left between two items it may tidy up, and be late with it; one that failed has ended, one that is awaited may never answer.
    if (isOpen) await theirsAsync(async () => iterator.return?.(), signal);
    else if (signal?.aborted) quietly(async () => iterator.return?.());
  }
}

const quietly = (call: () => Promise<unknown>): void => void call().catch(() => {});

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

/** What a map has under a key that was put there. @throws {InternalError} naming the key, if it was not */
export function entryOf<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined && !map.has(key)) throw new InternalError(`Nothing is known of ${String(key)}.`);
  return value as Value;
}
