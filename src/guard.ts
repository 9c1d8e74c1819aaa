import { InternalError, SeethroughError } from "./errors";

/** What is none of this package's errors is a fault of it. */
function typedError(where: string, cause: unknown): SeethroughError {
  if (cause instanceof SeethroughError) return cause;
  const reason = String(cause instanceof Error ? cause.message : cause).slice(0, 300);
  return new InternalError(
    `${where} failed by a fault of seethrough itself: ${reason}. Please report it, with what was handed in; ` +
      "the model and the process can be used further.",
    { cause },
  );
}

/**
 * Does something that calls none of the caller's functions, and lets out nothing but this package's errors. Around callbacks and
 * signals it would be wrong: what those throw is their owner's.
 */
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
