/** One direction of a convolution: what it is made of, and what it can be asked for. */
import type { Constant } from "../../graph/ir";
import type { Kernels, Pointer } from "../../wasm/kernels";
import type { KernelMemory } from "../../wasm/memory";
import type { Clamp, Integers, Pieces, Run } from "../operation";
import type { Held } from "../weights";

/** The convolution as it is, or its adjoint. */
export type Direction = "apply" | "adjoint";

/** A convolution from x [inH, inW, inChannels] to y [outH, outW, outChannels]; weight [outChannels, inChannels/groups, kernelH, kernelW]. */
export interface CorrelationGeometry {
  readonly inH: number;
  readonly inW: number;
  readonly inChannels: number;
  readonly outH: number;
  readonly outW: number;
  readonly outChannels: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly groups: number;
}

/** One direction of the map, through the kernel that suits it. */
export interface Side {
  /** Bytes of packed weights. */
  readonly weightBytes: number;
  /** Bytes of scratch one call needs. */
  scratchBytes(samples: number): number;
  /** The packed weights. */
  readonly weights: Held;
  /**
   * @param samples  images, one after the other
   * @param from     f32[samples][height][width][channels]: x to apply the map, y for its adjoint
   * @param bias     added to every pixel of `to`, as `correlationBias` lays it out, or 0
   * @param to       f32[samples][height][width][channels], fully written
   * @param clamp    bounds of what is written
   * @param integers  how integers are multiplied, where the pass has such
   */
  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp, integers?: Integers): Pieces;
}

/** What a side is made of. */
export interface SideParts {
  readonly geometry: CorrelationGeometry;
  readonly direction: Direction;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly weight: Constant;
  /** The weights of this side over maps of another size, where there is one. */
  readonly shared?: Held;
}

/** A side that can be made again for maps of another size. */
export interface ScalableSide extends Side {
  /** The same kernel over the same packed weights. */
  over(geometry: CorrelationGeometry): Side;
}

export const isDepthwise = (g: CorrelationGeometry): boolean =>
  g.groups > 1 && g.groups === g.inChannels && g.groups === g.outChannels;
