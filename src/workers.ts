/** What Node's workers have and those of the web have not; Bun's are both. */
export interface NodeWorker {
  on(event: "error", heard: (error: Error) => void): void;
  on(event: "exit", heard: (code: number) => void): void;
  on(event: "message", heard: (message: unknown) => void): void;
  postMessage(message: unknown): void;
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

export const isNodeWorker = <W extends NodeWorker>(worker: Worker | W): worker is W =>
  "on" in worker && !("addEventListener" in worker);

export const hasRef = (worker: object): worker is Pick<NodeWorker, "ref" | "unref"> =>
  "ref" in worker && "unref" in worker;

/** How a worker's script is started. Flags of a Node program are not for its workers: with `--input-type` none would start. */
export const startedAlone = { type: "module", execArgv: [] } as const;

/** Calls a function with the reason when a worker ends, however it does. */
export function heardEnding(worker: Worker | NodeWorker, ended: (reason: string) => void): void {
  if (isNodeWorker(worker)) {
    worker.on("error", (error) => ended(error.message));
    worker.on("exit", (code) => ended(`exit code ${code}`));
    return;
  }
  worker.addEventListener("error", (event) => {
    // Deno ends the whole program otherwise.
    event.preventDefault();
    ended(event.message || "its script could not be loaded");
  });
  // Bun says so.
  worker.addEventListener("close", () => ended("it was closed"));
}

/** The class of workers this host has: the web's, or Node's. */
export const workerClass = async (): Promise<typeof Worker | undefined> =>
  typeof Worker === "function" ? Worker : nodeWorkerClass();

/** The same, but of workers that keep no program running: those of the web do in Deno, which has Node's too. */
export const quietWorkerClass = async (): Promise<typeof Worker | undefined> =>
  "Deno" in globalThis ? ((await nodeWorkerClass()) ?? workerClass()) : workerClass();

async function nodeWorkerClass(): Promise<typeof Worker | undefined> {
  // The name is hidden from bundlers: in a browser build there is no such module.
  const threads = "node:worker_threads";
  try {
    return (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ threads)).Worker;
  } catch {
    return undefined;
  }
}

/** How many threads the processor runs at once. */
export async function hardwareThreads(): Promise<number> {
  if (typeof navigator === "object" && navigator.hardwareConcurrency) return navigator.hardwareConcurrency;
  // Node 20 has no navigator. The name is hidden from bundlers: in a browser build there is no such module.
  const system = "node:os";
  const os: { availableParallelism(): number } = await import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ system
  );
  return os.availableParallelism();
}
