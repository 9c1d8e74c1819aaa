import module from "./kernels.wasm";
import { noDefaultModel } from "./no-default-model";
import type { CreatePoolOptions, WorkerPool } from "./pool/create-pool";
import { poolInThread } from "./pool/in-thread";
import { compileOnce, fusedFile } from "./wasm/instantiate";

const kernels = /* @__PURE__ */ compileOnce(() => module);
const fused = /* @__PURE__ */ compileOnce(async () => (await import("./kernels-fused.wasm")).default, fusedFile);

/** `createPool` for Cloudflare Workers, which have no threads: one instance. */
export function createPool(options: CreatePoolOptions = {}): Promise<WorkerPool> {
  return poolInThread({ kernels, fused, defaultModel: noDefaultModel }, options);
}
