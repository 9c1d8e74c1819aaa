/**
 * A convolution of integers, whose weights lie in memory as bytes: sums are exact, and become numbers of a grid, or the places of such as int16,
 * as they are written. Where a pass computes with other numbers than integers, its weights become floats for the call.
 */
import type { Constant } from "../../graph/ir";
import type { Pointer } from "../../wasm/kernels";
import type { KernelMemory } from "../../wasm/memory";
import type { Clamp, Integers, Pieces, Run } from "../operation";
import { type Held, held, panelCount } from "../weights";
import { depthwise } from "./depthwise";
import { direct } from "./direct";
import { type CorrelationGeometry, isDepthwise, type Side, type SideParts } from "./side";
import { phaseSteps, phasesOf, spacing, tapAxes } from "./taps";

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
  layout.groups * panelCount(layout.outChannels) * (16 * (pairsOf(layout) + 1) + 32);

const placed = (memory: KernelMemory, { buffer }: Int8Array | Int16Array | Int32Array, what: string): Pointer =>
  memory.store(new Uint8Array(buffer), what);

/**
 * Places bytes, i8[groups][⌈outChannels/8⌉][taps][pairs][8][2], offsets, i16[groups][⌈outChannels/8⌉·8], and as many numbers of the bias,
 * i32.
 */
function placeBytes(
  memory: KernelMemory,
  { weight, bias, offsets }: ByteWeights & { readonly weight: Constant; readonly bias: Float32Array | undefined },
  layout: ByteLayout,
): readonly Pointer[] {
  const { groups, outChannels, channels, taps, run, elements, groupStride, outStride, channelStride } = layout;
  const values = weight.floats();
  const panels = panelCount(outChannels);
  const bytes = new Int8Array(groups * panels * pairsOf(layout) * 16);
  const padded = new Int16Array(groups * panels * 8);
  const added = new Int32Array(groups * panels * 8);
  const tapBytes = Math.ceil((run * channels) / 2) * 16;
  for (let group = 0; group < groups; group++) {
    for (let n = 0; n < outChannels; n++) {
      const offset = offsets[group * outChannels + n];
      const panel = group * panels + (n >> 3);
      padded[panel * 8 + (n & 7)] = offset;
      added[panel * 8 + (n & 7)] = bias?.[group * outChannels + n] ?? 0;
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
    placed(memory, bytes, "Weights of eight bits"),
    placed(memory, padded, "Offsets of weights"),
    placed(memory, added, "Bias of integers"),
  ];
}

/** Rows of what pixels see, and those they are written to, should stay in the cache while all weights pass by, and each panel should meet some. */
const blockBytes = 128 * 1024;
const fewestTiles = 8;

/** Tiles of four pixels that pass through together, and the scratch that takes. */
function byteBlocks(
  pixels: number,
  pairs: number,
  segment: number,
  written: number,
): { tiles: number; scratchBytes: number } {
  const most = Math.max(fewestTiles, Math.floor(blockBytes / (16 * pairs + 8 * written)));
  const tiles = Math.min(Math.ceil(pixels / 4), most);
  return { tiles, scratchBytes: 32 + 2 * segment + 32 * pairs + tiles * (80 + 16 * pairs) };
}

/** What the kernels are told of the grid that sums are put on. */
function integerRecord(run: Run, { settled }: Integers, offsets: Pointer, clamp: Clamp): Pointer {
  if (!settled)
    return run.record("IntegerGeometry", { offsets, factors: 0, steps: 0, low: 0, high: 0, mode: 0, shorts: 0 });
  const { channels, lo, hi, mode, table } = settled.grid;
  return run.record("IntegerGeometry", {
    ...{ offsets, factors: table(), steps: channels * 4, mode, shorts: Number(settled.shorts) },
    // A rectifier on the way is the end of the grid where that lies below.
    ...{ low: Math.max(lo, clamp.lo), high: hi },
  });
}

/** Bytes that stay aligned in front of others. */
const room = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** What `toShorts` rounds, and what not. */
const unrounded = 4;

/** The integers of a layer's input as int16: where they lie already, or made of its numbers in front of what else is in scratch. */
const shortsBytes = ({ inH, inW, inChannels }: CorrelationGeometry, samples: number): number =>
  64 + room(2 * samples * inH * inW * inChannels);

function shortsOf(
  run: Run,
  { inH, inW, inChannels }: CorrelationGeometry,
  samples: number,
  x: Pointer,
  from: Integers["from"],
  bound: number,
): Pointer {
  if (from === "shorts") return x;
  const { scale, mode } = from === "there" ? { scale: 1, mode: unrounded } : from;
  const [lost, shorts] = [run.scratch, run.scratch + 64];
  const isLost = run.memory.bytes(lost, 1);
  isLost[0] = 0;
  run.kernels.toShorts(x, shorts, samples * inH * inW * inChannels, scale, bound, mode, lost);
  if (run.memory.bytes(lost, 1)[0] !== 0) run.lose();
  return shorts;
}

/** A step with weights that are there for it alone. */
function* weighed(weights: Held, step: () => Pieces): Pieces {
  try {
    yield* weights.place();
    yield* step();
  } finally {
    weights.release();
  }
}

/** The parts of a layer of integers: those of a side, and its bias, which are integers too. */
interface IntegerParts extends SideParts {
  readonly bias: Float32Array | undefined;
  readonly own: ByteWeights;
  /** Of a matrix: elements from one output to the next and from one input to the next, and its products of real numbers. */
  readonly matrix?: { readonly outStride: number; readonly channelStride: number; readonly real: Side };
}

/** The convolution itself, of integers where the pass says that they are. */
export const integerSide = (parts: IntegerParts): Side =>
  isDepthwise(parts.geometry) ? depthwiseOfIntegers(parts) : convolutionOfIntegers(parts);

function convolutionOfIntegers(parts: IntegerParts): Side {
  const { geometry: g, memory, weight, bias: added, own, shared, matrix } = parts;
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
    ...(matrix && { outStride: matrix.outStride, channelStride: matrix.channelStride }),
  };
  const pairs = pairsOf(layout);
  const segment = phase.run * channels;
  const blocks = (samples: number): { tiles: number; scratchBytes: number } =>
    byteBlocks(samples * phase.rows * phase.columns, pairs, segment, g.outChannels);
  const weights: Held = shared ?? held(memory, () => [placeBytes(memory, { ...own, weight, bias: added }, layout)]);
  const real = matrix?.real ?? direct({ ...parts, shared: undefined });
  const table = room(layout.taps * 8);

  return {
    weights,
    weightBytes: byteWeightsSize(layout),
    scratchBytes: (samples) =>
      Math.max(real.scratchBytes(samples), shortsBytes(g, samples) + table + blocks(samples).scratchBytes),
    *run(run, samples, from, bias, to, clamp, integers) {
      if (!integers) {
        yield* weighed(real.weights, () => real.run(run, samples, from, bias, to, clamp));
        return;
      }
      const x = shortsOf(run, g, samples, from, integers.from, own.bound);
      const [[bytes, offsets, integerBias]] = weights.get();
      const taps = Int32Array.from(phase.taps.flat());
      const scratch = run.scratch + shortsBytes(g, samples);
      run.memory.bytes(scratch, taps.byteLength).set(new Uint8Array(taps.buffer));
      const geometry = run.record("ConvGeometry", {
        ...{ samples, channels, outH: phase.rows, outW: phase.columns },
        ...steps,
        ...{ taps: layout.taps, tapTable: scratch, run: phase.run, outChannels, groups },
        ...{ blockTiles: blocks(samples).tiles, ...clamp },
      });
      const record = integerRecord(run, integers, offsets, clamp);
      yield ["integerConv", x, bytes, integerBias, to, scratch + table, geometry, record];
    },
  };
}

