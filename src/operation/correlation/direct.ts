/** A convolution, or its adjoint, as direct sums over taps: what it needs in memory and the calls. */

import type { Pointer } from "../../wasm/kernels";
import { held, packPanels, panelCount, unlessGivenUp } from "../weights";
import type { Side, SideParts } from "./side";
import { phaseSteps, phasesOf, seenFrom, type TapPhase } from "./taps";

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

/** Bytes of the table of taps, which comes first in the scratch of a call; what follows stays aligned. */
const tableBytes = (taps: number): number => Math.ceil((taps * 8) / 64) * 64;

/** Forward it is one phase, backward one for each remainder of a pixel modulo the stride. */
export function direct({ geometry: g, direction, kernels, memory, weight, shared }: SideParts): Side {
  const { groups } = g;
  const seen = seenFrom(g, direction);
  // Channels per group that are read and written.
  const [from, to] = [seen.inChannels / groups, seen.outChannels / groups];
  const kernelSize = g.kernelH * g.kernelW;
  const inSize = (g.inChannels / groups) * kernelSize;
  const [outStride, channelStride] = direction === "apply" ? [inSize, kernelSize] : [kernelSize, inSize];
  const phases = phasesOf(g, direction);
  const { steps, firstByte } = phaseSteps(g, direction);

  const blocks = ({ rows, columns, taps, run }: TapPhase, samples: number): Blocks =>
    blocksOf(samples * rows * columns, taps.length * run * from, run * from);

  const weights =
    shared ??
    held(memory, () => {
      const made: Pointer[] = [];
      return unlessGivenUp(memory, made, function* () {
        for (const { kernelOffsets } of phases) {
          const panels = yield* packPanels(kernels, memory, weight, {
            groups,
            groupStride: (g.outChannels / groups) * inSize,
            outChannels: to,
            channels: from,
            tapOffsets: kernelOffsets,
            outStride,
            channelStride,
          });
          made.push(panels);
        }
        return made.map((panels) => [panels]);
      });
    });

  return {
    weights,
    weightBytes: groups * panelCount(to) * 8 * from * kernelSize * floatBytes,
    scratchBytes: (samples) =>
      Math.max(...phases.map((phase) => tableBytes(phase.taps.length) + blocks(phase, samples).scratchBytes)),
    *run(run, samples, source, bias, target, { lo, hi }) {
      for (const [i, phase] of phases.entries()) {
        const [panels] = weights.get()[i];
        const taps = Int32Array.from(phase.taps.flat());
        run.memory.bytes(run.scratch, taps.byteLength).set(new Uint8Array(taps.buffer));
        const geometry = run.record("ConvGeometry", {
          ...{ samples, channels: from, outH: phase.rows, outW: phase.columns },
          ...steps,
          ...{ taps: phase.taps.length, tapTable: run.scratch, run: phase.run, outChannels: to, groups },
          ...{ blockTiles: blocks(phase, samples).tiles, lo, hi },
        });
        const scratch = run.scratch + tableBytes(phase.taps.length);
        yield ["conv", source, panels, bias, target + firstByte(phase.row, phase.column), scratch, geometry];
      }
    },
  };
}
