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
  readonly offsets: readonly number[];
  readonly bounds?: readonly [number, number];
  readonly grid?: {
    readonly factors: readonly number[];
    readonly steps: readonly number[];
    readonly ends: readonly [number, number];
    readonly away: 0 | 1;
    /** Whether places are written, as int16. */
    readonly shorts?: 0 | 1;
  };
  readonly blockTiles?: number;
}

/** What a layer is told of the grid of its sums. */
const integersOf = ({ grid }: Way, channels: number, offsets: number): number =>
  record("IntegerGeometry", {
    ...{ offsets, factors: grid ? put([...grid.factors, ...grid.steps]) : 0, steps: channels * 4 },
    ...{ low: grid?.ends[0] ?? 0, high: grid?.ends[1] ?? 0, mode: grid?.away ?? 0, shorts: grid?.shorts ?? 0 },
  });

/** The number of a grid, or its place, that a layer makes of a sum. */
function settled(sum: number, n: number, grid: NonNullable<Way["grid"]>): number {
  const round = grid.away ? halfAway : halfEven;
  const place = Math.min(Math.max(round(Math.fround(sum * grid.factors[n])), grid.ends[0]), grid.ends[1]);
  return (grid.shorts ? place : Math.fround(place * grid.steps[n])) + 0;
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
  const integers = integersOf(way, s.outChannels, put(offsets, "i16"));
  const [px, pb] = [put(x, "i16"), put(padded, "i32")];
  const pw = put(
    bytes.map((byte) => byte & 0xff),
    "u8",
  );
  const scratch = room(32 + 2 * run * inPer + 32 * pairs + blockTiles * (80 + 16 * pairs), "u8");
  return output(
    s.samples * outH * outW * s.outChannels,
    (y) => kernels.integerConv(px, pw, pb, y, scratch, geometry, integers),
    grid?.shorts ? "i16" : "f32",
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

function gridOf(channels: number, seed: number): NonNullable<Way["grid"]> {
  return {
    factors: whole(seed + 4, channels, 1, 9).map((v) => v / 2 ** (8 + (seed % 6))),
    steps: whole(seed + 5, channels, 1, 9).map((v) => Math.fround(v / 37)),
    ends: (
      [
        [0, 255],
        [-128, 127],
        [-17, 238],
      ] as const
    )[seed % 3],
    away: (seed & 1) as 0 | 1,
    shorts: ((seed >> 1) & 1) as 0 | 1,
  };
}

describe("integerConv", () => {
  it("gives the very sums, whatever stride, pad, dilation, groups and offsets", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), fc.boolean(), (s, seed, clamped) => {
        reset();
        const own = layer(s, seed);
        const bounds = clamped ? ([0, 5000] as const) : undefined;
        const expected = sums(s, own).map((v) => (bounds ? Math.min(Math.max(v, 0), 5000) : v));
        const way = { offsets: own.offsets, blockTiles: 1 + (seed % 4), bounds } as const;
        expect(convolve(s, own.x, own.weight, own.bias, way)).toEqual(expected.map((v) => v + 0));
      }),
      settings,
    );
  });

  it("reads what a pixel sees where it lies, if that is a row of pairs", () => {
    for (const inPer of [1, 2, 3, 8, 9]) {
      for (const groups of [1, 2]) {
        for (const stride of [1, 2]) {
          reset();
          const s: naive.ConvShape = {
            ...{ samples: 2, height: 3, width: 5, channels: inPer * groups, outChannels: 9 * groups, groups, pad: 0 },
            ...{ kernelH: 1, kernelW: 1, strideH: stride, strideW: stride, dilationH: 1, dilationW: 1 },
          };
          const own = layer(s, inPer);
          const expected = sums(s, own).map((v) => v + 0);
          expect(convolve(s, own.x, own.weight, own.bias, { offsets: own.offsets })).toEqual(expected);
        }
      }
    }
  });

  it("puts the sums on a grid, halves to either side, as numbers and as places", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), (s, seed) => {
        reset();
        const own = layer(s, seed);
        const grid = gridOf(s.outChannels, seed);
        const y = convolve(s, own.x, own.weight, own.bias, { offsets: own.offsets, grid });
        const expected = sums(s, own).map((sum, i) => settled(sum, i % s.outChannels, grid));
        expect(y.map((v) => v + 0)).toEqual(expected);
      }),
      settings,
    );
  });

  it("gives the same in a batch as alone", () => {
    const s: naive.ConvShape = {
      ...{ samples: 2, height: 4, width: 5, channels: 3, outChannels: 9, groups: 1, pad: 1 },
      ...{ kernelH: 3, kernelW: 3, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
    };
    const own = layer(s, 4);
    const way: Way = { offsets: own.offsets, grid: gridOf(9, 3) };
    reset();
    const both = convolve(s, own.x, own.weight, own.bias, way);
    const size = own.x.length / 2;
    const alone = [0, 1].flatMap((i) => {
      reset();
      return convolve({ ...s, samples: 1 }, own.x.slice(i * size, (i + 1) * size), own.weight, own.bias, way);
    });
    expect(both).toEqual(alone);
  });

  it("multiplies what its input's gradient is multiplied with: the adjoint identity of its sums", () => {
    const s: naive.ConvShape = {
      ...{ samples: 1, height: 5, width: 6, channels: 4, outChannels: 6, groups: 2, pad: 1 },
      ...{ kernelH: 3, kernelW: 2, strideH: 2, strideW: 1, dilationH: 1, dilationW: 1 },
    };
    const own = layer(s, 8);
    reset();
    const ax = convolve(s, own.x, own.weight, [], { offsets: own.offsets });
    const y = whole(77, ax.length, -9, 9);
    const aty = naive.convBackward(s, y, own.weight);
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i], 0);
    expect(dot(ax, y)).toBe(dot(own.x, aty));
  });
});

