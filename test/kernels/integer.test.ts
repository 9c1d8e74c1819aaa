import { describe, expect, it } from "vitest";
import fc from "../seeded";
import { get, kernels, noise, output, put, record, reset, room, settings } from "./harness.js";
import * as naive from "./naive.js";

const int = (min: number, max: number) => fc.integer({ min, max });

const shapes = fc
  .record({
    samples: int(1, 3),
    height: int(1, 9),
    width: int(1, 9),
    inPer: int(1, 19),
    outPer: int(1, 19),
    groups: int(1, 3),
    kernelH: int(1, 3),
    kernelW: int(1, 3),
    strideH: int(1, 2),
    strideW: int(1, 2),
    dilationH: int(1, 2),
    dilationW: int(1, 2),
    pad: int(0, 2),
  })
  .map(({ inPer, outPer, ...s }): naive.ConvShape => {
    return { ...s, channels: inPer * s.groups, outChannels: outPer * s.groups };
  })
  .filter((s) => naive.outShape(s).outH > 0 && naive.outShape(s).outW > 0);

/** Whole numbers from `from` to `to`. */
const whole = (seed: number, count: number, from: number, to: number): number[] =>
  noise(seed, count).map((value) => Math.floor(from + ((value + 1) / 2) * (to - from + 1)));

const halfAway = (v: number): number => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);

function halfEven(v: number): number {
  const below = Math.floor(v);
  if (v - below !== 0.5) return Math.round(v);
  return below % 2 === 0 ? below : below + 1;
}

interface Way {
  /** 4 and 8: integers lie there; 0 and 1: they are made by dividing and rounding. */
  readonly inMode: 0 | 1 | 4 | 8;
  readonly scale?: number;
  readonly bound?: number;
  readonly offsets: readonly number[];
  readonly bounds?: readonly [number, number];
  readonly grid?: {
    readonly factors: readonly number[];
    readonly steps: readonly number[];
    readonly ends: readonly [number, number];
    readonly away: 0 | 1;
  };
  readonly blockTiles?: number;
}

/** The convolution through the kernel, as an operation would call it. */
function convolve(s: naive.ConvShape, x: number[], weight: number[], bias: number[], way: Way): number[] {
  const { outH, outW } = naive.outShape(s);
  const [inPer, outPer] = [s.channels / s.groups, s.outChannels / s.groups];
  const rows = s.groups === 1 && s.dilationW === 1;
  const run = rows ? s.kernelW : 1;
  const taps = Array.from({ length: (s.kernelH * s.kernelW) / run }, (_, i) => {
    const [ky, kx] = rows ? [i, 0] : [Math.floor(i / s.kernelW), i % s.kernelW];
    return [ky * s.dilationH - s.pad, kx * s.dilationW - s.pad];
  });
  const panels = Math.ceil(outPer / 8);
  const tapPairs = Math.ceil((run * inPer) / 2);
  const pairs = taps.length * tapPairs;
  const bytes = new Array<number>(s.groups * panels * pairs * 16).fill(77);
  const offsets = new Array<number>(s.groups * panels * 8).fill(0);
  const padded = new Array<number>(s.groups * panels * 8).fill(0);
  for (let n = 0; n < s.outChannels; n++) {
    const [group, own] = [Math.floor(n / outPer), n % outPer];
    const panel = group * panels + (own >> 3);
    offsets[panel * 8 + (own & 7)] = way.offsets[n];
    padded[panel * 8 + (own & 7)] = bias[n] ?? 0;
    for (let k = 0; k < s.kernelH * s.kernelW; k++) {
      for (let c = 0; c < inPer; c++) {
        const at = (k % run) * inPer + c;
        const place = (panel * taps.length + Math.floor(k / run)) * tapPairs * 16 + (at >> 1) * 16;
        bytes[place + (own & 7) * 2 + (at & 1)] = weight[(n * inPer + c) * s.kernelH * s.kernelW + k] - way.offsets[n];
      }
    }
  }
  const { grid, bounds: [lo, hi] = [-Infinity, Infinity], blockTiles = 2 } = way;
  const geometry = record("ConvGeometry", {
    ...{ samples: s.samples, inH: s.height, inW: s.width, channels: inPer, outH, outW },
    ...{ strideH: s.strideH, strideW: s.strideW, ySample: outH * outW * s.outChannels },
    ...{ yRow: outW * s.outChannels, yPixel: s.outChannels, taps: taps.length, tapTable: put(taps.flat(), "i32") },
    ...{ run, outChannels: outPer, groups: s.groups, blockTiles, lo, hi },
  });
  const table = grid ? put([...grid.factors, ...grid.steps]) : 0;
  const integers = record("IntegerGeometry", {
    ...{ scale: way.scale ?? 1, bound: way.bound ?? 32767, inMode: way.inMode },
    offsets: put(
      offsets.map((offset) => offset & 0xffff),
      "u16",
    ),
    ...{ factors: table, steps: s.outChannels * 4, low: grid?.ends[0] ?? 0, high: grid?.ends[1] ?? 0 },
    mode: grid?.away ?? 0,
  });
  const [px, pb] = [put(x), bias.length > 0 ? put(padded) : 0];
  const pw = put(
    bytes.map((byte) => byte & 0xff),
    "u8",
  );
  const scratch = room(32 + 16 * run * inPer + 32 * pairs + blockTiles * (80 + 16 * pairs), "u8");
  return output(s.samples * outH * outW * s.outChannels, (y) =>
    kernels.integerConv(px, pw, pb, y, scratch, geometry, integers),
  );
}

