import module from "./kernels.wasm";
import { noDefaultModel } from "./load-default-model";
import { type LoadOptions, loadWith } from "./model/load";
import type { Model } from "./model/model";
import type { ModelSource } from "./model/source";
import { compileOnce } from "./wasm/instantiate";

export * from "./api";

const kernels = /* @__PURE__ */ compileOnce(() => module);

/** `loadModel` for Cloudflare Workers, which run only modules that were compiled at deployment. */
export function loadModel(source?: ModelSource, options?: LoadOptions): Promise<Model> {
  return loadWith({ kernels, defaultModel: noDefaultModel }, source, options);
}
