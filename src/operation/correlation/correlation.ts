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
import type { Pointer } from "../../wasm/kernels";
import type { KernelMemory } from "../../wasm/memory";
import type { AlgorithmMode } from "../operation";
import { placeBias } from "../weights";
import { type Algorithm, algorithm } from "./algorithm";
import { columnAdjoint } from "./column-adjoint";
import { depthwise } from "./depthwise";
import { direct } from "./direct";
import { folded } from "./folded";
import { type CorrelationGeometry, isDepthwise, type ScalableSide, type Side, type SideParts } from "./side";
import { winograd } from "./winograd";

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
