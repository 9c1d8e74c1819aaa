/** Which kernel elements reach which pixels: the geometry of direct sums and of sub-pixel phases. */
import type { CorrelationGeometry, Direction } from "./side";

/** What one direction reads (in) and writes (out). */
export function seenFrom(g: CorrelationGeometry, direction: Direction) {
  const { inH, inW, inChannels, outH, outW, outChannels } = g;
  return direction === "apply"
    ? { inH, inW, inChannels, outH, outW, outChannels }
    : { inH: outH, inW: outW, inChannels: outChannels, outH: inH, outW: inW, outChannels: inChannels };
}

/**
 * How one phase moves over what is read and what is written, in the words of the kernels' records. The phases of the adjoint step
 * through what they write, the convolution through what it reads.
 */
export function phaseSteps(g: CorrelationGeometry, direction: Direction) {
  const { inH, inW, outH, outW, outChannels } = seenFrom(g, direction);
  const [strideH, strideW, writeH, writeW] =
    direction === "apply" ? [g.strideH, g.strideW, 1, 1] : [1, 1, g.strideH, g.strideW];
  return {
    steps: {
      ...{ inH, inW, strideH, strideW },
      ySample: outH * outW * outChannels,
      yRow: writeH * outW * outChannels,
      yPixel: writeW * outChannels,
    },
    /** Bytes before the first pixel that a phase writes. */
    firstByte: (row: number, column: number): number => (row * outW + column) * outChannels * 4,
  };
}

/** One axis of one phase: the kernel indices that reach it, the offset of the pixel each reads (ascending), the pixels it writes. */
export interface AxisTaps {
  readonly kernelIndex: readonly number[];
  readonly offset: readonly number[];
  readonly pixels: number;
}

/** A direct sum: every kernel element at its dilated offset. */
const plainTaps = (kernel: number, dilation: number, pad: number, pixels: number): AxisTaps => {
  const kernelIndex = Array.from({ length: kernel }, (_, k) => k);
  return { kernelIndex, offset: kernelIndex.map((k) => k * dilation - pad), pixels };
};

/** For each remainder r of a pixel modulo the stride: the kernel indices k with (r + pad − k·dilation) divisible by the stride. */
export function phaseTaps(stride: number, dilation: number, pad: number, kernel: number, extent: number): AxisTaps[] {
  return Array.from({ length: Math.min(stride, extent) }, (_, remainder) => {
    const kernelIndex = Array.from({ length: kernel }, (_, k) => k)
      .filter((k) => (remainder + pad - k * dilation) % stride === 0)
      .reverse();
    const offset = kernelIndex.map((k) => (remainder + pad - k * dilation) / stride);
    return { kernelIndex, offset, pixels: Math.ceil((extent - remainder) / stride) };
  });
}

/** The taps of the rows and of the columns, for each phase along each axis. */
export function tapAxes(g: CorrelationGeometry, direction: Direction): { rows: AxisTaps[]; columns: AxisTaps[] } {
  if (direction === "apply") {
    return {
      rows: [plainTaps(g.kernelH, g.dilationH, g.padTop, g.outH)],
      columns: [plainTaps(g.kernelW, g.dilationW, g.padLeft, g.outW)],
    };
  }
  return {
    rows: phaseTaps(g.strideH, g.dilationH, g.padTop, g.kernelH, g.inH),
    columns: phaseTaps(g.strideW, g.dilationW, g.padLeft, g.kernelW, g.inW),
  };
}

/** One call of the `conv` kernel. */
export interface TapPhase {
  /** First pixel it writes, and how many. */
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  /** Row and column of the first pixel each tap reads, and how many pixels that are. */
  readonly taps: readonly (readonly [row: number, column: number])[];
  readonly run: number;
  /** Which elements of the kernel they meet. */
  readonly kernelOffsets: readonly number[];
}

/** The phases of a convolution, which has one, or of its adjoint, which has stride × stride. */
export function phasesOf(g: CorrelationGeometry, direction: Direction): TapPhase[] {
  const axes = tapAxes(g, direction);
  return axes.rows.flatMap((rows, row) =>
    axes.columns.map((columns, column) => {
      // Neighbouring taps of one kernel row read one contiguous run of the image if nothing lies between them.
      const isRun = g.groups === 1 && columns.offset.every((offset, i) => offset === columns.offset[0] + i);
      const starts = isRun ? columns.offset.slice(0, 1) : columns.offset;
      return {
        row,
        column,
        rows: rows.pixels,
        columns: columns.pixels,
        taps: rows.offset.flatMap((y) => starts.map((x) => [y, x] as const)),
        run: isRun ? columns.offset.length : 1,
        kernelOffsets: rows.kernelIndex.flatMap((ky) => columns.kernelIndex.map((kx) => ky * g.kernelW + kx)),
      };
    }),
  );
}

/** Taps of one axis are evenly spaced, because the stride removes kernel indices periodically. */
export const spacing = (taps: AxisTaps): number => (taps.offset.length > 1 ? taps.offset[1] - taps.offset[0] : 1);
