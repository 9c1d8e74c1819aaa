/** Plain arithmetic on channels-first planes in float64: what the forms are written in, so that each reads as its definition. */
import type { CorrelationGeometry } from "../operation/correlation/side";
import { Tensor } from "../tensor";

/** A value `[channels][height][width]`; a signal is one row high. */
export interface Planes {
  readonly data: ArrayLike<number>;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Called after each output channel: reports progress, lets other work run, throws if aborted. */
export type Tick = () => Promise<void>;

/** What every form is made from. */
export interface FormContext {
  readonly geometry: CorrelationGeometry;
  /** `[outChannels][inChannels / groups][kernelH][kernelW]` of the convolution. */
  readonly weight: Float32Array;
  /** 3 for a signal, 4 for an image. */
  readonly rank: number;
  /** What is deconvolved. */
  readonly y: Planes;
  readonly tick: Tick;
  /** Finished planes, the layer's bias added, as a tensor. */
  readonly finish: (planes: Planes) => Tensor;
}

/** What a deconvolution writes. */
export const wideSide = (g: CorrelationGeometry) => ({
  channels: g.inChannels,
  height: g.inH,
  width: g.inW,
  groups: g.groups,
});

/** A stride-1 convolution as the pixels it reads, relative to the one it writes, along each axis. */
export interface KernelTaps {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/**
 * out[o, y, x] = Σ_{c, i, j} weight[o, c, i, j] · input[c, y + rows[i], x + columns[j]], zero outside of the input.
 *
 * @param weight  `[outChannels][input.channels / groups][rows][columns]`
 */
export async function correlate(
  input: Planes,
  weight: ArrayLike<number>,
  { rows, columns }: KernelTaps,
  out: { readonly channels: number; readonly height: number; readonly width: number; readonly groups: number },
  tick: Tick,
): Promise<Planes> {
  const { channels, height, width, groups } = out;
  const data = new Float64Array(channels * height * width);
  const perGroup = input.channels / groups;
  for (let o = 0; o < channels; o++) {
    const firstChannel = Math.floor(o / (channels / groups)) * perGroup;
    const to = o * height * width;
    for (let c = 0; c < perGroup; c++) {
      const from = (firstChannel + c) * input.height * input.width;
      rows.forEach((row, i) => {
        columns.forEach((column, j) => {
          const factor = weight[((o * perGroup + c) * rows.length + i) * columns.length + j];
          const [top, bottom] = [Math.max(0, -row), Math.min(height, input.height - row)];
          const [left, right] = [Math.max(0, -column), Math.min(width, input.width - column)];
          for (let y = top; y < bottom; y++) {
            const source = from + (y + row) * input.width + column;
            for (let x = left; x < right; x++) data[to + y * width + x] += factor * input.data[source + x];
          }
        });
      });
    }
    await tick();
  }
  return { data, channels, height, width };
}

/** The planes as a tensor people see: `[1, H, W, C]`, of a signal `[1, C, L]`. */
export function planesTensor({ data, channels, height, width }: Planes, rank: number): Tensor {
  const floats = Float32Array.from(data);
  if (rank === 3) return new Tensor(floats, [1, channels, width]);
  return Tensor.fromNCHW(floats, [1, channels, height, width]);
}

/** A kernel `[outChannels][inChannels][height][width]` as the tensor that gives its layer: channels last from rank 4 on. */
export const kernelTensor = (data: ArrayLike<number>, shape: readonly number[], rank: number): Tensor =>
  rank === 3
    ? new Tensor(Float32Array.from(data), [shape[0], shape[1], shape[3]])
    : Tensor.fromNCHW(Float32Array.from(data), shape);