/** Maps with more columns than a tile has, and kernels of every size, of which 3×3 has tiles of its own. */
const depthwiseShapes = fc
  .record({
    samples: int(1, 2),
    height: int(1, 7),
    width: int(1, 15),
    channels: int(1, 13),
    kernel: fc.constantFrom([3, 3], [3, 3], [3, 3], [1, 3], [2, 3], [4, 2], [5, 5], [1, 1]),
    strideH: int(1, 3),
    strideW: int(1, 3),
    dilationH: int(1, 2),
    dilationW: fc.constantFrom(1, 1, 2),
    pad: int(0, 2),
  })
  .map(({ kernel: [kernelH, kernelW], channels, ...s }): naive.ConvShape => {
    return { ...s, kernelH, kernelW, channels, outChannels: channels, groups: channels };
  })
  .filter((s) => naive.outShape(s).outH > 0 && naive.outShape(s).outW > 0);

function convolveDepthwise(s: naive.ConvShape, { x, weight, bias }: Layer, way: Way): number[] {
  const { outH, outW } = naive.outShape(s);
  const { channels, kernelH, kernelW } = s;
  const rowPairs = Math.ceil(kernelH / 2);
  const paired = new Array<number>(kernelW * rowPairs * channels * 2).fill(0);
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < kernelH * kernelW; k++) {
      const [ky, kx] = [Math.floor(k / kernelW), k % kernelW];
      paired[((kx * rowPairs + (ky >> 1)) * channels + c) * 2 + (ky & 1)] = weight[c * kernelH * kernelW + k];
    }
  }
  const [lo, hi] = way.bounds ?? [-Infinity, Infinity];
  const geometry = record("DepthwiseGeometry", {
    ...{ samples: s.samples, channels, inH: s.height, inW: s.width, outH, outW },
    ...{ ySample: outH * outW * channels, yRow: outW * channels, yPixel: channels, kernelH, kernelW },
    ...{ strideH: s.strideH, strideW: s.strideW, dilationH: s.dilationH, dilationW: s.dilationW },
    ...{ top: -s.pad, left: -s.pad, lo, hi },
  });
  const added = bias.length > 0 ? bias : new Array<number>(channels).fill(0);
  const pointers = [put(x, "i16"), put(paired, "i16"), put(added, "i32")] as const;
  const integers = integersOf(way, channels, 0);
  const scratch = room(8 * rowPairs + 2 * s.width * channels + 8, "u8");
  return output(
    s.samples * outH * outW * channels,
    (y) => kernels.integerDepthwise(...pointers, y, scratch, geometry, integers),
    way.grid?.shorts ? "i16" : "f32",
  );
}

