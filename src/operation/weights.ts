import type { Constant } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { encodeGeometry } from "../wasm/geometry";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { toMemoryOrder } from "./layout";

/** Panels of eight output channels that hold a number of channels. */
export const panelCount = (channels: number): number => Math.ceil(channels / 8);

/** Which element of the file's weight goes where; strides and offsets in elements. */
export interface PanelLayout {
  readonly groups: number;
  readonly groupStride: number;
  readonly outChannels: number;
  readonly channels: number;
  readonly tapOffsets: readonly number[];
  readonly outStride: number;
  readonly channelStride: number;
}

/** Places floats in a block of their own. */
export const uploadFloats = (memory: KernelMemory, values: Float32Array, what: string): Pointer =>
  memory.store(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), what);

/** Places numbers in memory at the first call; later calls return the same address. */
export function placeOnce(
  memory: KernelMemory,
  values: Float32Array | Int32Array | Uint32Array,
  what: string,
): () => Pointer {
  let pointer: Pointer | undefined;
  return () => {
    pointer ??= memory.store(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), what);
    return pointer;
  };
}

/** Places a constant once as a value of a shape lies in memory. */
export const placeConstant = (memory: KernelMemory, constant: Constant, shape: Shape, what: string): (() => Pointer) =>
  placeOnce(memory, toMemoryOrder(constant.floats(), shape), what);

/** Blocks of memory that are made when they are needed and may be given back in between. */
export interface Held {
  /** Their addresses, as `place` gave them. */
  get(): readonly (readonly Pointer[])[];
  release(): void;
}

export function held(memory: KernelMemory, place: () => readonly (readonly Pointer[])[]): Held {
  let blocks: readonly (readonly Pointer[])[] | undefined;
  return {
    get: () => {
      blocks ??= place();
      return blocks;
    },
    release: () => {
      for (const pointer of blocks?.flat() ?? []) memory.free(pointer);
      blocks = undefined;
    },
  };
}

/** Copies a constant into wasm memory as float32, without going through numbers in JavaScript. */
function uploadConstant(kernels: Kernels, memory: KernelMemory, constant: Constant, what: string): Pointer {
  if (constant.scaling) {
    const { source, factors } = constant.scaling;
    const pointer = uploadConstant(kernels, memory, source, what);
    const table = memory.store(new Uint8Array(factors.buffer, factors.byteOffset, factors.byteLength), what);
    kernels.scaleRows(pointer, table, factors.length, constant.size / factors.length);
    memory.free(table);
    return pointer;
  }
  if (constant.format === "numbers") return uploadFloats(memory, constant.floats(), what);
  if (constant.format === "float32") return memory.store(constant.bytes, what);
  const half = memory.store(constant.bytes, what);
  const full = memory.allocate(constant.size * 4, what);
  kernels.expandHalf(half, full, constant.size);
  memory.free(half);
  return full;
}

/**
 * Repacks a weight into the panels the inner loop reads, in wasm.
 *
 * @returns f32[groups][⌈outChannels/8⌉][taps][channels][8]
 */
export const packPanels = (kernels: Kernels, memory: KernelMemory, weight: Constant, layout: PanelLayout): Pointer =>
  repack(kernels, memory, weight, layout, layout.tapOffsets.length, kernels.packWeights);

/**
 * Transforms a weight for Winograd's F(4×4, 3×3) F(3×3, 4×4) or F(2×2, 5×5), by the number of taps.
 *
 * @returns f32[groups][⌈outChannels/8⌉][36][channels][8]
 */
export const packWinogradPanels = (
  kernels: Kernels,
  memory: KernelMemory,
  weight: Constant,
  layout: PanelLayout,
): Pointer => repack(kernels, memory, weight, layout, 36, kernels.winogradWeights);

function repack(
  kernels: Kernels,
  memory: KernelMemory,
  weight: Constant,
  layout: PanelLayout,
  positions: number,
  pack: Kernels["packWeights"],
): Pointer {
  const { groups, groupStride, outChannels, channels, tapOffsets, outStride, channelStride } = layout;
  const taps = tapOffsets.length;
  const groupBytes = panelCount(outChannels) * 8 * positions * channels * 4;
  const panels = memory.allocate(groups * groupBytes, "Packed weights");
  if (taps === 0) return panels;
  const source = uploadConstant(kernels, memory, weight, "Weights while they are packed");
  const tapTable = memory.store(new Uint8Array(Int32Array.from(tapOffsets).buffer), "Tap table");
  const record = { outChannels, channels, taps, tapTable, outStride, channelStride };
  const geometry = memory.store(encodeGeometry("PackGeometry", record), "Pack geometry");
  for (let group = 0; group < groups; group++) {
    pack(source + group * groupStride * 4, panels + group * groupBytes, geometry);
  }
  memory.free(geometry);
  memory.free(tapTable);
  memory.free(source);
  return panels;
}

/** Lays a bias out as the kernels read it: each group padded with zeros to a multiple of eight. */
export function placeBias(memory: KernelMemory, bias: Float32Array, groups: number): Pointer {
  const perGroup = bias.length / groups;
  const padded = new Float32Array(groups * panelCount(perGroup) * 8);
  for (let group = 0; group < groups; group++) {
    padded.set(bias.subarray(group * perGroup, (group + 1) * perGroup), group * panelCount(perGroup) * 8);
  }
  return uploadFloats(memory, padded, "Bias");
}