/** Places weights in pairs of rows, i16[kernelW][⌈kernelH/2⌉][channels][2], and the bias, i32[channels]. */
function placeRowPairs(
  memory: KernelMemory,
  values: Float32Array,
  bias: Float32Array | undefined,
  { groups, kernelH, kernelW }: CorrelationGeometry,
): readonly Pointer[] {
  const rowPairs = Math.ceil(kernelH / 2);
  const paired = new Int16Array(kernelW * rowPairs * groups * 2);
  for (let kx = 0; kx < kernelW; kx++) {
    for (let ky = 0; ky < kernelH; ky++) {
      const to = (kx * rowPairs + (ky >> 1)) * groups * 2 + (ky & 1);
      for (let c = 0; c < groups; c++) paired[to + 2 * c] = values[(c * kernelH + ky) * kernelW + kx];
    }
  }
  const added = new Int32Array(groups);
  if (bias) added.set(bias);
  return [placed(memory, paired, "Depthwise weights"), placed(memory, added, "Bias of integers")];
}

function depthwiseOfIntegers(parts: IntegerParts): Side {
  const { geometry: g, memory, weight, bias: added, own, shared } = parts;
  const { groups, kernelH, kernelW } = g;
  const rowPairs = Math.ceil(kernelH / 2);
  const [[rows], [columns]] = [tapAxes(g, "apply").rows, tapAxes(g, "apply").columns];
  const { steps } = phaseSteps(g, "apply");
  const weights = shared ?? held(memory, () => [placeRowPairs(memory, weight.floats(), added, g)]);
  const real = depthwise({ ...parts, shared: undefined });
  return {
    weights,
    weightBytes: groups * (4 * kernelW * rowPairs + 4),
    scratchBytes: (samples) => shortsBytes(g, samples) + 8 * rowPairs + 2 * g.inW * groups + 8,
    *run(run, samples, from, bias, to, clamp, integers) {
      if (!integers) {
        yield* weighed(real.weights, () => real.run(run, samples, from, bias, to, clamp));
        return;
      }
      const x = shortsOf(run, g, samples, from, integers.from, own.bound);
      const [[paired, integerBias]] = weights.get();
      const geometry = run.record("DepthwiseGeometry", {
        ...{ samples, channels: groups, outH: g.outH, outW: g.outW },
        ...steps,
        ...{ kernelH, kernelW, dilationH: spacing(rows), dilationW: spacing(columns) },
        ...{ top: rows.offset[0], left: columns.offset[0], lo: clamp.lo, hi: clamp.hi },
      });
      const record = integerRecord(run, integers, 0, clamp);
      const scratch = run.scratch + shortsBytes(g, samples);
      yield ["integerDepthwise", x, paired, integerBias, to, scratch, geometry, record];
    },
  };
}