describe("integerDepthwise", () => {
  it("gives the very sums, whatever kernel, stride, pad and dilation", () => {
    fc.assert(
      fc.property(depthwiseShapes, int(0, 1e6), fc.boolean(), (s, seed, clamped) => {
        reset();
        const own = layer(s, 2 * seed);
        const bounds = clamped ? ([0, 5000] as const) : undefined;
        const expected = sums(s, own).map((v) => (bounds ? Math.min(Math.max(v, 0), 5000) : v) + 0);
        expect(convolveDepthwise(s, own, { offsets: [], bounds })).toEqual(expected);
      }),
      { ...settings, numRuns: 300 },
    );
  });

  it("puts the sums on a grid, halves to either side, as numbers and as places", () => {
    fc.assert(
      fc.property(depthwiseShapes, int(0, 1e6), (s, seed) => {
        reset();
        const own = layer(s, 2 * seed);
        const grid = gridOf(s.channels, seed);
        const expected = sums(s, own).map((sum, i) => settled(sum, i % s.channels, grid));
        expect(convolveDepthwise(s, own, { offsets: [], grid }).map((v) => v + 0)).toEqual(expected);
      }),
      { ...settings, numRuns: 300 },
    );
  });
});

describe("gridSum", () => {
  it("rounds sums as fused arithmetic does, halves to the even integer", () => {
    const f = Math.fround;
    fc.assert(
      fc.property(int(0, 23), int(0, 1e6), fc.boolean(), (count, seed, isSigned) => {
        reset();
        const [low, high] = isSigned ? [-128, 127] : [0, 255];
        const [zeroA, zeroB, zero] = whole(seed, 3, low, high);
        const [stepA, stepB, step] = whole(seed + 1, 3, 1, 9).map((v) => f(v / (seed % 2 ? 64 : 37)));
        const [ratioA, ratioB] = [f(stepA / step), f(stepB / step)];
        const fixed = f(zero - f(ratioA * zeroA + f(ratioB * zeroB)));
        const [a, b] = [2, 3].map((i) => whole(seed + i, count, low, high));
        const expected = a.map((k, i) => {
          const place = halfEven(f(k * ratioA + f(b[i] * ratioB + fixed)));
          return f((Math.min(Math.max(place, low), high) - zero) * step) + 0;
        });
        const grids = put([stepA, zeroA, ratioA, stepB, zeroB, ratioB, fixed, step, zero, low, high]);
        const [x, z] = [put(a.map((k) => f((k - zeroA) * stepA))), put(b.map((k) => f((k - zeroB) * stepB)))];
        expect(output(count, (y) => kernels.gridSum(x, z, y, count, grids))).toEqual(expected);
      }),
      settings,
    );
    reset();
    const grids = put([1, 0, 1, 1, 0, 1, 0, 1, 0, -128, 127]);
    const y = output(2, (to) => kernels.gridSum(put([Number.NaN, 1]), put([1, 2]), to, 2, grids));
    expect(y).toEqual([Number.NaN, 3]);
  });
});

describe("toShorts", () => {
  it("makes integers of numbers on a grid, cut off at its bound, halves to either side", () => {
    fc.assert(
      fc.property(int(0, 23), int(0, 1e6), fc.constantFrom(0, 1, 4), (count, seed, mode) => {
        reset();
        const scale = Math.fround(0.0173);
        const places = whole(seed, count, -700, 700).map((v) => (mode === 4 ? v : v / 2));
        const x = places.map((place) => Math.fround(mode === 4 ? place : place * scale));
        const lost = put([0], "i32");
        const y = output(count, (to) => kernels.toShorts(put(x), to, count, scale, 255, mode, lost), "i16");
        const round = mode === 1 ? halfAway : halfEven;
        const expected = x.map((v) => Math.min(Math.max(mode === 4 ? v : round(Math.fround(v / scale)), -255), 255));
        expect(y).toEqual(expected.map((v) => v + 0));
        expect(get(lost, 1, "i32")).toEqual([0]);
      }),
      settings,
    );
  });

  it("says where a NaN is lost, and only there", () => {
    for (const at of [0, 3, 4, 6]) {
      reset();
      const x = [1, -2, Infinity, 3, -Infinity, 2, 1].map((v, i) => (i === at ? Number.NaN : v));
      const lost = put([0], "i32");
      kernels.toShorts(put(x), room(7, "i16"), 7, 1, 255, 0, lost);
      expect(get(lost, 1, "i32")).toEqual([1]);
    }
    reset();
    const lost = put([0], "i32");
    const ends = output(2, (y) => kernels.toShorts(put([Infinity, -Infinity]), y, 2, 1, 255, 1, lost), "i16");
    expect([ends, get(lost, 1, "i32")]).toEqual([[255, -255], [0]]);
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
