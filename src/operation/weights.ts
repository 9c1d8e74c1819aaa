import type { Constant } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { atOnce, type Making } from "../turns";
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
  get(): Blocks;
  /** Makes them, if they are not there, piece by piece. */
  place(): Iterable<undefined>;
  release(): void;
}

type Blocks = readonly (readonly Pointer[])[];

/** @param make  at once, or piece by piece where that may take long */
export function held(memory: KernelMemory, make: () => Blocks | Making<Blocks>): Held {
  let blocks: Blocks | undefined;
  function* place(): Making<Blocks> {
    if (blocks) return blocks;
    const made = make();
    blocks = "next" in made ? yield* made : made;
    return blocks;
  }
  return {
    get: () => blocks ?? atOnce(place()),
    place,
    release: () => {
      for (const pointer of blocks?.flat() ?? []) memory.free(pointer);
      blocks = undefined;
    },
  };
}

/** Bytes that are written between two pieces: memory that nobody touched before is slow at the first write. */
const pieceBytes = 2 ** 21;

/** Copies a constant into wasm memory as float32, without going through numbers in JavaScript. */
function* uploadConstant(kernels: Kernels, memory: KernelMemory, constant: Constant, what: string): Making<Pointer> {
  if (constant.scaling) {
    const { source, factors } = constant.scaling;
    const pointer = yield* uploadConstant(kernels, memory, source, what);
    const table = memory.store(new Uint8Array(factors.buffer, factors.byteOffset, factors.byteLength), what);
    kernels.scaleRows(pointer, table, factors.length, constant.size / factors.length);
    memory.free(table);
    return pointer;
  }
  if (constant.format === "numbers") return uploadFloats(memory, constant.floats(), what);
  if (constant.format === "float32") return yield* storeInPieces(memory, constant.bytes, what);
  const half = yield* storeInPieces(memory, constant.bytes, what);
  const full = memory.allocate(constant.size * 4, what);
  const step = pieceBytes / 4;
  yield* unlessGivenUp(memory, [half, full], function* () {
    for (let at = 0; at < constant.size; at += step) {
      kernels.expandHalf(half + at * 2, full + at * 4, Math.min(step, constant.size - at));
      yield;
    }
  });
  memory.free(half);
  return full;
}

function* storeInPieces(memory: KernelMemory, data: Uint8Array, what: string): Making<Pointer> {
  const pointer = memory.allocate(data.byteLength, what);
  yield* unlessGivenUp(memory, [pointer], function* () {
    for (let at = 0; at < data.byteLength; at += pieceBytes) {
      const piece = data.subarray(at, at + pieceBytes);
      memory.bytes(pointer + at, piece.byteLength).set(piece);
      yield;
    }
  });
  return pointer;
}

/** Gives blocks back where nobody waits any more for what is made in them, or that fails. */
export function* unlessGivenUp<T>(memory: KernelMemory, blocks: readonly Pointer[], make: () => Making<T>): Making<T> {
  let isMade = false;
  try {
    const made = yield* make();
    isMade = true;
    return made;
  } finally {
    if (!isMade) for (const block of blocks) memory.free(block);
  }
}

/**
 * Repacks a weight into the panels the inner loop reads, in wasm.
 *
 * @returns f32[groups][⌈outChannels/8⌉][taps][channels][8]
 */
export const packPanels = (
  kernels: Kernels,
  memory: KernelMemory,
  weight: Constant,
  layout: PanelLayout,
): Making<Pointer> => repack(kernels, memory, weight, layout, layout.tapOffsets.length, kernels.packWeights);

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
): Making<Pointer> => repack(kernels, memory, weight, layout, 36, kernels.winogradWeights);

function* repack(
  kernels: Kernels,
  memory: KernelMemory,
  weight: Constant,
  layout: PanelLayout,
  positions: number,
  pack: Kernels["packWeights"],
): Making<Pointer> {
  const { groups, groupStride, outChannels, channels, tapOffsets, outStride, channelStride } = layout;
  const taps = tapOffsets.length;
  const panelBytes = 8 * positions * channels * 4;
  const groupBytes = panelCount(outChannels) * panelBytes;
  const panels = memory.allocate(groups * groupBytes, "Packed weights");
  if (taps === 0) return panels;
  return yield* unlessGivenUp(memory, [panels], function* () {
    const source = yield* uploadConstant(kernels, memory, weight, "Weights while they are packed");
    const tapTable = memory.store(new Uint8Array(Int32Array.from(tapOffsets).buffer), "Tap table");
    const record = (count: number): Uint8Array =>
      encodeGeometry("PackGeometry", { outChannels: count, channels, taps, tapTable, outStride, channelStride });
    const geometry = memory.store(record(outChannels), "Pack geometry");
    const step = 8 * Math.max(1, Math.floor(pieceBytes / panelBytes));
    try {
      for (let group = 0; group < groups; group++) {
        for (let first = 0; first < outChannels; first += step) {
          const own = record(Math.min(step, outChannels - first));
          memory.bytes(geometry, own.byteLength).set(own);
          const from = source + (group * groupStride + first * outStride) * 4;
          pack(from, panels + group * groupBytes + (first / 8) * panelBytes, geometry);
          yield;
        }
      }
    } finally {
      memory.free(geometry);
      memory.free(tapTable);
      memory.free(source);
    }
    return panels;
  });
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
