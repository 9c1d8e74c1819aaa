import type { CorrelationGeometry } from "../operation/correlation/side";
import { type AxisTaps, phaseTaps } from "../operation/correlation/taps";
import type { Tensor } from "../tensor";
import { correlate, type FormContext, kernelTensor, type Planes, planesTensor, wideSide } from "./planes";

/**
 * Deconvolution as one stride-1 convolution to stride_h·stride_w times as many channels, whose channels then become pixels
 * (the sub-pixel convolution of Shi et al. 2016, https://arxiv.org/abs/1609.05158; PyTorch `PixelShuffle`; ONNX
 * `DepthToSpace` with mode CRD, which takes 2-D values and one block size for both axes).
 */
export interface DepthToSpaceForm {
  /** `[C·stride_h·stride_w, M/groups, …]`, rank 4 channels last: every phase's kernel, filled up with zeros to one size. */
  readonly kernel: Tensor;
  readonly blockSize: readonly [y: number, x: number];
  /** Zero padding of that convolution, as ONNX orders it: all beginnings, all ends. Below zero it cuts off. */
  readonly pads: readonly number[];
  /** What the convolution makes, before its channels become pixels. */
  readonly channels: Tensor;
  /** `channels` rearranged, and cut to the output's size. */
  readonly output: Tensor;
}

/** One axis of the one convolution that does the work of all phases. */
interface Axis {
  readonly phases: readonly AxisTaps[];
  /** Offset of the first tap. */
  readonly first: number;
  readonly taps: number;
  readonly pixels: number;
}

interface SubPixelPlan {
  readonly rows: Axis;
  readonly columns: Axis;
  /** `[inChannels·stride_h·stride_w][outChannels/groups][rows.taps][columns.taps]`. */
  readonly kernel: Float64Array;
}

function axis(stride: number, dilation: number, pad: number, kernel: number, extent: number): Axis {
  const pixels = Math.ceil(extent / stride);
  const phases = phaseTaps(stride, dilation, pad, kernel, pixels * stride);
  const offsets = phases.flatMap(({ offset }) => offset);
  const first = Math.min(...offsets);
  return { phases, first, taps: Math.max(...offsets) - first + 1, pixels };
}

function planSubPixel(g: CorrelationGeometry, weight: ArrayLike<number>): SubPixelPlan {
  const rows = axis(g.strideH, g.dilationH, g.padTop, g.kernelH, g.inH);
  const columns = axis(g.strideW, g.dilationW, g.padLeft, g.kernelW, g.inW);
  const [inPerGroup, outPerGroup] = [g.inChannels / g.groups, g.outChannels / g.groups];
  const blocks = g.strideH * g.strideW;
  const kernel = new Float64Array(g.inChannels * blocks * outPerGroup * rows.taps * columns.taps);
  for (let c = 0; c < g.inChannels; c++) {
    const group = Math.floor(c / inPerGroup);
    rows.phases.forEach((vertical, ry) => {
      columns.phases.forEach((horizontal, rx) => {
        const channel = c * blocks + ry * g.strideW + rx;
        for (let n = 0; n < outPerGroup; n++) {
          const plane = ((group * outPerGroup + n) * inPerGroup + (c % inPerGroup)) * g.kernelH;
          vertical.kernelIndex.forEach((ky, i) => {
            horizontal.kernelIndex.forEach((kx, j) => {
              const [row, column] = [vertical.offset[i] - rows.first, horizontal.offset[j] - columns.first];
              kernel[((channel * outPerGroup + n) * rows.taps + row) * columns.taps + column] =
                weight[(plane + ky) * g.kernelW + kx];
            });
          });
        }
      });
    });
  }
  return { rows, columns, kernel };
}

/** The padding with which an ordinary convolution reads what the plan reads. */
function padsOf({ rows, columns }: SubPixelPlan, y: Planes, rank: number): number[] {
  const end = ({ first, taps, pixels }: Axis, extent: number): number => pixels + taps - 1 - extent + first;
  const [top, left] = [-rows.first, -columns.first];
  const [bottom, right] = [end(rows, y.height), end(columns, y.width)];
  return rank === 3 ? [left, right] : [top, left, bottom, right];
}

/** Convolves to many channels, then makes them pixels. */
export async function depthToSpaceForm({
  geometry: g,
  weight,
  rank,
  y,
  tick,
  finish,
}: FormContext): Promise<DepthToSpaceForm> {
  const plan = planSubPixel(g, weight);
  const { rows, columns, kernel } = plan;
  const offsets = ({ first, taps }: Axis): number[] => Array.from({ length: taps }, (_, k) => first + k);
  const out = {
    channels: g.inChannels * g.strideH * g.strideW,
    height: rows.pixels,
    width: columns.pixels,
    groups: g.groups,
  };
  const channels = await correlate(y, kernel, { rows: offsets(rows), columns: offsets(columns) }, out, tick);
  return {
    kernel: kernelTensor(kernel, [out.channels, g.outChannels / g.groups, rows.taps, columns.taps], rank),
    blockSize: [g.strideH, g.strideW],
    pads: padsOf(plan, y, rank),
    channels: planesTensor(channels, rank),
    output: finish(depthToSpace(g, channels)),
  };
}

/** Channels become pixels (mode CRD); what lies beyond the output is cut off. */
function depthToSpace(g: CorrelationGeometry, { data, height, width }: Planes): Planes {
  const out = wideSide(g);
  const pixels = Float64Array.from({ length: out.channels * out.height * out.width }, (_, i) => {
    const [x, y, c] = [i % out.width, Math.floor(i / out.width) % out.height, Math.floor(i / out.width / out.height)];
    const channel = (c * g.strideH + (y % g.strideH)) * g.strideW + (x % g.strideW);
    return data[(channel * height + Math.floor(y / g.strideH)) * width + Math.floor(x / g.strideW)];
  });
  return { data: pixels, ...out };
}
