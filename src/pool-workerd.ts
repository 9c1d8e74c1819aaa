import module from "./kernels.wasm";
import { noDefaultModel } from "./no-default-model";
import type { CreatePoolOptions, WorkerPool } from "./pool/create-pool";
import { poolInThread } from "./pool/in-thread";
import { compileOnce } from "./wasm/instantiate";

const kernels = /* @__PURE__ */ compileOnce(() => module);

/** `createPool` for Cloudflare Workers, which have no threads: one instance. */
export function createPool(options: CreatePoolOptions = {}): Promise<WorkerPool> {
  return poolInThread({ kernels, defaultModel: noDefaultModel }, options);
}
