/** Threads for tests: calls of any size are divided, so that small networks try what large ones do. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Kernels } from "../../src/wasm/kernels";
import { KernelMemory } from "../../src/wasm/memory";
import { boardBytes } from "../../src/wasm/threads/board";
import { startThreads } from "../../src/wasm/threads/start";
import { isFused } from "../kernels/harness";

export interface TestThreads {
  readonly kernels: Kernels;
  readonly count: number;
  /** The memory, with nothing in it but what threads tell each other. */
  fresh(): KernelMemory;
  end(): void;
}

const kernelBytes = new Uint8Array(readFileSync(`build/${isFused ? "kernels-fused" : "kernels"}.wasm`));
/** The built file: a worker is a file of its own. */
const script = pathToFileURL(resolve("dist/kernel-thread.js"));

export async function threadsOf(count: number, leastWork = 0): Promise<TestThreads> {
  const threads = await startThreads(kernelBytes, count, 2 ** 30, { leastWork, script });
  if ("reason" in threads) throw new Error(threads.reason);
  const { kernels, end } = threads;
  return {
    kernels,
    count,
    fresh: () => {
      const memory = new KernelMemory(kernels, 2 ** 30);
      memory.allocate(boardBytes(count), "What threads tell each other");
      return memory;
    },
    end,
  };
}
