/** Threads that look at a folder's pictures, each with networks of its own. */
import { Worker } from "node:worker_threads";
import { SeethroughError } from "../index";
import type { AuditFlags } from "./audit-flags";
import type { CompareFlags } from "./compare-flags";

/** What a thread is started for. */
export type FolderTask = { readonly folder: string } & (
  | { readonly command: "audit"; readonly flags: AuditFlags }
  | { readonly command: "compare"; readonly flags: CompareFlags }
);

/** A picture of a lot. */
export interface LotPicture {
  readonly id: string;
  readonly label?: string;
  readonly digest?: string;
}

/** What a thread says: what came of a picture, that a lot is done, that the request is refused, or how it broke. */
export type FolderMessage<Part> =
  | { readonly kind: "part"; readonly part: Part }
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "fault"; readonly error: unknown };

/**
 * Gives out lots to threads until there are no more, or the signal is given. A thread that ends by itself leaves its lot undone.
 *
 * @throws what a thread refused, or broke at
 */
export async function lookInThreads<Part>(
  lots: AsyncIterator<readonly LotPicture[]>,
  task: FolderTask,
  {
    count,
    signal,
    onPart,
  }: {
    readonly count: number;
    readonly signal: AbortSignal;
    readonly onPart: (part: Part) => void;
  },
): Promise<void> {
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL("./cli-worker.js", import.meta.url), { workerData: task }),
  );
  try {
    await Promise.all(
      workers.map(async (worker) => {
        let isOn = true;
        while (isOn && !signal.aborted) {
          const lot = await lots.next();
          isOn = !lot.done && (await lookedAt(worker, lot.value, signal, onPart));
        }
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** @returns whether the thread can be given another lot */
const lookedAt = <Part>(
  worker: Worker,
  lot: readonly LotPicture[],
  signal: AbortSignal,
  onPart: (part: Part) => void,
): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      worker.off("message", hear).off("error", broke).off("exit", lost);
      signal.removeEventListener("abort", lost);
      settle();
    };
    const lost = (): void => end(() => resolve(false));
    const broke = (error: Error): void => end(() => reject(error));
    const hear = (said: FolderMessage<Part>): void => {
      if (said.kind === "part") onPart(said.part);
      else if (said.kind === "done") end(() => resolve(true));
      else if (said.kind === "refused") end(() => reject(new SeethroughError(said.message)));
      else end(() => reject(said.error));
    };
    worker.on("message", hear).on("error", broke).on("exit", lost);
    signal.addEventListener("abort", lost);
    if (signal.aborted) lost();
    else worker.postMessage(lot);
  });
