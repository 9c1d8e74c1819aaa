import { maxPoolWith, maxUnpoolWith, type Pooled, type UnpoolOptions, type WasmOption } from "./deconvolution/max-pool";
import type { PoolOptions, Switches } from "./deconvolution/switches";
import { OptionError } from "./errors";
import { loadWith } from "./model/load";
import type { LoadOptions, WasmSource } from "./model/load-options";
import type { Model } from "./model/model";
import type { ModelSource } from "./model/source";
import { noDefaultModel } from "./no-default-model";
import type { Tensor } from "./tensor";

export * from "./api";
export { decodeImage } from "./decode-image";

/** The options of `loadModel` where the entry carries no kernels: it has to be told where they are. */
export interface SlimLoadOptions extends LoadOptions {
  readonly wasm: WasmSource;
}

async function noKernels(): Promise<never> {
  throw new OptionError(
    "seethrough/slim carries no kernels: pass them as { wasm }, for example " +
      'loadModel(source, { wasm: new URL("seethrough/kernels.wasm", import.meta.url) }), or import from "seethrough".',
  );
}

/**
 * Loads a network with kernels from elsewhere. Everything else is as in the main entry.
 *
 * @param source  an ONNX file or the model.json of TensorFlow.js: its bytes, a Blob, a Response, a URL or a path; or several
 *   files by name
 * @param options.wasm  a compiled module, or where `seethrough/kernels.wasm` is served
 * @throws {OptionError} if `wasm` is missing
 * @example
 * const model = await loadModel(bytes, { wasm: new URL("seethrough/kernels.wasm", import.meta.url) });
 */
export function loadModel(source: ModelSource, options: SlimLoadOptions): Promise<Model> {
  return loadWith({ kernels: noKernels, defaultModel: noDefaultModel }, source, options);
}

/** `maxPool` of the main entry, with kernels from elsewhere. */
export function maxPool(tensor: Tensor, options: PoolOptions & Required<WasmOption>): Promise<Pooled> {
  return maxPoolWith({ kernels: noKernels }, tensor, options);
}

/** `maxUnpool` of the main entry, with kernels from elsewhere. */
export function maxUnpool(
  pooled: Tensor,
  switches: Switches,
  options: UnpoolOptions & Required<WasmOption>,
): Promise<Tensor> {
  return maxUnpoolWith({ kernels: noKernels }, pooled, switches, options);
}
