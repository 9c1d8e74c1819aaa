/**
 * Which kernel runs which convolution: the one place where that is decided.
 *
 * | case                                           | kernel                                                     |
 * |------------------------------------------------|------------------------------------------------------------|
 * | one input and one output channel per group     | depthwise                                                  |
 * | 1×1, stride 1, no padding, one group           | direct with all pixels of all samples in one row (a GEMM)  |
 * | everything else, forward                       | direct: taps over a zero-padded input                      |
 * | input gradient or transposed, < 8 channels out | GEMM + col2im, because panels are 8 channels wide          |
 * | input gradient or transposed, otherwise        | direct, one call per sub-pixel phase                       |
 */
import type { CorrelationGeometry } from "./correlation";

export type ForwardAlgorithm = "depthwise" | "pointwise" | "direct";
export type AdjointAlgorithm = "depthwise" | "few-channels" | "phases";

export const isDepthwise = (g: CorrelationGeometry): boolean =>
  g.groups > 1 && g.groups === g.inChannels && g.groups === g.outChannels;

const isPointwise = (g: CorrelationGeometry): boolean =>
  g.groups === 1 &&
  g.kernelH * g.kernelW === 1 &&
  g.strideH * g.strideW === 1 &&
  g.padTop === 0 &&
  g.padLeft === 0 &&
  g.inH === g.outH &&
  g.inW === g.outW;

export function forwardAlgorithm(g: CorrelationGeometry): ForwardAlgorithm {
  if (isDepthwise(g)) return "depthwise";
  return isPointwise(g) ? "pointwise" : "direct";
}

export function adjointAlgorithm(g: CorrelationGeometry): AdjointAlgorithm {
  if (isDepthwise(g)) return "depthwise";
  return g.groups === 1 && g.inChannels < 8 && g.kernelH * g.kernelW > 1 ? "few-channels" : "phases";
}
