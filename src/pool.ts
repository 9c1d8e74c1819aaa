import { checkOptions } from "./checks";
import { type CreatePoolOptions, poolOf, type WorkerPool } from "./pool/create-pool";
import { keepErrorClasses } from "./pool/error-classes";
import { poolSize } from "./pool/size";
import { startThread } from "./pool/thread";
import { fromHex } from "./wasm/hex";
import { workerClass } from "./workers";

export type { ExplainerName, Explainers } from "./pool/explainers";
export type { CreatePoolOptions, WorkerPool };

/** The workers' script is one file, and does without what few ask for: it is sent to them. */
async function fusedBytes(): Promise<Uint8Array> {
  const { kernelsText } = await import("./generated/kernels-fused.js");
  return fromHex(kernelsText);
}

/**
 * Starts several instances of seethrough, each in a worker of its own: explanations of many images run side by side, and so do
 * the passes of one explanation that makes many. The functions are those of the library, with a model of the pool's own `loadModel`; every
 * result has the bits that one instance gives. Where the host has no workers, there is one instance in the caller's thread.
 *
 * @param options.size  how many instances, 1 to 256; default: as many as the processor runs threads, at most 4
 * @param options.worker  address of `pool-worker.js`, where a bundler has lost it
 * @throws {OptionError} if `size` is out of range
 * @throws {UnsupportedRuntimeError} if the workers cannot start: their script is not found, or not allowed
 * @example
 * const pool = await createPool({ size: 2 });
 * const classifier = await pool.loadModel("model.onnx");
 * const attributions = await Promise.all([cat, image].map((picture) => pool.gradCam(classifier, picture)));
 * pool.dispose();
 */
export async function createPool(options: CreatePoolOptions = {}): Promise<WorkerPool> {
  checkOptions("createPool", options, ["size", "worker"]);
  const HostWorker = await workerClass();
  if (!HostWorker) {
    const { defaultModel, fused, kernels, poolInThread } = await import("./pool/fallback");
    return poolInThread({ defaultModel, fused, kernels }, options);
  }
  const size = await poolSize(options.size);
  keepErrorClasses();
  const start = (): ReturnType<typeof startThread> => startThread(HostWorker, options.worker);
  const started = await Promise.allSettled(Array.from({ length: size }, start));
  const failed = started.find((result) => result.status === "rejected");
  const threads = started.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  if (!failed) return poolOf(threads, start, fusedBytes);
  for (const thread of threads) thread.end(failed.reason);
  throw failed.reason;
}
