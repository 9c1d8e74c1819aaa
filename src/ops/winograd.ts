/** A stride-1 3×3 convolution, or its adjoint, through Winograd's F(4×4, 3×3): the memory it needs and the call. */
import type { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { Clamp, Run } from "./operation";
import { packWinogradPanels, panelCount } from "./weights";

/** Positions of a transformed kernel or tile. */
const positions = 36;
/** Tiles that pass through together: enough to read each weight once per 16, few enough to stay in the L2 cache. */
const blockTiles = 16;

export interface WinogradShape {
  readonly inH: number;
  readonly inW: number;
  readonly channels: number;
  readonly outH: number;
  readonly outW: number;
  readonly outChannels: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** How the weight [outChannels, inChannels, 3, 3] of the file is read: as it is, or flipped and transposed for the adjoint. */
export type WinogradDirection = "apply" | "adjoint";

const tilesOf = ({ outH, outW }: WinogradShape): number => Math.ceil(outH / 4) * Math.ceil(outW / 4);

export class Winograd {
  readonly #shape: WinogradShape;
  readonly #direction: WinogradDirection;
  #weight: Pointer | undefined;

  constructor(shape: WinogradShape, direction: WinogradDirection) {
    this.#shape = shape;
    this.#direction = direction;
  }

  get weightBytes(): number {
    return panelCount(this.#shape.outChannels) * 8 * positions * this.#shape.channels * 4;
  }

  scratchBytes(samples: number): number {
    const { channels } = this.#shape;
    return positions * (this.#blockOf(samples) * (channels + 8) + channels + 52) * 4;
  }

  prepare(kernels: Kernels, memory: KernelMemory, weight: Constant): void {
    const { channels, outChannels } = this.#shape;
    const apply = this.#direction === "apply";
    const taps = Array.from({ length: 9 }, (_, tap) => tap);
    this.#weight ??= packWinogradPanels(kernels, memory, weight, {
      groups: 1,
      groupStride: 0,
      outChannels,
      channels,
      tapOffsets: apply ? taps : taps.reverse(),
      outStride: apply ? channels * 9 : 9,
      channelStride: apply ? 9 : outChannels * 9,
    });
  }

  release(memory: KernelMemory): void {
    if (this.#weight !== undefined) memory.free(this.#weight);
    this.#weight = undefined;
  }

  /**
   * @param x     f32[samples][inH][inW][channels]
   * @param bias  f32[outChannels] padded to whole panels, or 0
   * @param y     f32[samples][outH][outW][outChannels]
   */
  run(run: Run, samples: number, x: Pointer, bias: Pointer, y: Pointer, clamp: Clamp): void {
    const geometry = run.record("WinogradGeometry", {
      samples,
      ...this.#shape,
      blockTiles: this.#blockOf(samples),
      lo: clamp.lo,
      hi: clamp.hi,
    });
    run.kernels.winograd(x, this.#weight as Pointer, bias, y, run.scratch, geometry);
  }

  #blockOf(samples: number): number {
    return Math.min(blockTiles, Math.ceil((samples * tilesOf(this.#shape)) / 4) * 4);
  }
}
