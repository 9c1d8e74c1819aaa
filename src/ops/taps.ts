/** Which kernel elements reach which pixels along one axis: the geometry of direct sums and of sub-pixel phases. */

/** One axis of one phase: the kernel indices that reach it, the offset of the pixel each reads (ascending), the pixels it writes. */
export interface AxisTaps {
  readonly kernelIndex: readonly number[];
  readonly offset: readonly number[];
  readonly pixels: number;
}

/** A direct sum: every kernel element at its dilated offset. */
export const plainTaps = (kernel: number, dilation: number, pixels: number): AxisTaps => {
  const kernelIndex = Array.from({ length: kernel }, (_, k) => k);
  return { kernelIndex, offset: kernelIndex.map((k) => k * dilation), pixels };
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

/** How far the taps of all phases reach below 0 and beyond the extent: the zero border the source needs. */
export function reach(phases: readonly AxisTaps[], extent: number): [before: number, after: number] {
  const before = phases.flatMap((taps) => taps.offset.map((offset) => -offset));
  const after = phases.flatMap((taps) => taps.offset.map((offset) => taps.pixels - 1 + offset - (extent - 1)));
  return [Math.max(0, ...before), Math.max(0, ...after)];
}

/** Taps of one axis are evenly spaced, because the stride removes kernel indices periodically. */
export const spacing = (taps: AxisTaps): number => (taps.offset.length > 1 ? taps.offset[1] - taps.offset[0] : 1);
