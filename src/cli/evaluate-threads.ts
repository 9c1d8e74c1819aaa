/** Threads that judge images, each with a network of its own. */
import { Worker } from "node:worker_threads";
import { InputError, OptionError, SeethroughError } from "../index";
import type { EvaluateFlags } from "./evaluate-flags";
import type { ImageToJudge, Judge } from "./evaluate-one";
import type { EvaluationRecord } from "./evaluation-records";

/** What a thread says: that a map is done, what it found, what it refused (the picture, or whatever is asked), or how it broke. */
export type ThreadMessage =
  | { readonly kind: "map" }
  | { readonly kind: "record"; readonly record: EvaluationRecord }
  | { readonly kind: "picture"; readonly message: string }
  | { readonly kind: "request"; readonly message: string }
  | { readonly kind: "fault"; readonly error: unknown };

export interface JudgingThreads extends Disposable {
  /** One of each thread. */
  readonly judges: readonly Judge[];
}

export function judgingThreads(count: number, flags: EvaluateFlags): JudgingThreads {
  const workers = Array.from(
    { length: count },
    () => new Worker(script(), { workerData: { command: "evaluate", flags } }),
  );
  return {
    judges: workers.map(judgeOf),
    [Symbol.dispose]: () => {
      for (const worker of workers) void worker.terminate();
    },
  };
}

/** Beside the command line, or, of sources, as they are built. */
const script = (): URL => new URL("./cli-worker.js", import.meta.url);

/** The judge that a thread is. One whose thread has ended refuses every image. */
export function judgeOf(worker: Worker): Judge {
  let isLost = false;
  worker.on("exit", () => {
    isLost = true;
  });
  return (image, { signal, onMap }) =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        worker.off("message", hear).off("error", broke).off("exit", lost);
        signal.removeEventListener("abort", abort);
        settle();
      };
      const abort = (): void => end(() => reject(signal.reason));
      const broke = (error: Error): void => end(() => reject(error));
      const lost = (): void => end(() => reject(new SeethroughError("A worker ended before its image was judged.")));
      const hear = (said: ThreadMessage): void => {
        if (said.kind === "map") onMap();
        else if (said.kind === "record") end(() => resolve(said.record));
        else if (said.kind === "picture") end(() => reject(new InputError(said.message)));
        else if (said.kind === "request") end(() => reject(new OptionError(said.message)));
        else end(() => reject(said.error));
      };
      worker.on("message", hear).on("error", broke).on("exit", lost);
      signal.addEventListener("abort", abort);
      if (isLost) lost();
      else worker.postMessage(image satisfies ImageToJudge);
    });
}
