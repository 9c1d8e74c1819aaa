/**
 * A convolution of integers, whose weights lie in memory as bytes: sums are exact, and become numbers of a grid as they are written.
 * Where a pass computes with other numbers than integers, its weights become floats for the call.
 */
import type { Constant } from "../../graph/ir";
import type { Pointer } from "../../wasm/kernels";
import type { KernelMemory } from "../../wasm/memory";
import type { Clamp, Integers, Run } from "../operation";
import { type Held, held, panelCount } from "../weights";
import { direct } from "./direct";
import type { CorrelationGeometry, Side, SideParts } from "./side";
import { phaseSteps, phasesOf } from "./taps";

/** Integers of eight bits that weights are, more or less an offset for each output, and what may meet them. */
export interface ByteWeights {
  /** Added to each output's bytes. */
  readonly offsets: Int16Array;
  /** The largest integer that no sum overflows with. */
  readonly bound: number;
}

/** Integers of eight bits less a zero point are below this. */
const leastBound = 256;

const largestSum = 2 ** 31 - 1;

/** Where the elements of a weight lie: those of output `n` from `n · outStride` on, `count` of them, `stride` apart. */
interface WeightRows {
  readonly outputs: number;
  readonly outStride: number;
  readonly count: number;
  readonly stride: number;
}

/** What weights are as bytes; undefined where they are none, or too many for sums of 32 bits. */
export function byteWeights(
  values: Float32Array,
  { outputs, outStride, count, stride }: WeightRows,
  bias: Float32Array | undefined,
): ByteWeights | undefined {
  const offsets = new Int16Array(outputs);
  let most = 1;
  for (let n = 0; n < outputs; n++) {
    let [low, high, sum] = [0, 0, 0];
    for (let k = 0, i = n * outStride; k < count; k++, i += stride) {
      const value = values[i];
      if (!Number.isInteger(value)) return undefined;
      if (value < low) low = value;
      if (value > high) high = value;
      sum += Math.abs(value);
    }
    if (high - low > 255) return undefined;
    offsets[n] = high > 127 ? high - 127 : low < -128 ? low + 128 : 0;
    most = Math.max(most, sum);
  }
  const added = bias?.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) ?? 0;
  const bound = Math.floor((largestSum - added) / most);
  return bound >= leastBound ? { offsets, bound: Math.min(bound, 32767) } : undefined;
}

/** How the elements of a weight follow one another in its panels. */
interface ByteLayout {
  readonly groups: number;
  /** Per group. */
  readonly outChannels: number;
  readonly channels: number;
  /** Offsets of the elements that meet one output and channel, tap by tap, `run` of them for each. */
  readonly taps: number;
  readonly run: number;
  readonly elements: readonly number[];
  readonly groupStride: number;
  readonly outStride: number;
  readonly channelStride: number;
}

/** Pairs of products along the depth of one output. */
const pairsOf = ({ taps, run, channels }: Pick<ByteLayout, "taps" | "run" | "channels">): number =>
  taps * Math.ceil((run * channels) / 2);

const byteWeightsSize = (layout: ByteLayout): number =>
  layout.groups * panelCount(layout.outChannels) * 16 * (pairsOf(layout) + 1);

/** Places bytes, i8[groups][⌈outChannels/8⌉][taps][pairs][8][2], and offsets, i16[groups][⌈outChannels/8⌉·8]. */
function placeBytes(
  memory: KernelMemory,
  weight: Constant,
  { offsets }: ByteWeights,
  layout: ByteLayout,
): readonly Pointer[] {
  const { groups, outChannels, channels, taps, run, elements, groupStride, outStride, channelStride } = layout;
  const values = weight.floats();
  const panels = panelCount(outChannels);
  const bytes = new Int8Array(groups * panels * pairsOf(layout) * 16);
  const padded = new Int16Array(groups * panels * 8);
  const tapBytes = Math.ceil((run * channels) / 2) * 16;
  for (let group = 0; group < groups; group++) {
    for (let n = 0; n < outChannels; n++) {
      const offset = offsets[group * outChannels + n];
      const panel = group * panels + (n >> 3);
      padded[panel * 8 + (n & 7)] = offset;
      const from = group * groupStride + n * outStride;
      for (let tap = 0; tap < taps; tap++) {
        const to = (panel * taps + tap) * tapBytes + (n & 7) * 2;
        for (let r = 0, k = 0; r < run; r++) {
          let at = from + elements[tap * run + r];
          for (let c = 0; c < channels; c++, k++, at += channelStride) {
            bytes[to + (k >> 1) * 16 + (k & 1)] = values[at] - offset;
          }
        }
      }
    }
  }
  return [
    memory.store(new Uint8Array(bytes.buffer), "Weights of eight bits"),
    memory.store(new Uint8Array(padded.buffer), "Offsets of weights"),
  ];
}

/** Gathered pixels should stay in the L2 cache while all weights pass by, and each panel should meet some of them. */
const blockBytes = 128 * 1024;
const fewestTiles = 8;

/** Tiles of four pixels that pass through together, and the scratch that takes. */
function byteBlocks(pixels: number, pairs: number, segment: number): { tiles: number; scratchBytes: number } {
  const tiles = Math.min(Math.ceil(pixels / 4), Math.max(fewestTiles, Math.floor(blockBytes / (16 * pairs || 1))));
  return { tiles, scratchBytes: 96 + 16 * segment + 32 * pairs + tiles * (80 + 16 * pairs) };
}

