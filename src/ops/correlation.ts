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
import { type AlgorithmMode, algorithm, isDepthwise } from "./algorithm";
import { ColumnAdjoint } from "./column-adjoint";
import { Depthwise } from "./depthwise";
import { Direct } from "./direct";
import { Folded } from "./folded";
import type { Clamp, Run } from "./operation";
import type { Direction } from "./taps";
import { placeBias } from "./weights";
import { Winograd } from "./winograd";

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
  /** Packs the weights, if they are not there yet. */
  prepare(): void;
  /** Gives their memory back. */
  release(): void;
  /**
   * @param samples  images, one after the other
   * @param from     f32[samples][height][width][channels]: x to apply the map, y for its adjoint
   * @param bias     added to every pixel of `to`, as `Correlation.placeBias` lays it out, or 0
   * @param to       f32[samples][height][width][channels], fully written
   * @param clamp    bounds of what is written
   */
  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void;
}

const kinds = { depthwise: Depthwise, winograd: Winograd, folded: Folded, columns: ColumnAdjoint, direct: Direct };

export class Correlation {
  readonly geometry: CorrelationGeometry;
  readonly applySide: Side;
  readonly adjointSide: Side;
  readonly #memory: KernelMemory;

  constructor(
    geometry: CorrelationGeometry,
    weight: Constant,
    kernels: Kernels,
    memory: KernelMemory,
    mode: AlgorithmMode = "fast",
  ) {
    this.geometry = geometry;
    this.#memory = memory;
    const side = (direction: Direction): Side =>
      new kinds[algorithm(geometry, direction, mode)](geometry, direction, kernels, memory, weight);
    this.applySide = side("apply");
    this.adjointSide = side("adjoint");
  }

  /** Multiply–accumulates of one sample. */
  get macs(): number {
    const g = this.geometry;
    return g.outH * g.outW * g.outChannels * (g.inChannels / g.groups) * g.kernelH * g.kernelW;
  }

  /** Places a bias over the outputs of one side as its kernel reads it. */
  placeBias(bias: Float32Array): Pointer {
    return placeBias(this.#memory, bias, isDepthwise(this.geometry) ? 1 : this.geometry.groups);
  }
}
