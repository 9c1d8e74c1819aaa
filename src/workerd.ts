import { maxPoolWith, maxUnpoolWith, type Pooled, type UnpoolOptions, type WasmOption } from "./deconvolution/max-pool";
import type { PoolOptions, Switches } from "./deconvolution/switches";
import { codecOnce } from "./image/codecs";
import { type DecodeOptions, decodeImageWith } from "./image/decode";
import type { Picture } from "./image/picture";
import type { PictureSource } from "./image/picture-source";
import module from "./kernels.wasm";
import { loadWith } from "./model/load";
import type { LoadOptions } from "./model/load-options";
import type { Model } from "./model/model";
import type { ModelSource } from "./model/source";
import { noDefaultModel } from "./no-default-model";
import type { Tensor } from "./tensor";
import { compileOnce, fusedFile } from "./wasm/instantiate";

export * from "./api";

const kernels = /* @__PURE__ */ compileOnce(() => module);
const fused = /* @__PURE__ */ compileOnce(async () => (await import("./kernels-fused.wasm")).default, fusedFile);

/** `loadModel` for Cloudflare Workers, which run only modules that were compiled at deployment. */
export function loadModel(source?: ModelSource, options?: LoadOptions): Promise<Model> {
  return loadWith({ kernels, fused, defaultModel: noDefaultModel }, source, options);
}

const codecs = {
  jpeg: /* @__PURE__ */ codecOnce(() => import("./jpeg-codec.wasm")),
  webp: /* @__PURE__ */ codecOnce(() => import("./webp-codec.wasm")),
};

export function decodeImage(source: PictureSource, options?: DecodeOptions): Promise<Picture> {
  return decodeImageWith(codecs, source, options);
}

export function maxPool(tensor: Tensor, options: PoolOptions & WasmOption): Promise<Pooled> {
  return maxPoolWith({ kernels }, tensor, options);
}

export function maxUnpool(pooled: Tensor, switches: Switches, options?: UnpoolOptions & WasmOption): Promise<Tensor> {
  return maxUnpoolWith({ kernels }, pooled, switches, options);
}
