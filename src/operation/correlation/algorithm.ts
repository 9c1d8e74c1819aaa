/**
 * Which kernel runs which convolution: the one place where that is decided.
 *
 * | case                                           | kernel                                                     |
 * |------------------------------------------------|------------------------------------------------------------|
 * | one input and one output channel per group     | depthwise                                                  |
 * | 3×3 to 5×5, stride 1, dilation 1, one group,   | Winograd F(4×4, 3×3), F(2×2, 5×5), forward and as input    |
 * | ≥ 8 channels, where tiles fit the map (below)  | gradient; F(3×3, 4×4) for 4×4                              |
 * | strided, ≤ 4 channels in: a first layer        | the same over blocks of pixels that become channels        |
 * | input gradient or transposed, < 8 channels out | GEMM + columns, because panels are 8 channels wide         |
 * | everything else, forward                       | direct sums over taps; a 1×1 has one tap, which is a GEMM  |
 * | input gradient or transposed, otherwise        | direct sums, one call per sub-pixel phase                  |
 *
 * The choice never depends on the batch, because the bits of a result must not.
 */
import type { AlgorithmMode } from "../operation";
import { foldedGeometry } from "./folded";
import { type CorrelationGeometry, type Direction, isDepthwise } from "./side";
import { tileSide } from "./winograd";

export type Algorithm = "depthwise" | "winograd" | "folded" | "columns" | "direct";

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
const savedByTiles = (kernel: number, height: number, width: number): number => {
  const side = tileSide(kernel);
  const tiles = Math.ceil(height / side) * Math.ceil(width / side);
  return (kernel ** 2 * height * width) / (36 * 4 * Math.ceil(tiles / 4));
};

/** Below this ratio the larger weights are not worth it. */
const worthwhile = 1.5;

/** Products of a layer below which its time does not matter, so that small networks keep the accuracy of direct sums. */
const leastProducts = 4e6;

const suitsWinograd = (g: CorrelationGeometry, height: number, width: number): boolean =>
  g.groups === 1 &&
  g.kernelH >= 3 &&
  g.kernelH <= 5 &&
  g.kernelW === g.kernelH &&
  g.strideH * g.strideW === 1 &&
  g.dilationH * g.dilationW === 1 &&
  Math.min(g.inChannels, g.outChannels) >= 8 &&
  g.inChannels % 4 === 0 &&
  g.outChannels % 4 === 0 &&
  savedByTiles(g.kernelH, height, width) >= worthwhile &&
  g.kernelH ** 2 * height * width * g.inChannels * g.outChannels >= leastProducts;

/** Moving the pixels costs time too. */
const foldingPays = 1.1;

function suitsFolding(g: CorrelationGeometry, apply: boolean): boolean {
  if (g.strideH < 2 || g.strideH > 4 || g.strideW !== g.strideH || g.kernelH !== g.kernelW) return false;
  if (g.inChannels > 4 || g.dilationH * g.dilationW !== 1) return false;
  const folded = foldedGeometry(g);
  const [height, width] = apply ? [folded.outH, folded.outW] : [folded.inH, folded.inW];
  const taps = (g.kernelH * g.kernelW * g.inChannels) / (folded.kernelH * folded.kernelW * folded.inChannels);
  const lanes = apply ? 1 : folded.inChannels / (8 * Math.ceil(folded.inChannels / 8));
  const saved = taps * lanes * savedByTiles(folded.kernelH, height, width);
  return suitsWinograd(folded, height, width) && saved >= worthwhile * foldingPays;
}

export function algorithm(g: CorrelationGeometry, direction: Direction, mode: AlgorithmMode = "fast"): Algorithm {
  if (isDepthwise(g)) return "depthwise";
  const apply = direction === "apply";
  if (mode === "fast" && suitsWinograd(g, apply ? g.outH : g.inH, apply ? g.outW : g.inW)) return "winograd";
  if (mode === "fast" && suitsFolding(g, apply)) return "folded";
  return !apply && g.groups === 1 && g.inChannels < 8 && g.kernelH * g.kernelW > 1 ? "columns" : "direct";
}