interface Layer {
  readonly x: number[];
  readonly weight: number[];
  readonly bias: number[];
  readonly offsets: number[];
}

/** Activations of nine bits, weights of eight around an offset for each channel. */
function layer(s: naive.ConvShape, seed: number): Layer {
  const perOutput = (s.channels / s.groups) * s.kernelH * s.kernelW;
  const offsets = seed % 2 ? whole(seed + 3, s.outChannels, -128, 127) : new Array<number>(s.outChannels).fill(0);
  return {
    x: whole(seed, s.samples * s.height * s.width * s.channels, -255, 255),
    weight: whole(seed + 1, s.outChannels * perOutput, -128, 127).map((w, i) => w + offsets[Math.floor(i / perOutput)]),
    bias: seed % 3 ? whole(seed + 2, s.outChannels, -90000, 90000) : [],
    offsets,
  };
}

const sums = (s: naive.ConvShape, { x, weight, bias }: Layer): number[] =>
  naive.conv(s, x, weight, bias.length > 0 ? bias : new Array<number>(s.outChannels).fill(0));

describe("integerConv", () => {
  it("gives the very sums, whatever stride, pad, dilation, groups and offsets", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), fc.boolean(), (s, seed, clamped) => {
        reset();
        const own = layer(s, seed);
        const bounds = clamped ? ([0, 5000] as const) : undefined;
        const expected = sums(s, own).map((v) => (bounds ? Math.min(Math.max(v, 0), 5000) : v));
        const way = { inMode: seed % 5 ? 4 : 8, offsets: own.offsets, blockTiles: 1 + (seed % 4), bounds } as const;
        expect(convolve(s, own.x, own.weight, own.bias, way)).toEqual(expected.map((v) => v + 0));
      }),
      settings,
    );
  });

  it("makes integers of numbers on a grid, and puts the sums on another, halves to either side", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), (s, seed) => {
        reset();
        const own = layer(s, seed);
        const scale = Math.fround(0.0173);
        const away = (seed & 1) as 0 | 1;
        const [low, high] = [
          [0, 255],
          [-128, 127],
          [-17, 238],
        ][seed % 3] as [number, number];
        const factors = whole(seed + 4, s.outChannels, 1, 9).map((v) => v / 2 ** (8 + (seed % 6)));
        const steps = whole(seed + 5, s.outChannels, 1, 9).map((v) => Math.fround(v / 37));
        const y = convolve(
          s,
          own.x.map((place) => Math.fround(place * scale)),
          own.weight,
          own.bias,
          { inMode: away, scale, offsets: own.offsets, grid: { factors, steps, ends: [low, high], away } },
        );
        const round = away ? halfAway : halfEven;
        const expected = sums(s, own).map((sum, i) => {
          const n = i % s.outChannels;
          const place = Math.min(Math.max(round(Math.fround(sum * factors[n])), low), high);
          return Math.fround(place * steps[n]);
        });
        expect(y.map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
      }),
      settings,
    );
  });

  it("gives the same in a batch as alone, cuts integers off at its bound, and passes NaN on to the pixels that see it", () => {
    const s: naive.ConvShape = {
      ...{ samples: 2, height: 4, width: 5, channels: 3, outChannels: 9, groups: 1, pad: 1 },
      ...{ kernelH: 3, kernelW: 3, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
    };
    const own = layer(s, 4);
    const grid = { factors: new Array(9).fill(0.01), steps: new Array(9).fill(1), ends: [-128, 127], away: 1 } as const;
    const way: Way = { inMode: 4, offsets: own.offsets, bound: 100, grid };
    reset();
    const both = convolve(s, own.x, own.weight, own.bias, way);
    const size = own.x.length / 2;
    const alone = [0, 1].flatMap((i) => {
      reset();
      return convolve({ ...s, samples: 1 }, own.x.slice(i * size, (i + 1) * size), own.weight, own.bias, way);
    });
    expect(both).toEqual(alone);
    const cut = own.x.map((v) => Math.max(-100, Math.min(v, 100)));
    reset();
    expect(both).toEqual(convolve(s, cut, own.weight, own.bias, { ...way, bound: 32767 }));
    const broken = [...own.x];
    broken[(1 * 5 + 1) * 3] = Number.NaN;
    reset();
    const y = convolve(s, broken, own.weight, own.bias, way);
    const seen = y.flatMap((v, i) => (Number.isNaN(v) ? [Math.floor(i / 9)] : []));
    expect([...new Set(seen)]).toEqual([0, 1, 2, 5, 6, 7, 10, 11, 12]);
    expect(seen.length).toBe(81);
    expect(y.filter((_, i) => !seen.includes(Math.floor(i / 9)))).toEqual(
      both.filter((_, i) => !seen.includes(Math.floor(i / 9))),
    );
  });

  it("multiplies what its input's gradient is multiplied with: the adjoint identity of its sums", () => {
    const s: naive.ConvShape = {
      ...{ samples: 1, height: 5, width: 6, channels: 4, outChannels: 6, groups: 2, pad: 1 },
      ...{ kernelH: 3, kernelW: 2, strideH: 2, strideW: 1, dilationH: 1, dilationW: 1 },
    };
    const own = layer(s, 8);
    reset();
    const ax = convolve(s, own.x, own.weight, [], { inMode: 4, offsets: own.offsets });
    const y = whole(77, ax.length, -9, 9);
    const aty = naive.convBackward(s, y, own.weight);
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i], 0);
    expect(dot(ax, y)).toBe(dot(own.x, aty));
  });
});

