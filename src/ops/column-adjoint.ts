/**
 * The adjoint of a convolution with fewer than eight input channels: a GEMM whose columns are added back into the image.
 * Panels are eight channels wide, so the phases would compute mostly padding.
 */
import type { Constant } from "../graph/ir";
import { type Kernels, type Pointer, Unary } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { CorrelationGeometry } from "./correlation";
import type { Clamp, Run } from "./operation";
import { panelCount, uploadFloats } from "./weights";

const floatBytes = 4;
/** Scratch the columns of a row block should stay within, so that they are still in L2 when they are scattered. */
const blockBytes = 256 * 1024;

export class ColumnAdjoint {
  readonly #geometry: CorrelationGeometry;
  #weight: Pointer | undefined;

  constructor(geometry: CorrelationGeometry) {
    this.#geometry = geometry;
  }

  get weightBytes(): number {
    const g = this.#geometry;
    return panelCount(g.inChannels * g.kernelH * g.kernelW) * 8 * g.outChannels * floatBytes;
  }

  get scratchBytes(): number {
    return this.#blockRows * this.#rowBytes;
  }

  /** Packs the weight as a matrix [outChannels] × [kernelH·kernelW·inChannels]. */
  prepare(memory: KernelMemory, weight: Constant): void {
    if (this.#weight !== undefined) return;
    const g = this.#geometry;
    const source = weight.floats();
    const kernelSize = g.kernelH * g.kernelW;
    const panels = new Float32Array(panelCount(kernelSize * g.inChannels) * 8 * g.outChannels);
    for (let n = 0; n < g.outChannels; n++) {
      for (let c = 0; c < g.inChannels; c++) {
        for (let k = 0; k < kernelSize; k++) {
          const column = k * g.inChannels + c;
          panels[((column >> 3) * g.outChannels + n) * 8 + (column & 7)] =
            source[(n * g.inChannels + c) * kernelSize + k];
        }
      }
    }
    this.#weight = uploadFloats(memory, panels, "Convolution weights (gradient)");
  }

  release(memory: KernelMemory): void {
    if (this.#weight !== undefined) memory.free(this.#weight);
    this.#weight = undefined;
  }

  /**
   * @param y      f32[samples][outH][outW][outChannels]
   * @param bias   f32[inChannels] added to every pixel of x, or 0
   * @param x      f32[samples][inH][inW][inChannels], fully written
   * @param clamp  bounds of x
   */
  run(run: Run, samples: number, y: Pointer, bias: Pointer, x: Pointer, clamp: Clamp): void {
    const g = this.#geometry;
    const kernels: Kernels = run.kernels;
    const geometry = run.record("Col2imGeometry", {
      samples,
      height: g.inH,
      width: g.inW,
      channels: g.inChannels,
      outH: g.outH,
      outW: g.outW,
      outChannels: g.outChannels,
      kernelH: g.kernelH,
      kernelW: g.kernelW,
      strideH: g.strideH,
      strideW: g.strideW,
      dilationH: g.dilationH,
      dilationW: g.dilationW,
      padTop: g.padTop,
      padLeft: g.padLeft,
      blockRows: this.#blockRows,
    });
    kernels.convBackwardFewChannels(y, this.#weight as Pointer, run.scratch, x, geometry);
    const pixels = samples * g.inH * g.inW;
    if (bias !== 0) addBias(run, x, bias, pixels, g.inChannels);
    if (clamp.lo > Number.NEGATIVE_INFINITY || clamp.hi < Number.POSITIVE_INFINITY) {
      kernels.unary(Unary.clip, x, x, pixels * g.inChannels, clamp.lo, clamp.hi);
    }
  }

  get #rowBytes(): number {
    const g = this.#geometry;
    return g.outW * panelCount(g.kernelH * g.kernelW * g.inChannels) * 8 * floatBytes;
  }

  get #blockRows(): number {
    return Math.max(1, Math.min(this.#geometry.outH, Math.floor(blockBytes / this.#rowBytes)));
  }
}

/** Adds a per-channel bias in place. */
function addBias(run: Run, x: Pointer, bias: Pointer, pixels: number, channels: number): void {
  const geometry = run.record("StridedGeometry", {
    ...{ d0: 1, d1: 1, d2: 1, d3: 1, d4: pixels, d5: channels },
    ...{ a0: 0, a1: 0, a2: 0, a3: 0, a4: 0, a5: 1 },
    ...{ b0: 0, b1: 0, b2: 0, b3: 0, b4: channels, b5: 1 },
  });
  run.kernels.addStrided(bias, x, geometry);
}
