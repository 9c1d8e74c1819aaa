import { type Remote, releaseProxy, wrap } from "comlink";
import nodeEndpoint, { type NodeEndpoint } from "comlink/dist/esm/node-adapter.mjs";
import { messageOf } from "../checks";
import { SeethroughError, UnsupportedRuntimeError } from "../errors";
import { hasRef, heardEnding, isNodeWorker, type NodeWorker, startedAlone } from "../workers";
import type { Service } from "./service";

/** An instance to call, here or in a worker. */
export interface Thread {
  readonly service: Service | Remote<Service>;
  /** Numbers of the models it has loaded. */
  readonly models: Set<number>;
  /** Rejects when the thread has ended, whatever ended it. */
  readonly ended: Promise<never>;
  readonly isAlive: () => boolean;
  /** Whether a program may end while this thread is idle; a busy one keeps it running, where the host can tell. */
  setBusy(busy: boolean): void;
  end(error: Error): void;
}

/** `ended` of a thread, and how to settle it. */
function ending(): Pick<Thread, "ended" | "isAlive"> & { readonly fail: (error: Error) => void } {
  let alive = true;
  let reject: (error: Error) => void = () => {};
  const ended = new Promise<never>((_, no) => {
    reject = no;
  });
  // A thread that ends while nobody waits for it is no error.
  ended.catch(() => {});
  return {
    ended,
    isAlive: () => alive,
    fail(error) {
      alive = false;
      reject(error);
    },
  };
}

/** One instance in the caller's own thread. */
export function sameThread(service: Service): Thread {
  const { ended, isAlive, fail } = ending();
  return {
    service,
    models: new Set(),
    ended,
    isAlive,
    setBusy() {},
    end(error) {
      fail(error);
      service.close();
    },
  };
}

/** How long a worker may take to load its script; a slow device on a slow line needs some. */
const startSeconds = 60;

/**
 * Starts a worker.
 *
 * @param address  of the worker's script; default: the file beside this one
 */
export async function startThread(HostWorker: typeof Worker, address: string | URL | undefined): Promise<Thread> {
  const { ended, isAlive, fail } = ending();
  const died = (reason: string): void =>
    fail(
      new SeethroughError(
        `A worker of the pool ended before its call did (${reason}). The next call starts a fresh one; ` +
          "if memory ran out, make the pool smaller or load with { memory: 'low' }.",
      ),
    );
  const worker: Worker | NodeWorker = newWorker(HostWorker, address);
  heardEnding(worker, died);
  const endpoint = isNodeWorker(worker) ? nodeEndpoint(worker as unknown as NodeEndpoint) : worker;
  const service = wrap<Service>(endpoint);
  const thread: Thread = {
    service,
    models: new Set(),
    ended,
    isAlive,
    setBusy(busy) {
      if (hasRef(worker)) worker[busy ? "ref" : "unref"]();
    },
    end(error) {
      fail(error);
      service[releaseProxy]();
      worker.terminate();
    },
  };
  const patience = setTimeout(() => {
    fail(new SeethroughError(`it has not answered for ${startSeconds} seconds, so it may be another script.`));
  }, startSeconds * 1000);
  try {
    await Promise.race([service.ready(), ended]);
  } catch (error) {
    clearTimeout(patience);
    thread.end(new SeethroughError("The worker did not start."));
    const reason = messageOf(error);
    throw new UnsupportedRuntimeError(
      `The pool's worker ${address ?? "pool-worker.js"} could not start: ${reason} It must lie beside the package's files or be ` +
        'named, createPool({ worker: "/assets/pool-worker.js" }); a page\'s policy must allow it (worker-src), Deno its reading (--allow-read).',
    );
  }
  clearTimeout(patience);
  thread.setBusy(false);
  return thread;
}

// Vite and webpack know these words and bundle the worker.
const newWorker = (HostWorker: typeof Worker, address: string | URL | undefined): Worker => {
  if (address !== undefined) return new HostWorker(address, startedAlone);
  if (typeof Worker === "function") return new Worker(new URL("./pool-worker.js", import.meta.url), { type: "module" });
  // Written apart: bundlers would take these words for a second file.
  const here = import.meta.url;
  return new HostWorker(new URL("./pool-worker.js", here), startedAlone);
};
