import module from "./kernels.wasm?module";
import { noDefaultModel } from "./no-default-model";
import type { CreatePoolOptions, WorkerPool } from "./pool/create-pool";
import { poolInThread } from "./pool/in-thread";
import { compileOnce } from "./wasm/instantiate";

const kernels = /* @__PURE__ */ compileOnce(() => module);

/** `createPool` for Vercel and Next edge functions, which have no threads: one instance. */
export function createPool(options: CreatePoolOptions = {}): Promise<WorkerPool> {
  return poolInThread({ kernels, defaultModel: noDefaultModel }, options);
}
