/**
 * Which kernel runs which convolution: the one place where that is decided.
 *
 * | case                                           | kernel                                                     |
 * |------------------------------------------------|------------------------------------------------------------|
 * | one input and one output channel per group     | depthwise                                                  |
 * | 3×3, stride 1, dilation 1, one group, ≥ 8      | Winograd F(4×4, 3×3), forward and as input gradient        |
 * | channels, where tiles fit the map (see below)  |                                                            |
 * | 1×1, stride 1, no padding, one group           | direct with all pixels of all samples in one row (a GEMM)  |
 * | everything else, forward                       | direct: taps over a zero-padded input                      |
 * | input gradient or transposed, < 8 channels out | GEMM + col2im, because panels are 8 channels wide          |
 * | input gradient or transposed, otherwise        | direct, one call per sub-pixel phase                       |
 *
 * The choice never depends on the batch, because the bits of a result must not.
 */
import type { CorrelationGeometry } from "./correlation";

/** "plain" avoids Winograd: it rounds more than a direct sum does, and its weights take four times the space. */
export type AlgorithmMode = "fast" | "plain";

export type ForwardAlgorithm = "depthwise" | "winograd" | "pointwise" | "direct";
export type AdjointAlgorithm = "depthwise" | "winograd" | "few-channels" | "phases";

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

/**
 * Products that Winograd saves on a map: 9 per pixel against 36 per tile of 4×4, four tiles at a time. Measured times follow
 * this ratio down to 8 channels:
 *
 * | map | products saved | 64→64 | 256→256 | 8→8 at 55×55 | 16→64 at 55×55 |
 * |-----|----------------|-------|---------|--------------|----------------|
 * | 56  | 4.0×           | 3.6×  | 3.7×    | 1.8×         | 2.4×           |
 * | 14  | 3.1×           |       | 2.3×    |              |                |
 * | 7   | 3.1×           | 2.8×  |         |              |                |
 * | 5   | 1.6×           | 1.6×  | 1.5×    |              |                |
 * | 4   | 1.0×           | 1.0×  |         |              |                |
 * | 3   | 0.6×           |       | 0.7×    |              |                |
 */
const savedByTiles = (height: number, width: number): number => {
  const tiles = Math.ceil(height / 4) * Math.ceil(width / 4);
  return (9 * height * width) / (36 * 4 * Math.ceil(tiles / 4));
};

/** Below this ratio the larger weights are not worth it. */
const worthwhile = 1.5;

/** Products of a layer below which its time does not matter, so that small networks keep the accuracy of direct sums. */
const leastProducts = 4e6;

const suitsWinograd = (g: CorrelationGeometry, height: number, width: number): boolean =>
  g.groups === 1 &&
  g.kernelH === 3 &&
  g.kernelW === 3 &&
  g.strideH * g.strideW === 1 &&
  g.dilationH * g.dilationW === 1 &&
  Math.min(g.inChannels, g.outChannels) >= 8 &&
  g.inChannels % 4 === 0 &&
  g.outChannels % 4 === 0 &&
  savedByTiles(height, width) >= worthwhile &&
  9 * height * width * g.inChannels * g.outChannels >= leastProducts;

export function forwardAlgorithm(g: CorrelationGeometry, mode: AlgorithmMode = "fast"): ForwardAlgorithm {
  if (isDepthwise(g)) return "depthwise";
  if (mode === "fast" && suitsWinograd(g, g.outH, g.outW)) return "winograd";
  return isPointwise(g) ? "pointwise" : "direct";
}

export function adjointAlgorithm(g: CorrelationGeometry, mode: AlgorithmMode = "fast"): AdjointAlgorithm {
  if (isDepthwise(g)) return "depthwise";
  if (mode === "fast" && suitsWinograd(g, g.inH, g.inW)) return "winograd";
  return g.groups === 1 && g.inChannels < 8 && g.kernelH * g.kernelW > 1 ? "few-channels" : "phases";
}
