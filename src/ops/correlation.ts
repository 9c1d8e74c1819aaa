/**
 * The linear map of a convolution layer and its exact adjoint.
 *
 *   apply:    y[oy, ox, n] = Σ_{ky, kx, c} w[n, c, ky, kx] · x[oy·s + ky·d − p, ox·s + kx·d − p, c]
 *   adjoint:  x[iy, ix, c] = Σ_{n, ky, kx} w[n, c, ky, kx] · y[oy, ox, n]   over all oy·s + ky·d − p = iy (likewise x)
 *
 * Conv applies it and sends gradients back through the adjoint; ConvTranspose does it the other way round.
 * The adjoint runs as s_h·s_w sub-pixel phases: the pixels of x that share a remainder modulo the stride see the same
 * taps, so each phase is a stride-1 convolution of y that writes every s-th pixel (no zero is ever inserted or multiplied).
 */
import type { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { type Algorithm, type AlgorithmMode, algorithm, isDepthwise } from "./algorithm";
import { columnAdjoint } from "./column-adjoint";
import { depthwise } from "./depthwise";
import { direct } from "./direct";
import { folded } from "./folded";
import type { Clamp, Run } from "./operation";
import type { Direction } from "./taps";
import { type Held, placeBias } from "./weights";
import { winograd } from "./winograd";

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
   */
  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void;
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

const sides: Readonly<Record<Algorithm, (parts: SideParts) => Side>> = {
  depthwise,
  winograd,
  folded,
  columns: columnAdjoint,
  direct,
};

export function correlationSide(parts: SideParts, mode: AlgorithmMode = "fast"): ScalableSide {
  const make = sides[algorithm(parts.geometry, parts.direction, mode)];
  const side = make(parts);
  return { ...side, over: (geometry) => make({ ...parts, geometry, shared: side.weights }) };
}

/** Places a bias over the outputs of a side as its kernel reads it. */
export const correlationBias = (geometry: CorrelationGeometry, memory: KernelMemory, bias: Float32Array): Pointer =>
  placeBias(memory, bias, isDepthwise(geometry) ? 1 : geometry.groups);

/** Multiply–accumulates of one sample. */
export const productsOf = (g: CorrelationGeometry): number =>
  g.outH * g.outW * g.outChannels * (g.inChannels / g.groups) * g.kernelH * g.kernelW;
