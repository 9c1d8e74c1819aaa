import type { CorrelationGeometry } from "../operation/correlation/side";
import { type AxisTaps, phaseTaps } from "../operation/correlation/taps";
import type { Tensor } from "../tensor";
import { correlate, type FormContext, kernelTensor, type Planes, wideSide } from "./planes";

/** The output pixels that share a remainder modulo the stride: a convolution of their own, without any zeros. */
export interface Phase {
  /** The remainders: this phase writes every stride-th pixel from here on. */
  readonly first: readonly [y: number, x: number];
  /** The kernel rows and columns that reach these pixels, in the order they are read. */
  readonly kernelRows: readonly number[];
  readonly kernelColumns: readonly number[];
  /** Where each of them reads, relative to the phase's own pixel grid. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** The part of the kernel this phase uses, `[C, M/groups, …]`, rank 4 channels last; empty where no tap reaches. */
  readonly kernel: Tensor;
  readonly output: Tensor;
}

/** Deconvolution as stride_h · stride_w small convolutions, interleaved. This is what the kernels run. */
export interface PhaseForm {
  readonly phases: readonly Phase[];
  readonly output: Tensor;
}

/** One phase before it has run. */
interface PhasePlan {
  readonly first: readonly [y: number, x: number];
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
}

function planPhases(g: CorrelationGeometry): PhasePlan[] {
  const columns = phaseTaps(g.strideW, g.dilationW, g.padLeft, g.kernelW, g.inW);
  return phaseTaps(g.strideH, g.dilationH, g.padTop, g.kernelH, g.inH).flatMap((rows, y) =>
    columns.map((taps, x) => ({ first: [y, x] as const, rows, columns: taps })),
  );
}

/** The part of the kernel that one phase uses, `[inChannels][outChannels/groups][rows][columns]`. */
function phaseKernel(
  g: CorrelationGeometry,
  weight: ArrayLike<number>,
  kernelRows: readonly number[],
  kernelColumns: readonly number[],
): Float64Array {
  const [inPerGroup, outPerGroup] = [g.inChannels / g.groups, g.outChannels / g.groups];
  const part: number[] = [];
  for (let c = 0; c < g.inChannels; c++) {
    const group = Math.floor(c / inPerGroup);
    for (let n = 0; n < outPerGroup; n++) {
      const plane = ((group * outPerGroup + n) * inPerGroup + (c % inPerGroup)) * g.kernelH;
      for (const ky of kernelRows) for (const kx of kernelColumns) part.push(weight[(plane + ky) * g.kernelW + kx]);
    }
  }
  return Float64Array.from(part);
}

/** Runs every phase by itself and interleaves what they write. */
export async function phaseForm({ geometry: g, weight, rank, y, tick, finish }: FormContext): Promise<PhaseForm> {
  const phases: Phase[] = [];
  const parts: (readonly [PhasePlan, Planes])[] = [];
  for (const plan of planPhases(g)) {
    const { first, rows, columns } = plan;
    const kernel = phaseKernel(g, weight, rows.kernelIndex, columns.kernelIndex);
    const out = { ...wideSide(g), height: rows.pixels, width: columns.pixels };
    const part = await correlate(y, kernel, { rows: rows.offset, columns: columns.offset }, out, tick);
    parts.push([plan, part]);
    const shape = [g.inChannels, g.outChannels / g.groups, rows.offset.length, columns.offset.length];
    phases.push({
      first,
      kernelRows: rows.kernelIndex,
      kernelColumns: columns.kernelIndex,
      rows: rows.offset,
      columns: columns.offset,
      kernel: kernelTensor(kernel, shape, rank),
      output: finish(part),
    });
  }
  return { phases, output: finish(interleave(g, parts)) };
}

/** Puts the phases' pixels where they belong. */
function interleave(g: CorrelationGeometry, parts: readonly (readonly [PhasePlan, Planes])[]): Planes {
  const { channels, height, width } = wideSide(g);
  const data = new Float64Array(channels * height * width);
  for (const [{ first }, part] of parts) {
    for (let i = 0; i < part.data.length; i++) {
      const [x, y, c] = [
        i % part.width,
        Math.floor(i / part.width) % part.height,
        Math.floor(i / part.width / part.height),
      ];
      data[(c * height + first[0] + y * g.strideH) * width + first[1] + x * g.strideW] = part.data[i];
    }
  }
  return { data, channels, height, width };
}
