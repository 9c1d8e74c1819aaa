/**
 * The adjoint of a convolution with fewer than eight input channels: a GEMM whose columns are added back into the image.
 * Panels are eight channels wide, so the phases would compute mostly padding.
 */
import { type KernelCall, type Pointer, Unary } from "../../wasm/kernels";
import { type Clamp, type Pieces, type Run, unbounded } from "../operation";
import { held, panelCount, uploadFloats } from "../weights";
import { type Blocks, blocksOf } from "./direct";
import type { Side, SideParts } from "./side";

const floatBytes = 4;
/** Scratch the columns of some rows should stay within, so that they are still in L2 when they are scattered. */
const blockBytes = 256 * 1024;

export function columnAdjoint({ geometry: g, memory, weight, shared }: SideParts): Side {
  const { inH, inW, inChannels, outH, outW, outChannels, kernelH, kernelW } = g;
  const kernelSize = kernelH * kernelW;
  // Floats of one column, whole panels.
  const column = panelCount(kernelSize * inChannels) * 8;
  const rowBytes = outW * column * floatBytes;
  const blockRows = Math.max(1, Math.min(outH, Math.floor(blockBytes / rowBytes)));
  const blocks = (rows: number): Blocks => blocksOf(rows * outW, outChannels, outChannels);

  /** The weight as a matrix [outChannels] × [kernelH·kernelW·inChannels]. */
  const pack = (): Float32Array => {
    const source = weight.floats();
    const panels = new Float32Array(column * outChannels);
    for (let n = 0; n < outChannels; n++) {
      for (let c = 0; c < inChannels; c++) {
        for (let k = 0; k < kernelSize; k++) {
          const at = k * inChannels + c;
          panels[((at >> 3) * outChannels + n) * 8 + (at & 7)] = source[(n * inChannels + c) * kernelSize + k];
        }
      }
    }
    return panels;
  };
  const weights =
    shared ??
    held(memory, () => [
      [
        uploadFloats(memory, pack(), "Convolution weights (gradient)"),
        memory.store(new Uint8Array(8), "Convolution taps"),
      ],
    ]);

  /** Columns of some rows into scratch; all lanes are written, the padding of the panels is zero. */
  const multiply = (run: Run, from: Pointer, rows: number): KernelCall => {
    const [[panels, tapTable]] = weights.get();
    const geometry = run.record("ConvGeometry", {
      ...{ samples: 1, inH: rows, inW: outW, channels: outChannels, outH: rows, outW, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: outW * column, yPixel: column },
      ...{ taps: 1, tapTable, run: 1, outChannels: column, groups: 1, blockTiles: blocks(rows).tiles },
      ...unbounded,
    });
    return ["conv", from, panels, 0, run.scratch, run.scratch + blockRows * rowBytes, geometry];
  };

  return {
    weights,
    weightBytes: column * outChannels * floatBytes,
    scratchBytes: () => blockRows * rowBytes + blocks(blockRows).scratchBytes,
    *run(run, samples, from, bias, to, clamp) {
      const image = inH * inW * inChannels;
      run.memory.floats(to, samples * image).fill(0);
      for (let sample = 0; sample < samples; sample++) {
        for (let firstRow = 0; firstRow < outH; firstRow += blockRows) {
          const rows = Math.min(blockRows, outH - firstRow);
          yield multiply(run, from + (sample * outH + firstRow) * outW * outChannels * floatBytes, rows);
          const { strideH, strideW, dilationH, dilationW, padTop, padLeft } = g;
          const geometry = run.record("ColumnGeometry", {
            ...{ height: inH, width: inW, channels: inChannels, firstRow, rows, outW, column },
            ...{ kernelH, kernelW, strideH, strideW, dilationH, dilationW, padTop, padLeft },
          });
          yield ["scatterColumns", run.scratch, to + sample * image * floatBytes, geometry];
        }
      }
      yield* finish(run, to, bias, samples * inH * inW, inChannels, clamp);
    },
  };
}

/** Adds a per-channel bias to finished pixels and bounds them, in place. */
export function* finish(
  run: Run,
  x: Pointer,
  bias: Pointer,
  pixels: number,
  channels: number,
  { lo, hi }: Clamp,
): Pieces {
  if (bias !== 0) {
    const geometry = run.record("StridedGeometry", {
      ...{ d0: 1, d1: 1, d2: 1, d3: 1, d4: pixels, d5: channels },
      ...{ a0: 0, a1: 0, a2: 0, a3: 0, a4: 0, a5: 1 },
      ...{ b0: 0, b1: 0, b2: 0, b3: 0, b4: channels, b5: 1 },
    });
    yield ["addStrided", bias, x, geometry];
  }
  if (lo > Number.NEGATIVE_INFINITY || hi < Number.POSITIVE_INFINITY)
    yield ["unary", Unary.clip, x, x, pixels * channels, lo, hi];
}
