import { type ReadonlySignal, signal } from "@preact/signals";
import { engine } from "./engine";

export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Work in the worker as the page sees it. */
export type Task<T> =
  | { readonly status: "idle" }
  | { readonly status: "running"; readonly progress?: Progress; readonly last?: T }
  | { readonly status: "done"; readonly value: T }
  | { readonly status: "stopped" }
  | { readonly status: "failed"; readonly message: string };

let lastJob = 0;

export interface Runner<T> {
  readonly state: ReadonlySignal<Task<T>>;
  /** Starts work; what was running is stopped, and a late answer of it is ignored. */
  start(work: (job: number, onProgress: (done: number, total: number) => void) => Promise<T>): Promise<T | undefined>;
  /** For work that waits before it reaches the worker: throws if something else was started meanwhile. */
  checkCurrent(job: number): void;
  stop(): void;
  reset(): void;
}

/**
 * @param options.keepLast  the last value stays visible while new work runs
 */
export function createRunner<T>(options: { readonly keepLast?: boolean } = {}): Runner<T> {
  // Runners are started and reset inside effects, which must not come to depend on them: hence `peek`.
  const state = signal<Task<T>>({ status: "idle" });
  let current = 0;
  const stopCurrent = (): void => {
    if (state.peek().status === "running") void engine.cancel(current);
  };
  return {
    state,
    async start(work) {
      stopCurrent();
      lastJob += 1;
      const job = lastJob;
      current = job;
      const last = options.keepLast ? latest(state.peek()) : undefined;
      state.value = { status: "running", last };
      try {
        const value = await work(job, (done, total) => {
          if (current === job && state.peek().status === "running")
            state.value = { status: "running", progress: { done, total }, last };
        });
        if (current !== job) return undefined;
        state.value = { status: "done", value };
        return value;
      } catch (error) {
        if (current === job)
          state.value = isAbort(error) ? { status: "stopped" } : { status: "failed", message: messageOf(error) };
        return undefined;
      }
    },
    checkCurrent(job) {
      if (current !== job) throw new DOMException("Something else was started meanwhile.", "AbortError");
    },
    stop: stopCurrent,
    reset() {
      stopCurrent();
      current = 0;
      state.value = { status: "idle" };
    },
  };
}

/** The value of finished work, or the last one while new work runs. */
export function latest<T>(task: Task<T>): T | undefined {
  if (task.status === "done") return task.value;
  return task.status === "running" ? task.last : undefined;
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
