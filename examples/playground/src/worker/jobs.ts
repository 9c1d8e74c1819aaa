/** Long work that the page can stop by its number: an AbortSignal cannot be sent to a worker. */
const running = new Map<number, AbortController>();

export async function asJob<T>(job: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  running.set(job, controller);
  try {
    return await work(controller.signal);
  } finally {
    running.delete(job);
  }
}

export const cancelJob = (job: number): void =>
  running.get(job)?.abort(new DOMException("Stopped before it was done.", "AbortError"));
