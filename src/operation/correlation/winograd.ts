/**
 * A stride-1 convolution, or its adjoint, through Winograd's F(4×4, 3×3), F(3×3, 4×4) or F(2×2, 5×5): the memory it needs and the call.
 */
import { Constant } from "../../graph/ir";
import type { Making } from "../../turns";
import type { Pointer } from "../../wasm/kernels";
import { held, packWinogradPanels, panelCount } from "../weights";
import type { Side, SideParts } from "./side";
import { seenFrom } from "./taps";

/** Positions of a transformed kernel or tile. */
const positions = 36;

/** The side of a tile of outputs that a kernel's side leaves of the 6×6 pixels under it. */
export const tileSide = (kernel: number): number => 7 - kernel;

/** Tiles that pass through together: enough to read each weight once per 16, few enough to stay in the L2 cache. */
const blockTiles = 16;

export function winograd({
  geometry: g,
  direction,
  kernels,
  memory,
  weight,
  shared,
}: Omit<SideParts, "weight"> & { readonly weight: Constant | (() => Constant) }): Side {
  const { inChannels: channels, ...seen } = seenFrom(g, direction);
  const { outH, outW, outChannels } = seen;
  const apply = direction === "apply";
  const back = g.kernelH - 1;
  const [padTop, padLeft] = apply ? [g.padTop, g.padLeft] : [back - g.padTop, back - g.padLeft];
  const tile = tileSide(g.kernelH);
  const size = g.kernelH ** 2;
  const tilesOf = (samples: number): number => samples * Math.ceil(outH / tile) * Math.ceil(outW / tile);
  const blockOf = (samples: number): number => Math.min(blockTiles, Math.ceil(tilesOf(samples) / 4) * 4);

  const pack = (): Making<Pointer> => {
    const taps = Array.from({ length: size }, (_, tap) => tap);
    // The adjoint meets the kernel flipped and transposed.
    return packWinogradPanels(kernels, memory, weight instanceof Constant ? weight : weight(), {
      groups: 1,
      groupStride: 0,
      outChannels,
      channels,
      tapOffsets: apply ? taps : taps.reverse(),
      outStride: apply ? channels * size : size,
      channelStride: apply ? size : outChannels * size,
    });
  };
  const weights =
    shared ??
    held(memory, function* () {
      return [[yield* pack()]];
    });

  return {
    weights,
    weightBytes: panelCount(outChannels) * 8 * positions * channels * 4,
    scratchBytes: (samples) => positions * (blockOf(samples) * (channels + 8) + 4 * channels + 72) * 4,
    *run(run, samples, from, bias, to, { lo, hi }) {
      const geometry = run.record("WinogradGeometry", {
        ...{ samples, channels, ...seen, padTop, padLeft, tile },
        ...{ blockTiles: blockOf(samples), firstTile: 0, endTile: tilesOf(samples), firstOut: 0, endOut: outChannels },
        ...{ lo, hi },
      });
      yield ["winograd", from, weights.get()[0][0], bias, to, run.scratch, geometry];
    },
  };
}
