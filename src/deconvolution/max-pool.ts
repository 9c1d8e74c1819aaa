import { isUint8Array } from "../bytes";
import { checkOptions, oneOf } from "../checks";
import { InputError, ShapeError } from "../errors";
import { guardedAsync } from "../guard";
import { kernelsOf, type Packaged } from "../model/kernel-choice";
import type { WasmSource } from "../model/load-options";
import { isTensor } from "../model/model";
import { imageShape, toMemoryOrder, toRowMajor } from "../operation/layout";
import { poolGeometry, switchBytes } from "../operators/pool-window";
import { showShape, Tensor } from "../tensor";
import { encodeGeometry } from "../wasm/geometry";
import { instantiateKernels } from "../wasm/instantiate";
import { KernelMemory } from "../wasm/memory";
import { channelsFirst } from "./per-axis";
import { checkSwitches, type PoolOptions, type PoolPlan, planPool, type Switches } from "./switches";

export interface Pooled {
  /** The maxima, `[N, h, w, C]` or `[N, C, l]`. */
  readonly pooled: Tensor;
  readonly switches: Switches;
}

export interface UnpoolOptions {
  /**
   * What happens where windows overlap and several point at one place. 'assign' (default): the last one in row-major order
   * stays, as ONNX `MaxUnpool` has it (PyTorch's `MaxUnpool2d` leaves the order open). 'accumulate': they are added, which is
   * the adjoint of pooling with these switches, so the way of gradients and deconvnets. Without overlap both are the same.
   */
  readonly overlap?: "assign" | "accumulate";
}

type Kernelled = Pick<Packaged, "kernels">;

export interface WasmOption {
  /** The kernels (`seethrough/kernels.wasm`); default: those the entry carries. */
  readonly wasm?: WasmSource;
}

/** `maxPool` of an entry. */
export async function maxPoolWith(
  packaged: Kernelled,
  tensor: Tensor,
  options: PoolOptions & WasmOption,
): Promise<Pooled> {
  return guardedAsync("maxPool", () => poolWith(packaged, tensor, options));
}

async function poolWith(packaged: Kernelled, tensor: Tensor, options: PoolOptions & WasmOption): Promise<Pooled> {
  checkOptions("maxPool", options, ["kernel", "stride", "pad", "dilation", "ceil", "wasm"]);
  if (!isTensor(tensor)) throw new InputError("maxPool takes a Tensor [N, H, W, C] or [N, C, L].");
  const plan = planPool(tensor.shape, options);
  const arena = await makeArena((await kernelsOf(packaged, { wasm: options.wasm })).module, plan);
  const { kernels, memory, from, to } = arena;
  memory.floats(arena.full, from.size).set(inMemory(tensor.data, from.shape));
  kernels.maxPool(arena.full, arena.pooled, arena.switches, arena.geometry);
  const values = fromMemory(memory.floats(arena.pooled, to.size).slice(), to.shape);
  const width = switchBytes(plan.window);
  const bytes = memory.bytes(arena.switches, to.size * width).slice();
  const offsets = width === 1 ? bytes : new Uint16Array(bytes.buffer);
  return {
    pooled: new Tensor(values, plan.shape),
    switches: { ...plan, offsets: reorder(offsets, plan.shape, fromMemory) },
  };
}

/** `maxUnpool` of an entry. */
export async function maxUnpoolWith(
  packaged: Kernelled,
  pooled: Tensor,
  switches: Switches,
  options: UnpoolOptions & WasmOption = {},
): Promise<Tensor> {
  checkOptions("maxUnpool", options, ["overlap", "wasm"]);
  const { overlap = "assign", wasm } = options;
  checkSwitches(switches);
  oneOf("overlap", overlap, ["assign", "accumulate"]);
  if (!isTensor(pooled) || showShape(pooled.shape) !== showShape(switches.shape)) {
    const got = isTensor(pooled) ? showShape(pooled.shape) : typeof pooled;
    throw new ShapeError(`maxUnpool takes a Tensor of the switches' shape ${showShape(switches.shape)}, got ${got}.`);
  }
  const arena = await makeArena((await kernelsOf(packaged, { wasm })).module, switches);
  const { kernels, memory, from, to } = arena;
  const offsets = reorder(switches.offsets, to.shape, inMemory);
  memory.floats(arena.pooled, to.size).set(inMemory(pooled.data, to.shape));
  memory
    .bytes(arena.switches, offsets.byteLength)
    .set(new Uint8Array(offsets.buffer, offsets.byteOffset, offsets.byteLength));
  const run = overlap === "assign" ? kernels.maxUnpool : kernels.maxPoolBackward;
  run(arena.pooled, arena.switches, arena.full, arena.geometry);
  return new Tensor(fromMemory(memory.floats(arena.full, from.size).slice(), from.shape), switches.inputShape);
}

/** A fresh instance with room for both sides of the pool: it goes when the call ends. */
async function makeArena(module: WebAssembly.Module, { shape, inputShape, window }: PoolPlan) {
  const kernels = await instantiateKernels(module);
  const memory = new KernelMemory(kernels, 2 ** 32);
  const side = (of: readonly number[]) => {
    const image = imageShape(channelsFirst(of));
    return { shape: of, size: image.n * image.h * image.w * image.c, image };
  };
  const [from, to] = [side(inputShape), side(shape)];
  const record = encodeGeometry("PoolGeometry", poolGeometry(from.image, to.image, window, from.image.n));
  return {
    ...{ kernels, memory, from, to },
    full: memory.allocate(from.size * 4, "The tensor before pooling"),
    pooled: memory.allocate(to.size * 4, "The pooled tensor"),
    switches: memory.allocate(to.size * switchBytes(window), "The switches"),
    geometry: memory.store(record, "The window"),
  };
}

/** A tensor of rank 4 is in memory order already; a signal is not. */
const inMemory = (data: Float32Array, shape: readonly number[]): Float32Array =>
  shape.length === 4 ? data : toMemoryOrder(data, shape);
const fromMemory = (data: Float32Array, shape: readonly number[]): Float32Array =>
  shape.length === 4 ? data : toRowMajor(data, shape);

/** The same for switches. */
function reorder(offsets: Switches["offsets"], shape: readonly number[], change: typeof inMemory): Switches["offsets"] {
  if (shape.length === 4) return offsets;
  const changed = change(Float32Array.from(offsets), shape);
  return isUint8Array(offsets) ? Uint8Array.from(changed) : Uint16Array.from(changed);
}
