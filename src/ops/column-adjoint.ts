/**
 * The adjoint of a convolution with fewer than eight input channels: a GEMM whose columns are added back into the image.
 * Panels are eight channels wide, so the phases would compute mostly padding.
 */
import type { Constant } from "../graph/ir";
import { type Kernels, type Pointer, Unary } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { CorrelationGeometry, Side } from "./correlation";
import { type Blocks, blocksOf } from "./direct";
import type { Clamp, Run } from "./operation";
import type { Direction } from "./taps";
import { panelCount, uploadFloats } from "./weights";

const floatBytes = 4;
/** Scratch the columns of some rows should stay within, so that they are still in L2 when they are scattered. */
const blockBytes = 256 * 1024;

export class ColumnAdjoint implements Side {
  readonly #geometry: CorrelationGeometry;
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #weight: Constant;
  #placed: { readonly panels: Pointer; readonly tapTable: Pointer } | undefined;

  constructor(
    geometry: CorrelationGeometry,
    _direction: Direction,
    kernels: Kernels,
    memory: KernelMemory,
    weight: Constant,
  ) {
    this.#geometry = geometry;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#weight = weight;
  }

  get weightBytes(): number {
    return this.#column * this.#geometry.outChannels * floatBytes;
  }

  scratchBytes(): number {
    return this.#blockRows * this.#rowBytes + this.#blocks(this.#blockRows).scratchBytes;
  }

  /** Packs the weight as a matrix [outChannels] × [kernelH·kernelW·inChannels]. */
  prepare(): void {
    if (this.#placed) return;
    const g = this.#geometry;
    const source = this.#weight.floats();
    const kernelSize = g.kernelH * g.kernelW;
    const panels = new Float32Array(this.#column * g.outChannels);
    for (let n = 0; n < g.outChannels; n++) {
      for (let c = 0; c < g.inChannels; c++) {
        for (let k = 0; k < kernelSize; k++) {
          const column = k * g.inChannels + c;
          panels[((column >> 3) * g.outChannels + n) * 8 + (column & 7)] =
            source[(n * g.inChannels + c) * kernelSize + k];
        }
      }
    }
    this.#placed = {
      panels: uploadFloats(this.#memory, panels, "Convolution weights (gradient)"),
      tapTable: this.#memory.store(new Uint8Array(8), "Convolution taps"),
    };
  }

  release(): void {
    if (!this.#placed) return;
    this.#memory.free(this.#placed.panels);
    this.#memory.free(this.#placed.tapTable);
    this.#placed = undefined;
  }

  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void {
    const g = this.#geometry;
    const image = g.inH * g.inW * g.inChannels;
    run.memory.floats(to, samples * image).fill(0);
    for (let sample = 0; sample < samples; sample++) {
      for (let row = 0; row < g.outH; row += this.#blockRows) {
        const rows = Math.min(this.#blockRows, g.outH - row);
        const first = from + (sample * g.outH + row) * g.outW * g.outChannels * floatBytes;
        this.#multiply(run, first, rows);
        this.#scatter(run, to + sample * image * floatBytes, row, rows);
      }
    }
    finish(run, to, bias, samples * g.inH * g.inW, g.inChannels, clamp);
  }

  /** Columns of some rows into scratch; all lanes are written, the padding of the panels is zero. */
  #multiply(run: Run, from: Pointer, rows: number): void {
    const { outW, outChannels } = this.#geometry;
    const { panels, tapTable } = this.#placed as { panels: Pointer; tapTable: Pointer };
    const blocks = this.#blocks(rows);
    const geometry = run.record("ConvGeometry", {
      ...{ samples: 1, inH: rows, inW: outW, channels: outChannels, outH: rows, outW, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: outW * this.#column, yPixel: this.#column },
      ...{ taps: 1, tapTable, run: 1, outChannels: this.#column, groups: 1, blockTiles: blocks.tiles },
      ...{ lo: Number.NEGATIVE_INFINITY, hi: Number.POSITIVE_INFINITY },
    });
    this.#kernels.conv(from, panels, 0, run.scratch, run.scratch + this.#blockRows * this.#rowBytes, geometry);
  }

  #scatter(run: Run, image: Pointer, firstRow: number, rows: number): void {
    const g = this.#geometry;
    const geometry = run.record("ColumnGeometry", {
      height: g.inH,
      width: g.inW,
      channels: g.inChannels,
      firstRow,
      rows,
      outW: g.outW,
      column: this.#column,
      kernelH: g.kernelH,
      kernelW: g.kernelW,
      strideH: g.strideH,
      strideW: g.strideW,
      dilationH: g.dilationH,
      dilationW: g.dilationW,
      padTop: g.padTop,
      padLeft: g.padLeft,
    });
    this.#kernels.scatterColumns(run.scratch, image, geometry);
  }

  /** Floats of one column, whole panels. */
  get #column(): number {
    const g = this.#geometry;
    return panelCount(g.kernelH * g.kernelW * g.inChannels) * 8;
  }

  get #rowBytes(): number {
    return this.#geometry.outW * this.#column * floatBytes;
  }

  get #blockRows(): number {
    return Math.max(1, Math.min(this.#geometry.outH, Math.floor(blockBytes / this.#rowBytes)));
  }

  #blocks(rows: number): Blocks {
    const { outW, outChannels } = this.#geometry;
    return blocksOf(rows * outW, outChannels, outChannels);
  }
}

/** Adds a per-channel bias to finished pixels and bounds them, in place. */
export function finish(run: Run, x: Pointer, bias: Pointer, pixels: number, channels: number, { lo, hi }: Clamp): void {
  if (bias !== 0) {
    const geometry = run.record("StridedGeometry", {
      ...{ d0: 1, d1: 1, d2: 1, d3: 1, d4: pixels, d5: channels },
      ...{ a0: 0, a1: 0, a2: 0, a3: 0, a4: 0, a5: 1 },
      ...{ b0: 0, b1: 0, b2: 0, b3: 0, b4: channels, b5: 1 },
    });
    run.kernels.addStrided(bias, x, geometry);
  }
  if (lo > Number.NEGATIVE_INFINITY || hi < Number.POSITIVE_INFINITY)
    run.kernels.unary(Unary.clip, x, x, pixels * channels, lo, hi);
}
