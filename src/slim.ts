import { OptionError } from "./errors";
import { noDefaultModel } from "./load-default-model";
import { type LoadOptions, loadWith, type WasmSource } from "./model/load";
import type { Model } from "./model/model";
import type { ModelSource } from "./model/source";

export * from "./api";

/** The options of `loadModel` where the entry carries no kernels: it has to be told where they are. */
export interface SlimLoadOptions extends LoadOptions {
  readonly wasm: WasmSource;
}

async function noKernels(): Promise<never> {
  throw new OptionError(
    "seethrough/slim carries no kernels: pass them as loadModel(source, { wasm }), for example " +
      'wasm: new URL("seethrough/kernels.wasm", import.meta.url), or import loadModel from "seethrough".',
  );
}

/**
 * Loads a network with kernels from elsewhere. Everything else is as in the main entry.
 *
 * @param source  ONNX bytes, a Blob, a Response, a URL or a path
 * @param options.wasm  a compiled module, or where `seethrough/kernels.wasm` is served
 * @throws {OptionError} if `wasm` is missing
 * @example
 * const model = await loadModel(bytes, { wasm: new URL("seethrough/kernels.wasm", import.meta.url) });
 */
export function loadModel(source: ModelSource, options: SlimLoadOptions): Promise<Model> {
  return loadWith({ kernels: noKernels, defaultModel: noDefaultModel }, source, options);
}