describe("roundToGrid", () => {
  it("gives the nearest number of a grid, halves to either side", () => {
    fc.assert(
      fc.property(int(1, 5), int(1, 13), int(0, 1e6), (pixels, channels, seed) => {
        reset();
        const x = noise(seed, pixels * channels, 40).map((v, i) => (i % 3 ? v : Math.round(v) / 2));
        const factors = whole(seed + 1, channels, 1, 8).map((v) => v / 4);
        const steps = whole(seed + 2, channels, 1, 8).map((v) => v / 16);
        const mode = seed & 3;
        const zero = seed % 3 ? 0 : 7;
        const [lo, hi] = seed % 2 ? [-20, 21] : [0, 31];
        const table = put([...factors, ...steps]);
        const y = output(x.length, (to) =>
          kernels.roundToGrid(put(x), table, to, pixels, channels, lo, hi, zero, mode),
        );
        const round = mode & 1 ? halfAway : halfEven;
        const expected = x.map((value, i) => {
          const factor = factors[i % channels];
          const place = round(Math.fround((mode & 2 ? value / factor : value * factor) + zero)) - zero;
          return Math.min(Math.max(place, lo), hi) * steps[i % channels];
        });
        expect(y.map((v) => v + 0)).toEqual(expected.map((v) => v + 0));
      }),
      settings,
    );
  });

  it("keeps NaN and a negative zero, which a grid from zero on does not have", () => {
    reset();
    const table = put([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const x = put([Number.NaN, -0.2, -0, 3, -0.2]);
    const from = (lo: number): number[] => output(5, (y) => kernels.roundToGrid(x, table, y, 1, 5, lo, 9, 0, 0));
    expect(from(-9)).toEqual([Number.NaN, -0, -0, 3, -0]);
    expect(from(0)).toEqual([Number.NaN, 0, 0, 3, 0]);
    expect(get(x, 1)).toEqual([Number.NaN]);
  });
});
