import { readFileSync } from "node:fs";
import { encodeGeometry } from "../src/wasm/geometry";
import type { Kernels } from "../src/wasm/kernels";

/** Input channels: long enough to hide the tile's store, short enough for the weights and the pixels to stay in L1. */
const inputs = 128;
const outputs = 8;
const pixels = 4;
const tiles = 4096;

export const peakFlops = 2 * inputs * outputs * pixels * tiles;

/**
 * The most this machine's wasm can multiply and add in one thread: the convolution kernel on one tile of 4 pixels × 8
 * channels over and over, 6 KB in all, so that no load leaves the L1 cache.
 *
 * @param kernels  path of the compiled kernels
 * @returns a function that computes `peakFlops` operations
 */
export async function peakLoop(kernels: string): Promise<() => void> {
  const { instance } = await WebAssembly.instantiate(readFileSync(kernels), {});
  const { conv, memory, __heap_base } = instance.exports as unknown as Kernels;
  const base = Math.ceil(Number(typeof __heap_base === "number" ? __heap_base : __heap_base.value) / 64) * 64;
  memory.grow(1);
  const geometry = base;
  const tapTable = base + 128;
  const x = base + 192;
  const weight = x + 4 * pixels * inputs;
  const y = weight + 4 * outputs * inputs;
  const record = encodeGeometry("ConvGeometry", {
    ...{ samples: 1, outH: tiles, outW: pixels, outChannels: outputs, groups: 1 },
    ...{ xSample: 0, xRow: 0, xPixel: inputs, xGroup: 0, ySample: 0, yRow: 0, yPixel: outputs },
    ...{ taps: 1, tapTable, segment: inputs, lo: -1e30, hi: 1e30 },
  });
  new Uint8Array(memory.buffer).set(record, geometry);
  new Int32Array(memory.buffer, tapTable, 1)[0] = 0;
  new Float32Array(memory.buffer, x, inputs * (pixels + outputs)).fill(0.5);
  return () => conv(x, weight, 0, y, geometry);
}
