import { describe, expect, it } from "vitest";
import fc from "../seeded";
import {
  checkGuards,
  expectClose,
  get,
  kernels,
  noise,
  output,
  put,
  record,
  reset,
  room,
  settings,
  tolerance,
} from "./harness.js";
import * as naive from "./naive.js";

const ceil8 = (n: number) => Math.ceil(n / 8) * 8;
const int = (min: number, max: number) => fc.integer({ min, max });

const shapes = fc
  .record({
    samples: int(1, 3),
    height: int(1, 9),
    width: int(1, 9),
    inPer: int(1, 9),
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

/** Packs one group of ONNX weights, with `panels` guarded on both sides. */
function pack(weight: number[], outChannels: number, channels: number, kernel: number): number[] {
  const geometry = record("PackGeometry", {
    outChannels,
    channels,
    taps: kernel,
    tapTable: put(
      Array.from({ length: kernel }, (_, i) => i),
      "i32",
    ),
    outStride: channels * kernel,
    channelStride: kernel,
  });
  const source = put(weight);
  return output(ceil8(outChannels) * kernel * channels, (panels) => kernels.packWeights(source, panels, geometry));
}

/** A bias per group, padded to whole panels. */
function padBias(bias: number[], outPer: number): number[] {
  const groups = bias.length / outPer;
  return Array.from({ length: groups * ceil8(outPer) }, (_, i) => {
    const n = i % ceil8(outPer);
    return n < outPer ? bias[Math.floor(i / ceil8(outPer)) * outPer + n] : 0;
  });
}

/** The convolution through the kernels, as an op would call them. */
function convolve(
  s: naive.ConvShape,
  x: number[],
  weight: number[],
  bias: number[],
  [lo, hi]: readonly [number, number] = [-Infinity, Infinity],
  blockTiles = 2,
): number[] {
  const { outH, outW } = naive.outShape(s);
  const inPer = s.channels / s.groups;
  const outPer = s.outChannels / s.groups;
  const kernel = s.kernelH * s.kernelW;
  const panels: number[] = [];
  const perGroup = outPer * inPer * kernel;
  for (let i = 0; i < s.groups; i++)
    panels.push(...pack(weight.slice(i * perGroup, (i + 1) * perGroup), outPer, inPer, kernel));
  const rows = s.groups === 1 && s.dilationW === 1;
  const taps = Array.from({ length: rows ? s.kernelH : kernel }, (_, i) => {
    const [ky, kx] = rows ? [i, 0] : [Math.floor(i / s.kernelW), i % s.kernelW];
    return [ky * s.dilationH - s.pad, kx * s.dilationW - s.pad];
  });
  const run = rows ? s.kernelW : 1;
  const geometry = record("ConvGeometry", {
    samples: s.samples,
    inH: s.height,
    inW: s.width,
    channels: inPer,
    outH,
    outW,
    strideH: s.strideH,
    strideW: s.strideW,
    ySample: outH * outW * s.outChannels,
    yRow: outW * s.outChannels,
    yPixel: s.outChannels,
    taps: taps.length,
    tapTable: put(taps.flat(), "i32"),
    run,
    outChannels: outPer,
    groups: s.groups,
    blockTiles,
    lo,
    hi,
  });
  const [px, pw] = [put(x), put(panels)];
  const pb = bias.length ? put(padBias(bias, outPer)) : 0;
  const scratch = room(blockTiles * (16 + 4 * kernel * inPer) + 4 * run * inPer + 8);
  return output(s.samples * outH * outW * s.outChannels, (y) => kernels.conv(px, pw, pb, y, scratch, geometry));
}

describe("conv", () => {
  it("agrees with the naive convolution, whatever stride, pad, dilation and groups", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), fc.boolean(), (s, seed, clamped) => {
        reset();
        const x = noise(seed, s.samples * s.height * s.width * s.channels);
        const weight = noise(seed + 1, ((s.outChannels * s.channels) / s.groups) * s.kernelH * s.kernelW);
        const bias = seed % 3 ? noise(seed + 2, s.outChannels) : [];
        const [lo, hi] = clamped ? [0, 0.5] : [-Infinity, Infinity];
        const reference = naive
          .conv(s, x, weight, bias.length ? bias : new Array(s.outChannels).fill(0))
          .map((v) => Math.min(Math.max(v, lo), hi));
        const y = convolve(s, x, weight, bias, [lo, hi], 1 + (seed % 5));
        expectClose(y, reference, tolerance.sum);
      }),
      settings,
    );
  });

  it("gives the same bits in a batch as alone, whatever the block", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), (shape, seed) => {
        const s = { ...shape, samples: 3 };
        const image = s.height * s.width * s.channels;
        const x = noise(seed, 3 * image);
        const weight = noise(seed + 1, ((s.outChannels * s.channels) / s.groups) * s.kernelH * s.kernelW);
        reset();
        const batch = convolve(s, x, weight, []);
        const single = [0, 1, 2].flatMap((n) => {
          reset();
          return convolve({ ...s, samples: 1 }, x.slice(n * image, (n + 1) * image), weight, [], undefined, n + 1);
        });
        expect(batch).toEqual(single);
      }),
      settings,
    );
  });

  it("writes the clamped bias where there are no taps, and lets NaN through the clamp", () => {
    reset();
    const geometry = record("ConvGeometry", {
      ...{ samples: 1, inH: 1, inW: 3, channels: 4, outH: 1, outW: 3, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: 0, yPixel: 2, taps: 0, tapTable: 0, run: 1, outChannels: 2, groups: 1 },
      ...{ blockTiles: 1, lo: 0, hi: 1 },
    });
    const scratch = room(40);
    const bias = put([-2, Number.NaN, 0, 0, 0, 0, 0, 0]);
    expect(output(6, (y) => kernels.conv(0, 0, bias, y, scratch, geometry))).toEqual([0, NaN, 0, NaN, 0, NaN]);
  });
});

