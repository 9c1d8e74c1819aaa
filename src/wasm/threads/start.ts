/** Starts the threads of a model: a shared memory, the kernels over it, and workers that help with their calls. */
import { messageOf } from "../../checks";
import { heardEnding, isNodeWorker, type NodeWorker, quietWorkerClass, startedAlone } from "../../workers";
import { compileBytes } from "../instantiate";
import type { Kernels } from "../kernels";
import { KernelMemory } from "../memory";
import { boardBytes } from "./board";
import type { Answer, HelperStart } from "./helper";
import { firstPages, memoryImport, mostPages, withSharedMemory } from "./shared-module";
import { dividedKernels, Team, type TeamOptions } from "./team";

/** Kernels that several threads compute, and the memory that they share. */
export interface Threads {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  /** How many there are, the caller's included. */
  readonly count: number;
  /** Ends all but the caller's, which goes on alone. */
  end(): void;
}

/** Why there is one thread only. */
export interface NoThreads {
  readonly reason: string;
}

export interface StartOptions extends TeamOptions {
  /** Address of the workers' script; default: the file beside this one. */
  readonly script?: string | URL;
}

const pageBytes = 65536;
/** How long a worker may take to load its script. */
const startSeconds = 30;
/** A worker that ends is replaced, but not for ever. */
const mostReplacements = 8;

/**
 * @param bytes     the module of the kernels
 * @param count     how many threads, the caller's included
 * @param maxBytes  how large the memory may become
 */
export async function startThreads(
  bytes: BufferSource | undefined,
  count: number,
  maxBytes: number,
  options: StartOptions = {},
): Promise<Threads | NoThreads> {
  if (!bytes) {
    return { reason: "The kernels were given as a compiled module; threads need their bytes, a URL or a Response." };
  }
  const { crossOriginIsolated: isIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  if (typeof SharedArrayBuffer !== "function" || isIsolated === false) {
    return {
      reason:
        typeof document === "object" || isIsolated === false
          ? "This page is not cross-origin isolated, so it has no memory that threads share: serve it with the headers " +
            "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp."
          : "This host has no memory that threads share.",
    };
  }
  const HostWorker = await quietWorkerClass();
  if (!HostWorker) return { reason: "This host has no workers." };
  const plain = bytes instanceof Uint8Array ? bytes : new Uint8Array(viewed(bytes));
  let module: WebAssembly.Module;
  let memory: WebAssembly.Memory;
  try {
    module = await compileBytes(withSharedMemory(plain));
    memory = sharedMemory(firstPages(plain), maxBytes);
  } catch (error) {
    return { reason: `This host refuses kernels that share their memory (${messageOf(error)}).` };
  }
  const { exports } = await WebAssembly.instantiate(module, imported(memory));
  const kernels = exports as unknown as Kernels;
  const blocks = new KernelMemory(kernels, maxBytes);
  const board = blocks.allocate(boardBytes(count), "What threads tell each other");
  const team = new Team(kernels, board, count, options);
  const workers = new Set<Worker | NodeWorker>();
  let ended = false;
  let replacements = 0;

  const start = async (thread: number): Promise<void> => {
    const worker = newWorker(HostWorker, options.script);
    workers.add(worker);
    let isReady = false;
    const begin: HelperStart = { module, memory, board, thread, kernels: dividedKernels };
    try {
      await answerOf(worker, begin, () => {
        workers.delete(worker);
        // The others take its parts until there is another one in its place.
        if (!isReady || ended || replacements === mostReplacements) return;
        replacements += 1;
        start(thread).catch(() => {});
      });
      isReady = true;
    } catch (error) {
      workers.delete(worker);
      worker.terminate();
      throw error;
    }
    if (ended) worker.terminate();
  };
  const end = (): void => {
    ended = true;
    team.end();
    for (const worker of workers) worker.terminate();
    workers.clear();
  };
  try {
    await Promise.all(Array.from({ length: count - 1 }, (_, i) => start(i + 1)));
  } catch (error) {
    end();
    return { reason: `A thread could not start: ${messageOf(error)}` };
  }
  return { kernels: team.kernels, memory: blocks, count, end };
}

const viewed = (bytes: BufferSource): ArrayBuffer =>
  ArrayBuffer.isView(bytes)
    ? (bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
    : (bytes as ArrayBuffer);

const imported = (memory: WebAssembly.Memory): WebAssembly.Imports => ({
  [memoryImport.module]: { [memoryImport.name]: memory },
});

/** A memory that may grow to so many bytes, or to as many as the host gives: it reserves them beforehand. */
function sharedMemory(initial: number, maxBytes: number): WebAssembly.Memory {
  let maximum = Math.max(initial, Math.min(mostPages, Math.ceil(maxBytes / pageBytes)));
  while (true) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared: true });
    } catch (error) {
      if (maximum <= 4096) throw error;
      maximum = Math.max(initial, maximum >> 1);
    }
  }
}

/**
 * Sends a worker what it needs and waits until it is ready.
 *
 * @param ended  called when it ends, before that or after
 */
function answerOf(worker: Worker | NodeWorker, begin: HelperStart, ended: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(
      () => reject(new Error(`its script has not answered for ${startSeconds} seconds.`)),
      startSeconds * 1000,
    );
    const died = (reason: string): void => {
      clearTimeout(patience);
      ended();
      reject(new Error(`${reason}. Its script kernel-thread.js must lie beside the package's files and be allowed.`));
    };
    const heard = (answer: Answer): void => {
      clearTimeout(patience);
      if ("failed" in answer) reject(new Error(answer.failed));
      else {
        // An idle thread keeps no program running, and neither does one at work: the caller's waits for it.
        if ("unref" in worker) worker.unref();
        resolve();
      }
    };
    heardEnding(worker, died);
    if (isNodeWorker(worker)) worker.on("message", (message) => heard(message as Answer));
    else worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => heard(data));
    worker.postMessage(begin);
  });
}

// Vite and webpack know these words and bundle the worker.
const newWorker = (HostWorker: typeof Worker, script: string | URL | undefined): Worker | NodeWorker => {
  if (script !== undefined) return new HostWorker(script, startedAlone);
  if (HostWorker === globalThis.Worker) {
    return new Worker(new URL("./kernel-thread.js", import.meta.url), { type: "module" });
  }
  // Written apart: bundlers would take these words for a second file.
  const here = import.meta.url;
  return new HostWorker(new URL("./kernel-thread.js", here), startedAlone);
};
