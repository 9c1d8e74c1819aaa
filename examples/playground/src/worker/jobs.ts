/** Long work that the page can stop by its number: an AbortSignal cannot be sent to a worker. */
const running = new Map<number, AbortController>();
/** A job of several parts may be stopped between two of them. */
const stopped = new Set<number>();

export async function asJob<T>(job: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  if (stopped.has(job)) throw aborted();
  const controller = new AbortController();
  running.set(job, controller);
  try {
    return await work(controller.signal);
  } finally {
    running.delete(job);
  }
}

export function cancelJob(job: number): void {
  stopped.add(job);
  running.get(job)?.abort(aborted());
}

const aborted = (): DOMException => new DOMException("Stopped before it was done.", "AbortError");