describe("dense", () => {
  it("agrees with the naive sum, and with a convolution of one tap to the bit", () => {
    fc.assert(
      fc.property(int(1, 70), int(1, 45), int(0, 1e6), fc.boolean(), (inputs, outputs, seed, clamped) => {
        reset();
        const x = noise(seed, inputs);
        const weight = noise(seed + 1, outputs * inputs);
        const bias = noise(seed + 2, outputs);
        const [lo, hi] = clamped ? [0, 0.5] : [-Infinity, Infinity];
        const [px, pw, pb] = [put(x), put(pack(weight, outputs, inputs, 1)), put(padBias(bias, outputs))];
        const y = output(outputs, (p) => kernels.dense(px, pw, pb, p, inputs, outputs, lo, hi));
        const s: naive.ConvShape = {
          ...{ samples: 1, height: 1, width: 1, channels: inputs, outChannels: outputs, groups: 1, pad: 0 },
          ...{ kernelH: 1, kernelW: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
        };
        const expected = naive.conv(s, x, weight, bias).map((v) => Math.min(Math.max(v, lo), hi));
        expectClose(y, expected, tolerance.sum);
        expect(y).toEqual(convolve(s, x, weight, bias, [lo, hi]));
      }),
      settings,
    );
  });
});

describe("depthwise", () => {
  it("agrees with the naive convolution with one channel per group", () => {
    fc.assert(
      fc.property(shapes, int(1, 37), int(0, 1e6), fc.boolean(), (shape, channels, seed, clamped) => {
        reset();
        const wide = { width: shape.width + (seed % 8), kernelW: shape.kernelW + (seed % 2) * 2 };
        const s = { ...shape, ...wide, channels, outChannels: channels, groups: channels };
        fc.pre(naive.outShape(s).outW > 0);
        const { outH, outW } = naive.outShape(s);
        const x = noise(seed, s.samples * s.height * s.width * channels);
        const kernel = s.kernelH * s.kernelW;
        const weight = noise(seed + 1, channels * kernel);
        const bias = seed % 3 ? noise(seed + 2, channels) : [];
        const [lo, hi] = clamped ? [0, 0.5] : [-Infinity, Infinity];
        const geometry = record("DepthwiseGeometry", {
          samples: s.samples,
          channels,
          inH: s.height,
          inW: s.width,
          outH,
          outW,
          ySample: outH * outW * channels,
          yRow: outW * channels,
          yPixel: channels,
          kernelH: s.kernelH,
          kernelW: s.kernelW,
          strideH: s.strideH,
          strideW: s.strideW,
          dilationH: s.dilationH,
          dilationW: s.dilationW,
          top: -s.pad,
          left: -s.pad,
          lo,
          hi,
        });
        const lastAxis = Array.from({ length: kernel * channels }, (_, i) => {
          return weight[(i % channels) * kernel + Math.floor(i / channels)];
        });
        const [px, pw, pb] = [put(x), put(lastAxis), bias.length ? put(bias) : 0];
        const y = output(s.samples * outH * outW * channels, (p) => kernels.depthwise(px, pw, pb, p, geometry));
        const reference = naive
          .conv(s, x, weight, bias.length ? bias : new Array(channels).fill(0))
          .map((v) => Math.min(Math.max(v, lo), hi));
        expectClose(y, reference, tolerance.sum);
      }),
      { ...settings, numRuns: 150 },
    );
  });
});

describe("scatterColumns", () => {
  it("is the adjoint of gathering the windows, whichever rows come together", () => {
    fc.assert(
      fc.property(shapes, int(1, 4), int(1, 4), int(0, 1e6), (shape, channels, blockRows, seed) => {
        reset();
        const s = { ...shape, channels, groups: 1, samples: 1 };
        const { outH, outW } = naive.outShape(s);
        const kernel = s.kernelH * s.kernelW;
        const weight = noise(seed, s.outChannels * channels * kernel);
        const dy = noise(seed + 1, outH * outW * s.outChannels);
        // The columns of dy: a product with the weight for each (ky, kx, c), padded to whole panels.
        const column = ceil8(kernel * channels);
        const columns = Array.from({ length: outH * outW * column }, (_, i) => {
          const [p, j] = [Math.floor(i / column), i % column];
          if (j >= kernel * channels) return Number.NaN;
          const [k, c] = [Math.floor(j / channels), j % channels];
          let sum = 0;
          for (let o = 0; o < s.outChannels; o++)
            sum += dy[p * s.outChannels + o] * weight[(o * channels + c) * kernel + k];
          return sum;
        });
        const from = put(columns);
        const dx = put(new Array(s.height * s.width * channels).fill(0));
        for (let firstRow = 0; firstRow < outH; firstRow += blockRows) {
          const geometry = record("ColumnGeometry", {
            height: s.height,
            width: s.width,
            channels,
            firstRow,
            rows: Math.min(blockRows, outH - firstRow),
            outW,
            column,
            kernelH: s.kernelH,
            kernelW: s.kernelW,
            strideH: s.strideH,
            strideW: s.strideW,
            dilationH: s.dilationH,
            dilationW: s.dilationW,
            padTop: s.pad,
            padLeft: s.pad,
          });
          kernels.scatterColumns(from + firstRow * outW * column * 4, dx, geometry);
          checkGuards();
        }
        expectClose(get(dx, s.height * s.width * channels), naive.convBackward(s, dy, weight), tolerance.sum);
      }),
      settings,
    );
  });
});
