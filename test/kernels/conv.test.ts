import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectClose, kernels, noise, output, put, record, reset, settings, tolerance } from "./harness.js";
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

function padded(s: naive.ConvShape, x: number[]): { values: number[]; height: number; width: number } {
  const height = s.height + 2 * s.pad;
  const width = s.width + 2 * s.pad;
  const { samples, channels } = s;
  const geometry = record("PadGeometry", {
    samples,
    height: s.height,
    width: s.width,
    channels,
    top: s.pad,
    left: s.pad,
    bottom: s.pad,
    right: s.pad,
  });
  const source = put(x);
  return {
    height,
    width,
    values: output(samples * height * width * channels, (y) => kernels.pad(source, y, geometry)),
  };
}

/** The convolution through the kernels, as an op would call them. */
function convolve(s: naive.ConvShape, x: number[], weight: number[], bias: number[], lo: number, hi: number): number[] {
  const { outH, outW } = naive.outShape(s);
  const inPer = s.channels / s.groups;
  const outPer = s.outChannels / s.groups;
  const kernel = s.kernelH * s.kernelW;
  const panels: number[] = [];
  const perGroup = outPer * inPer * kernel;
  for (let i = 0; i < s.groups; i++)
    panels.push(...pack(weight.slice(i * perGroup, (i + 1) * perGroup), outPer, inPer, kernel));
  const { values, height, width } = padded(s, x);
  const rows = s.groups === 1 && s.dilationW === 1;
  const taps = Array.from({ length: rows ? s.kernelH : kernel }, (_, i) => {
    const ky = rows ? i : Math.floor(i / s.kernelW);
    const kx = rows ? 0 : i % s.kernelW;
    return (ky * s.dilationH * width + kx * s.dilationW) * s.channels;
  });
  const geometry = record("ConvGeometry", {
    samples: s.samples,
    xSample: height * width * s.channels,
    xRow: s.strideH * width * s.channels,
    xPixel: s.strideW * s.channels,
    outH,
    outW,
    ySample: outH * outW * s.outChannels,
    yRow: outW * s.outChannels,
    yPixel: s.outChannels,
    taps: taps.length,
    tapTable: put(taps, "i32"),
    segment: rows ? s.kernelW * inPer : inPer,
    outChannels: outPer,
    groups: s.groups,
    xGroup: inPer,
    lo,
    hi,
  });
  const [px, pw] = [put(values), put(panels)];
  const pb = bias.length ? put(padBias(bias, outPer)) : 0;
  return output(s.samples * outH * outW * s.outChannels, (y) => kernels.conv(px, pw, pb, y, geometry));
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
        expectClose(convolve(s, x, weight, bias, lo, hi), reference, tolerance.sum);
      }),
      settings,
    );
  });

  it("gives the same bits in a batch as alone", () => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), (shape, seed) => {
        const s = { ...shape, samples: 3 };
        const image = s.height * s.width * s.channels;
        const x = noise(seed, 3 * image);
        const weight = noise(seed + 1, ((s.outChannels * s.channels) / s.groups) * s.kernelH * s.kernelW);
        reset();
        const batch = convolve(s, x, weight, [], -Infinity, Infinity);
        const single = [0, 1, 2].flatMap((n) => {
          reset();
          return convolve({ ...s, samples: 1 }, x.slice(n * image, (n + 1) * image), weight, [], -Infinity, Infinity);
        });
        expect(batch).toEqual(single);
      }),
      settings,
    );
  });

  it("writes the clamped bias where there are no taps, and lets NaN through the clamp", () => {
    reset();
    const fields = { samples: 1, xSample: 0, xRow: 0, xPixel: 0, outH: 1, outW: 3, ySample: 0, yRow: 0, yPixel: 2 };
    const geometry = record("ConvGeometry", {
      ...fields,
      taps: 0,
      tapTable: 0,
      segment: 4,
      outChannels: 2,
      groups: 1,
      xGroup: 0,
      lo: 0,
      hi: 1,
    });
    const bias = put([-2, Number.NaN, 0, 0, 0, 0, 0, 0]);
    expect(output(6, (y) => kernels.conv(0, 0, bias, y, geometry))).toEqual([0, NaN, 0, NaN, 0, NaN]);
  });
});

describe("dense", () => {
  it("agrees with the naive sum, and with a convolution of one tap to the bit", () => {
    fc.assert(
      fc.property(int(1, 6), int(1, 70), int(1, 45), int(0, 1e6), (samples, inputs, outputs, seed) => {
        reset();
        const x = noise(seed, samples * inputs);
        const weight = noise(seed + 1, outputs * inputs);
        const bias = noise(seed + 2, outputs);
        const [px, pw, pb] = [put(x), put(pack(weight, outputs, inputs, 1)), put(padBias(bias, outputs))];
        const y = output(samples * outputs, (p) => kernels.dense(px, pw, pb, p, samples, inputs, outputs));
        const s: naive.ConvShape = {
          ...{ samples, height: 1, width: 1, channels: inputs, outChannels: outputs, groups: 1, pad: 0 },
          ...{ kernelH: 1, kernelW: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
        };
        expectClose(y, naive.conv(s, x, weight, bias), tolerance.sum);
        expect(y).toEqual(convolve(s, x, weight, bias, -Infinity, Infinity));
        const alone = Array.from({ length: samples }, (_, n) => {
          const row = put(x.slice(n * inputs, (n + 1) * inputs));
          return output(outputs, (p) => kernels.dense(row, pw, pb, p, 1, inputs, outputs));
        });
        expect(y).toEqual(alone.flat());
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

describe("convBackwardFewChannels", () => {
  it("is the adjoint of the naive convolution", () => {
    fc.assert(
      fc.property(shapes, int(1, 4), int(1, 4), int(0, 1e6), (shape, channels, blockRows, seed) => {
        reset();
        const s = { ...shape, channels, groups: 1 };
        const { outH, outW } = naive.outShape(s);
        const kernel = s.kernelH * s.kernelW;
        const weight = noise(seed, s.outChannels * channels * kernel);
        const dy = noise(seed + 1, s.samples * outH * outW * s.outChannels);
        // K = outChannels, N = (ky, kx, c): the source offset of column (ky, kx, c) is c·kernel + ky·kernelW + kx.
        const columns = kernel * channels;
        const panels = new Array<number>(ceil8(columns) * s.outChannels).fill(0);
        for (let o = 0; o < s.outChannels; o++)
          for (let j = 0; j < columns; j++) {
            const value = weight[(o * channels + (j % channels)) * kernel + Math.floor(j / channels)];
            panels[(Math.floor(j / 8) * s.outChannels + o) * 8 + (j % 8)] = value;
          }
        const geometry = record("Col2imGeometry", {
          samples: s.samples,
          height: s.height,
          width: s.width,
          channels,
          outH,
          outW,
          outChannels: s.outChannels,
          kernelH: s.kernelH,
          kernelW: s.kernelW,
          strideH: s.strideH,
          strideW: s.strideW,
          dilationH: s.dilationH,
          dilationW: s.dilationW,
          padTop: s.pad,
          padLeft: s.pad,
          blockRows,
        });
        const [pdy, pw, scratch] = [put(dy), put(panels), put(new Array(blockRows * outW * ceil8(columns)).fill(0))];
        const dx = output(s.samples * s.height * s.width * channels, (p) => {
          kernels.convBackwardFewChannels(pdy, pw, scratch, p, geometry);
        });
        expectClose(dx, naive.convBackward(s, dy, weight), tolerance.sum);
      }),
      settings,
    );
  });
});
