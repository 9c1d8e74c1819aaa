import { maxPoolWith, maxUnpoolWith, type Pooled, type UnpoolOptions, type WasmOption } from "./deconvolution/max-pool";
import type { PoolOptions, Switches } from "./deconvolution/switches";
import { kernels } from "./load-model";
import type { Tensor } from "./tensor";

/**
 * Max pooling that remembers where each maximum was, as PyTorch's `MaxPool1d` and `MaxPool2d` with `return_indices`.
 *
 * The switches are offsets inside each window; `switchIndices` turns them into the flat indices of PyTorch or ONNX.
 *
 * @param tensor  `[N, H, W, C]` or `[N, C, L]`
 * @throws {OptionError} or {ShapeError} if the window does not fit the tensor
 * @example
 * const { activations } = await model.run(image, { capture: ["relu1"] });
 * const { pooled, switches } = await maxPool(activations.get("relu1"), { kernel: 2 });
 */
export function maxPool(tensor: Tensor, options: PoolOptions & WasmOption): Promise<Pooled> {
  return maxPoolWith({ kernels }, tensor, options);
}

/**
 * Puts each value back where its maximum was; everything else is zero. PyTorch's `MaxUnpool1d` and `MaxUnpool2d`.
 *
 * Where windows overlap several values may belong to one place. With `overlap: 'assign'` the last one stays (ONNX
 * `MaxUnpool`); with 'accumulate' they are added, the adjoint of pooling with fixed switches, as gradients and deconvnets
 * need it: ⟨pool(x), y⟩ = ⟨x, unpool(y)⟩. Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901, section 2.1.
 *
 * @param pooled    values in the shape of the pooled tensor: its own, or any others
 * @param switches  of `maxPool`, or of `switchesFromIndices`
 * @returns a tensor of the shape that was pooled
 * @throws {ShapeError} if the values do not have the switches' shape
 * @example
 * const unpooled = await maxUnpool(pooled, switches, { overlap: "accumulate" });
 */
export function maxUnpool(pooled: Tensor, switches: Switches, options?: UnpoolOptions & WasmOption): Promise<Tensor> {
  return maxUnpoolWith({ kernels }, pooled, switches, options);
}
