/**
 * A stride-1 convolution, or its adjoint, through Winograd's F(4×4, 3×3), F(3×3, 4×4) or F(2×2, 5×5): the memory it needs and the call.
 */
import { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { CorrelationGeometry, Side } from "./correlation";
import type { Clamp, Run } from "./operation";
import type { Direction } from "./taps";
import { packWinogradPanels, panelCount } from "./weights";

/** Positions of a transformed kernel or tile. */
const positions = 36;

/** The side of a tile of outputs that a kernel's side leaves of the 6×6 pixels under it. */
export const tileSide = (kernel: number): number => 7 - kernel;
const kernelSide = tileSide; // Its own inverse.

/** Tiles that pass through together: enough to read each weight once per 16, few enough to stay in the L2 cache. */
const blockTiles = 16;

/** The shape of what is read and of what is written. */
interface WinogradShape {
  readonly inH: number;
  readonly inW: number;
  readonly channels: number;
  readonly outH: number;
  readonly outW: number;
  readonly outChannels: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly tile: number;
}

function shapeOf(g: CorrelationGeometry, direction: Direction): WinogradShape {
  const { inH, inW, inChannels, outH, outW, outChannels, padTop, padLeft, kernelH } = g;
  const tile = tileSide(kernelH);
  if (direction === "apply") return { inH, inW, channels: inChannels, outH, outW, outChannels, padTop, padLeft, tile };
  return {
    ...{ inH: outH, inW: outW, channels: outChannels },
    ...{ outH: inH, outW: inW, outChannels: inChannels },
    ...{ padTop: kernelH - 1 - padTop, padLeft: kernelH - 1 - padLeft, tile },
  };
}

export class Winograd implements Side {
  readonly #shape: WinogradShape;
  readonly #direction: Direction;
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #weight: () => Constant;
  #panels: Pointer | undefined;

  constructor(
    geometry: CorrelationGeometry,
    direction: Direction,
    kernels: Kernels,
    memory: KernelMemory,
    weight: Constant | (() => Constant),
  ) {
    this.#shape = shapeOf(geometry, direction);
    this.#direction = direction;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#weight = weight instanceof Constant ? () => weight : weight;
  }

  get weightBytes(): number {
    return panelCount(this.#shape.outChannels) * 8 * positions * this.#shape.channels * 4;
  }

  scratchBytes(samples: number): number {
    const { channels } = this.#shape;
    return positions * (this.#blockOf(samples) * (channels + 8) + 4 * channels + 72) * 4;
  }

  prepare(): void {
    const { channels, outChannels, tile } = this.#shape;
    const apply = this.#direction === "apply";
    const size = kernelSide(tile) ** 2;
    const taps = Array.from({ length: size }, (_, tap) => tap);
    // The adjoint meets the kernel flipped and transposed.
    this.#panels ??= packWinogradPanels(this.#kernels, this.#memory, this.#weight(), {
      groups: 1,
      groupStride: 0,
      outChannels,
      channels,
      tapOffsets: apply ? taps : taps.reverse(),
      outStride: apply ? channels * size : size,
      channelStride: apply ? size : outChannels * size,
    });
  }

  release(): void {
    if (this.#panels !== undefined) this.#memory.free(this.#panels);
    this.#panels = undefined;
  }

  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void {
    const geometry = run.record("WinogradGeometry", {
      samples,
      ...this.#shape,
      blockTiles: this.#blockOf(samples),
      lo: clamp.lo,
      hi: clamp.hi,
    });
    this.#kernels.winograd(from, this.#panels as Pointer, bias, to, run.scratch, geometry);
  }

  #blockOf(samples: number): number {
    const { outH, outW, tile } = this.#shape;
    const tiles = samples * Math.ceil(outH / tile) * Math.ceil(outW / tile);
    return Math.min(blockTiles, Math.ceil(tiles / 4) * 4);
  }
}