/** What the kernel is told of integers that lie there already, and of such that a layer before has cut off at the ends of a grid. */
const there = 4;
const bounded = 8;

/** What the kernel is told of a pass: how integers come of what it reads, and on which grid their sums go. */
function byteRecord(
  run: Run,
  { from, settled }: Integers,
  { bound }: ByteWeights,
  offsets: Pointer,
  clamp: Clamp,
): Pointer {
  const made = typeof from === "object" ? from : { scale: 1, mode: from === "bounded" ? bounded : there };
  const into = settled && {
    factors: settled.places ? settled.grid.placeTable() : settled.grid.table(),
    steps: settled.grid.channels * 4,
    // A rectifier on the way is the end of the grid where that lies below.
    low: Math.max(settled.grid.lo, clamp.lo),
    ...{ high: settled.grid.hi, mode: settled.grid.mode },
  };
  return run.record("IntegerGeometry", {
    ...{ scale: made.scale, bound, inMode: made.mode, offsets },
    ...(into ?? { factors: 0, steps: 0, low: 0, high: 0, mode: 0 }),
  });
}

/** Bytes of the table of taps, which comes first in the scratch of a call; what follows stays aligned. */
const tableBytes = (taps: number): number => Math.ceil((taps * 8) / 64) * 64;

/** The convolution itself, of integers where the pass says that they are. */
export function integerSide(parts: SideParts, own: ByteWeights): Side {
  const { geometry: g, memory, weight, shared } = parts;
  const [phase] = phasesOf(g, "apply");
  const { steps } = phaseSteps(g, "apply");
  const { groups } = g;
  const [channels, outChannels] = [g.inChannels / groups, g.outChannels / groups];
  const kernelSize = g.kernelH * g.kernelW;
  const layout: ByteLayout = {
    ...{ groups, outChannels, channels, taps: phase.taps.length, run: phase.run, elements: phase.kernelOffsets },
    ...{
      groupStride: outChannels * channels * kernelSize,
      outStride: channels * kernelSize,
      channelStride: kernelSize,
    },
  };
  const pairs = pairsOf(layout);
  const segment = phase.run * channels;
  const blocks = (samples: number): { tiles: number; scratchBytes: number } =>
    byteBlocks(samples * phase.rows * phase.columns, pairs, segment);
  const weights: Held = shared ?? held(memory, () => [placeBytes(memory, weight, own, layout)]);
  const real = direct({ ...parts, shared: undefined });
  const table = tableBytes(layout.taps);

  return {
    weights,
    weightBytes: byteWeightsSize(layout),
    scratchBytes: (samples) => Math.max(real.scratchBytes(samples), table + blocks(samples).scratchBytes),
    run: (run, samples, from, bias, to, clamp, integers) => {
      if (!integers) {
        real.run(run, samples, from, bias, to, clamp);
        real.weights.release();
        return;
      }
      const [[bytes, offsets]] = weights.get();
      const taps = Int32Array.from(phase.taps.flat());
      run.memory.bytes(run.scratch, taps.byteLength).set(new Uint8Array(taps.buffer));
      const geometry = run.record("ConvGeometry", {
        ...{ samples, channels, outH: phase.rows, outW: phase.columns },
        ...steps,
        ...{ taps: layout.taps, tapTable: run.scratch, run: phase.run, outChannels, groups },
        ...{ blockTiles: blocks(samples).tiles, ...clamp },
      });
      const record = byteRecord(run, integers, own, offsets, clamp);
      run.kernels.integerConv(from, bytes, bias, to, run.scratch + table, geometry, record);
    },
  };
}

/** Rows of a depthwise layer's result that are put on their grid while they are in the cache. */
const bandBytes = 64 * 1024;

/** A depthwise convolution of integers that lie there as floats, in bands of rows that go on their grid one after the other. */
export function banded(g: CorrelationGeometry, over: (rows: CorrelationGeometry) => Side): Side {
  const whole = over(g);
  const rowFloats = g.outW * g.outChannels;
  const rows = Math.max(1, Math.floor(bandBytes / (4 * rowFloats)));
  const bands = Array.from({ length: Math.ceil(g.outH / rows) }, (_, i) => {
    const outH = Math.min(rows, g.outH - i * rows);
    return { first: i * rows, outH, side: over({ ...g, outH, padTop: g.padTop - i * rows * g.strideH }) };
  });
  return {
    ...whole,
    run: (run, samples, from, bias, to, clamp, integers) => {
      const settled = integers?.settled;
      if (!settled) {
        whole.run(run, samples, from, bias, to, clamp);
        return;
      }
      const { channels, lo, hi, zero, mode, table, placeTable } = settled.grid;
      const rounding = settled.places ? placeTable() : table();
      for (let sample = 0; sample < samples; sample++) {
        const x = from + sample * g.inH * g.inW * g.inChannels * 4;
        for (const { first, outH, side } of bands) {
          const y = to + (sample * g.outH + first) * rowFloats * 4;
          side.run(run, 1, x, bias, y, clamp);
          run.kernels.roundToGrid(y, rounding, y, outH * g.outW, channels, lo, hi, zero, mode);
        }
      }
    },
  };
}
