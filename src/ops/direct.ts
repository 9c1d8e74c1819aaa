/** A convolution, or its adjoint, as direct sums over taps: what it needs in memory and the calls. */
import type { Constant } from "../graph/ir";
import type { Kernels, Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { CorrelationGeometry, Side } from "./correlation";
import type { Clamp, Run } from "./operation";
import { type Direction, type Phase, phasesOf } from "./taps";
import { packPanels, panelCount } from "./weights";

const floatBytes = 4;

/** Gathered pixels should stay in the L2 cache while all weights pass by … */
const blockBytes = 256 * 1024;
/** … but the weights come from further away, so each of them meets at least as many tiles of four pixels. */
const fewestTiles = 8;

/** What the `conv` kernel is told about memory besides the layer itself. */
export interface Blocks {
  readonly tiles: number;
  readonly scratchBytes: number;
}

/**
 * How many tiles of four pixels pass through together, and the scratch that takes.
 *
 * @param pixels   outputs of all samples
 * @param depth    products per output and channel
 * @param segment  floats per tap
 */
export function blocksOf(pixels: number, depth: number, segment: number): Blocks {
  const tileBytes = 4 * depth * floatBytes;
  const tiles = Math.min(Math.ceil(pixels / 4), Math.max(fewestTiles, Math.floor(blockBytes / (tileBytes || 1))));
  return { tiles, scratchBytes: tiles * (64 + tileBytes) + (4 * segment + 8) * floatBytes };
}

/** A phase with its weights in memory. */
interface PlacedPhase extends Phase {
  readonly weight: Pointer;
  readonly tapTable: Pointer;
}

/** Forward it is one phase, backward one for each remainder of a pixel modulo the stride. */
export class Direct implements Side {
  readonly #geometry: CorrelationGeometry;
  readonly #direction: Direction;
  readonly #kernels: Kernels;
  readonly #memory: KernelMemory;
  readonly #weight: Constant;
  readonly #phases: readonly Phase[];
  /** Channels per group that are read and written. */
  readonly #from: number;
  readonly #to: number;
  #placed: readonly PlacedPhase[] | undefined;

  constructor(
    geometry: CorrelationGeometry,
    direction: Direction,
    kernels: Kernels,
    memory: KernelMemory,
    weight: Constant,
  ) {
    const { groups, inChannels, outChannels } = geometry;
    const [from, to] = direction === "apply" ? [inChannels, outChannels] : [outChannels, inChannels];
    this.#geometry = geometry;
    this.#direction = direction;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#weight = weight;
    this.#from = from / groups;
    this.#to = to / groups;
    this.#phases = phasesOf(geometry, direction);
  }

  get weightBytes(): number {
    const { groups, kernelH, kernelW } = this.#geometry;
    return groups * panelCount(this.#to) * 8 * this.#from * kernelH * kernelW * floatBytes;
  }

  scratchBytes(samples: number): number {
    return Math.max(...this.#phases.map((phase) => this.#blocks(phase, samples).scratchBytes));
  }

  prepare(): void {
    this.#placed ??= this.#phases.map((phase) => ({
      ...phase,
      weight: this.#pack(phase.kernelOffsets),
      tapTable: this.#memory.store(new Uint8Array(Int32Array.from(phase.taps.flat()).buffer), "Convolution taps"),
    }));
  }

  release(): void {
    for (const { weight, tapTable } of this.#placed ?? []) {
      this.#memory.free(weight);
      this.#memory.free(tapTable);
    }
    this.#placed = undefined;
  }

  run(run: Run, samples: number, from: Pointer, bias: Pointer, to: Pointer, clamp: Clamp): void {
    const g = this.#geometry;
    const apply = this.#direction === "apply";
    const [inH, inW, outH, outW] = apply ? [g.inH, g.inW, g.outH, g.outW] : [g.outH, g.outW, g.inH, g.inW];
    // The phases of the adjoint step through what they write, the convolution through what it reads.
    const [readH, readW, writeH, writeW] = apply ? [g.strideH, g.strideW, 1, 1] : [1, 1, g.strideH, g.strideW];
    const pixel = this.#to * g.groups;
    for (const phase of this.#placed as readonly PlacedPhase[]) {
      const geometry = run.record("ConvGeometry", {
        samples,
        inH,
        inW,
        channels: this.#from,
        outH: phase.rows,
        outW: phase.columns,
        strideH: readH,
        strideW: readW,
        ySample: outH * outW * pixel,
        yRow: writeH * outW * pixel,
        yPixel: writeW * pixel,
        taps: phase.taps.length,
        tapTable: phase.tapTable,
        run: phase.run,
        outChannels: this.#to,
        groups: g.groups,
        blockTiles: this.#blocks(phase, samples).tiles,
        lo: clamp.lo,
        hi: clamp.hi,
      });
      const first = to + (phase.row * outW + phase.column) * pixel * floatBytes;
      this.#kernels.conv(from, phase.weight, bias, first, run.scratch, geometry);
    }
  }

  #blocks({ rows, columns, taps, run }: Phase, samples: number): Blocks {
    const segment = run * this.#from;
    return blocksOf(samples * rows * columns, taps.length * segment, segment);
  }

  #pack(kernelOffsets: readonly number[]): Pointer {
    const g = this.#geometry;
    const kernelSize = g.kernelH * g.kernelW;
    const inPerGroup = g.inChannels / g.groups;
    const apply = this.#direction === "apply";
    return packPanels(this.#kernels, this.#memory, this.#weight, {
      groups: g.groups,
      groupStride: (g.outChannels / g.groups) * inPerGroup * kernelSize,
      outChannels: this.#to,
      channels: this.#from,
      tapOffsets: kernelOffsets,
      outStride: apply ? inPerGroup * kernelSize : kernelSize,
      channelStride: apply ? kernelSize : inPerGroup * kernelSize,
    });
  }
}
