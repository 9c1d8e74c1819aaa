import { Constant } from "../graph/ir";
import { blocksOf } from "../operation/correlation/direct";
import { unbounded } from "../operation/operation";
import { packPanels } from "../operation/weights";
import { atOnce } from "../turns";
import { encodeGeometry } from "../wasm/geometry";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";

/** Many row vectors times one matrix, in wasm, by the kernel of the convolutions. It owns memory until `dispose`. */
export class MatrixProduct {
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #outputs: number;
  readonly #rows: number;
  readonly #places: Readonly<Record<"weight" | "taps" | "geometry" | "x" | "y" | "scratch", Pointer>>;

  /**
   * @param matrix  f32[inputs][outputs]
   * @param rows    how many row vectors each product has
   */
  constructor(
    kernels: Kernels,
    memory: KernelMemory,
    matrix: Float32Array,
    { inputs, outputs, rows }: { readonly inputs: number; readonly outputs: number; readonly rows: number },
  ) {
    this.#kernels = kernels;
    this.#memory = memory;
    this.#outputs = outputs;
    this.#rows = rows;
    const taps = memory.store(new Uint8Array(8), "Tap table");
    const layout = { groups: 1, groupStride: 0, tapOffsets: [0] };
    const own = { ...layout, outChannels: outputs, channels: inputs, outStride: 1, channelStride: outputs };
    const weight = atOnce(packPanels(kernels, memory, Constant.fromFloats(matrix, [inputs, outputs]), own));
    const blocks = blocksOf(rows, inputs, inputs);
    const geometry = encodeGeometry("ConvGeometry", {
      ...{ samples: 1, inH: 1, inW: rows, channels: inputs, outH: 1, outW: rows, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: 0, yPixel: outputs, taps: 1, tapTable: taps, run: 1, outChannels: outputs, groups: 1 },
      ...{ blockTiles: blocks.tiles, ...unbounded },
    });
    this.#places = {
      weight,
      taps,
      geometry: memory.store(geometry, "Geometry of a matrix product"),
      x: memory.allocate(rows * inputs * 4, "Rows of a matrix product"),
      y: memory.allocate(rows * outputs * 4, "Result of a matrix product"),
      scratch: memory.allocate(blocks.scratchBytes, "Scratch of a matrix product"),
    };
  }

  /** @returns f32[rows][outputs] from f32[rows][inputs] */
  apply(x: Float32Array): Float32Array {
    const { weight, geometry, x: from, y, scratch } = this.#places;
    this.#memory.floats(from, x.length).set(x);
    this.#kernels.conv(from, weight, 0, y, scratch, geometry);
    return this.#memory.floats(y, this.#rows * this.#outputs).slice();
  }

  dispose(): void {
    for (const pointer of Object.values(this.#places)) this.#memory.free(pointer);
  }
}
