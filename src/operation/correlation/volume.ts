/**
 * Convolutions of volumes [N][D][H][W][C], slice by slice: what the kernel's depth reaches is laid together as channels, and one
 * convolution of images does the rest. The weight needs no rearranging: [out][channels][kernelD][kernelH][kernelW] is
 * [out][channels·kernelD][kernelH][kernelW].
 *
 *   y[oz] = conv2d(x[oz·s + k·d − p] for all k, side by side in the channels)
 */
import type { Pointer } from "../../wasm/kernels";
import { behind, type Run } from "../operation";
import { move } from "../strided";
import type { CorrelationGeometry } from "./side";

/** The axis along which slices lie. */
export interface DepthAxis {
  /** Slices of x and of y. */
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pad: number;
}

/** The slices of x that one of y is made of, by the kernel's depth. */
export interface Slices {
  /** Bytes of the slices side by side; 0 where they can be read in place. */
  readonly bytes: number;
  /** Lays them together. @returns where they are */
  gather(run: Run, x: Pointer, slice: number): Pointer;
  /** Adds what was laid together back to the slices. */
  scatter(run: Run, dx: Pointer, slice: number): void;
}

/** @param geometry  of one slice, with the channels of all that are laid together */
export function slicesOf(depth: DepthAxis, geometry: CorrelationGeometry): Slices {
  const { kernel } = depth;
  const size = (geometry.inH * geometry.inW * geometry.inChannels) / kernel;
  const reached = (slice: number): (readonly [tap: number, source: number])[] =>
    Array.from(
      { length: kernel },
      (_, tap) => [tap, slice * depth.stride + tap * depth.dilation - depth.pad] as const,
    ).filter(([, source]) => source >= 0 && source < depth.from);
  const each = (slice: number, visit: (tap: number, source: number) => void): void => {
    for (const [tap, source] of reached(slice)) visit(tap, source);
  };
  return {
    bytes: Math.ceil((size * kernel * 4) / 64) * 64,
    gather: (run, x, slice) => {
      const at = run.scratch;
      if (reached(slice).length < kernel) run.memory.floats(at, size * kernel).fill(0);
      each(slice, (tap, source) => {
        const loops = { extents: [size], a: [1], b: [kernel], aOffset: source * size, bOffset: tap };
        move(run, "copyStrided", loops, { pointer: x, sample: 0 }, { pointer: at, sample: 0 });
      });
      return at;
    },
    scatter: (run, dx, slice) =>
      each(slice, (tap, source) => {
        const loops = { extents: [size], a: [kernel], b: [1], aOffset: tap, bOffset: source * size };
        move(run, "addStrided", loops, { pointer: run.scratch, sample: 0 }, { pointer: dx, sample: 0 });
      }),
  };
}

/** The same pass for one sample, with less scratch in front. */
export const ofOneSample = (run: Run, bytes: number): Run => ({
  ...behind(run, bytes),
  batch: 1,
  // Of other numbers than those of the pass nothing is known.
  integers: () => undefined,
});
