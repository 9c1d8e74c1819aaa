import { kernelsText } from "./generated/kernels.js";
import { defaultModel } from "./load-default-model";
import { loadWith } from "./model/load";
import type { LoadOptions } from "./model/load-options";
import type { Model } from "./model/model";
import type { ModelSource } from "./model/source";
import { fromHex } from "./wasm/hex";
import { compileOnce, fusedFile } from "./wasm/instantiate";

/** The kernels this package carries. */
export const kernels = /* @__PURE__ */ compileOnce(() => fromHex(kernelsText));

/** The same with fused arithmetic, a file of its own. */
export const fused = /* @__PURE__ */ compileOnce(async () => {
  const { kernelsText: digits } = await import("./generated/kernels-fused.js");
  return fromHex(digits);
}, fusedFile);

/**
 * Loads a network.
 *
 * @param source  an ONNX or TensorFlow Lite file or the model.json of TensorFlow.js: its bytes, a Blob, a Response, a URL or a path; or several
 *   files by name (`{ "model.json": …, "weights.bin": … }`); without it the embedded pet-shop classifier
 * @returns a model ready to predict and explain
 * @throws {ModelError} if the bytes are no usable network
 * @throws {UnsupportedOperatorError} naming every operator of the file that cannot run
 * @throws {UnsupportedRuntimeError} if the host has no WebAssembly SIMD, or `arithmetic: 'fused'` is asked for and it does not fuse
 * @throws {MemoryError} if the weights and one forward pass do not fit `maxMemory`
 * @example
 * const model = await loadModel("model.onnx", { labels });
 */
export function loadModel(source?: ModelSource, options?: LoadOptions): Promise<Model> {
  return loadWith({ kernels, fused, defaultModel }, source, options);
}
