import type { CorrelationGeometry } from "../operation/correlation/side";
import type { Tensor } from "../tensor";
import { correlate, type FormContext, kernelTensor, type Planes, planesTensor, wideSide } from "./planes";

/** Deconvolution as an ordinary convolution of a stretched input. */
export interface ZeroInsertionForm {
  /** The input with stride − 1 zeros between its values, and its border: zeros, or less where the padding cuts it off. */
  readonly inserted: Tensor;
  /** The kernel turned by 180°, its input and output channels swapped: `[C, M/groups, …]`, rank 4 channels last. */
  readonly kernel: Tensor;
  readonly output: Tensor;
}

/** One axis: where the border begins, and how long the stretched input is with it. */
function border(kernel: number, dilation: number, pad: number, extent: number): { begin: number; length: number } {
  const reach = (kernel - 1) * dilation;
  return { begin: reach - pad, length: extent + reach };
}

/**
 * Puts stride − 1 zeros between the values and a border around them, as long as the flipped kernel needs to write every
 * pixel: (kernel − 1)·dilation − pad at the beginning, at the end whatever is left (output padding included).
 */
function insertZeros(g: CorrelationGeometry, y: Planes): Planes {
  const rows = border(g.kernelH, g.dilationH, g.padTop, g.inH);
  const columns = border(g.kernelW, g.dilationW, g.padLeft, g.inW);
  const data = new Float64Array(y.channels * rows.length * columns.length);
  for (let c = 0; c < y.channels; c++) {
    for (let iy = 0; iy < y.height; iy++) {
      const row = rows.begin + iy * g.strideH;
      if (row < 0 || row >= rows.length) continue;
      for (let ix = 0; ix < y.width; ix++) {
        const column = columns.begin + ix * g.strideW;
        if (column < 0 || column >= columns.length) continue;
        data[(c * rows.length + row) * columns.length + column] = y.data[(c * y.height + iy) * y.width + ix];
      }
    }
  }
  return { data, channels: y.channels, height: rows.length, width: columns.length };
}

/** `[outChannels][inChannels/groups][…]` turned by 180° and seen from the other side: `[inChannels][outChannels/groups][…]`. */
function flipKernel(g: CorrelationGeometry, weight: ArrayLike<number>): Float64Array {
  const [inPerGroup, outPerGroup] = [g.inChannels / g.groups, g.outChannels / g.groups];
  const size = g.kernelH * g.kernelW;
  return Float64Array.from({ length: g.inChannels * outPerGroup * size }, (_, i) => {
    const k = i % size;
    const n = Math.floor(i / size) % outPerGroup;
    const c = Math.floor(i / size / outPerGroup);
    const group = Math.floor(c / inPerGroup);
    return weight[((group * outPerGroup + n) * inPerGroup + (c % inPerGroup)) * size + (size - 1 - k)];
  });
}

/** Deconvolution as a stride-1 convolution of the stretched input with the flipped kernel. */
export async function zeroInsertionForm({
  geometry: g,
  weight,
  rank,
  y,
  tick,
  finish,
}: FormContext): Promise<ZeroInsertionForm> {
  const inserted = insertZeros(g, y);
  const kernel = flipKernel(g, weight);
  const taps = {
    rows: Array.from({ length: g.kernelH }, (_, k) => k * g.dilationH),
    columns: Array.from({ length: g.kernelW }, (_, k) => k * g.dilationW),
  };
  return {
    inserted: planesTensor(inserted, rank),
    kernel: kernelTensor(kernel, [g.inChannels, g.outChannels / g.groups, g.kernelH, g.kernelW], rank),
    output: finish(await correlate(inserted, kernel, taps, wideSide(g), tick)),
  };
}
