import { describe, expect, it } from "vitest";
import fc from "../seeded";
import {
  expectAdjoint,
  expectClose,
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

const int = (min: number, max: number) => fc.integer({ min, max });

interface Case {
  /** 3 for F(4×4, 3×3), 4 for F(3×3, 4×4), 5 for F(2×2, 5×5). */
  readonly kernel: number;
  readonly samples: number;
  readonly inH: number;
  readonly inW: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly padBottom: number;
  readonly padRight: number;
  readonly blockTiles: number;
}

const cases = fc
  .record({
    kernel: fc.constantFrom(3, 4, 5),
    samples: int(1, 3),
    inH: int(1, 20),
    inW: int(1, 20),
    channels: fc.constantFrom(4, 8, 12, 20, 32),
    outChannels: fc.constantFrom(1, 3, 4, 8, 11, 16, 20),
    padTop: int(0, 4),
    padLeft: int(0, 4),
    padBottom: int(0, 4),
    padRight: int(0, 4),
    blockTiles: fc.constantFrom(4, 8, 16),
  })
  .filter((c) => Math.max(c.padTop, c.padLeft, c.padBottom, c.padRight) < c.kernel)
  .filter((c) => c.inH + c.padTop + c.padBottom >= c.kernel && c.inW + c.padLeft + c.padRight >= c.kernel);

const outExtents = (c: Case) => ({
  outH: c.inH + c.padTop + c.padBottom - c.kernel + 1,
  outW: c.inW + c.padLeft + c.padRight - c.kernel + 1,
});

const ceil8 = (n: number) => Math.ceil(n / 8) * 8;

/** The transformed panels of a weight [produced, contracted, kernel, kernel]; with `flipped`, of its transposition. */
function transform(weight: number[], produced: number, contracted: number, flipped: boolean): number[] {
  const size = weight.length / (produced * contracted);
  const taps = Array.from({ length: size }, (_, i) => (flipped ? size - 1 - i : i));
  const geometry = record("PackGeometry", {
    outChannels: produced,
    channels: contracted,
    taps: size,
    tapTable: put(taps, "i32"),
    outStride: flipped ? size : contracted * size,
    channelStride: flipped ? produced * size : size,
  });
  const source = put(weight);
  return output(ceil8(produced) * contracted * 36, (panels) => kernels.winogradWeights(source, panels, geometry));
}

function convolve(c: Case, x: number[], panels: number[], bias: number[], lo = -Infinity, hi = Infinity): number[] {
  const { outH, outW } = outExtents(c);
  const { kernel, padBottom: _b, padRight: _r, ...fields } = c;
  const tile = 7 - kernel;
  const endTile = c.samples * Math.ceil(outH / tile) * Math.ceil(outW / tile);
  const whole = { firstTile: 0, endTile, firstOut: 0, endOut: c.outChannels };
  const geometry = record("WinogradGeometry", { ...fields, ...whole, tile, outH, outW, lo, hi });
  const [px, pw] = [put(x), put(panels)];
  const pb = bias.length ? put([...bias, ...new Array(ceil8(bias.length) - bias.length).fill(0)]) : 0;
  const scratch = room(36 * (c.blockTiles * (c.channels + 8) + 4 * c.channels + 72));
  return output(c.samples * outH * outW * c.outChannels, (y) => kernels.winograd(px, pw, pb, y, scratch, geometry));
}

/** The naive convolution on an image with its zero border written out, because `naive.conv` pads all sides alike. */
function reference(c: Case, x: number[], weight: number[], bias: number[]): number[] {
  const height = c.inH + c.padTop + c.padBottom;
  const width = c.inW + c.padLeft + c.padRight;
  const padded = new Array<number>(c.samples * height * width * c.channels).fill(0);
  for (let i = 0; i < x.length; i++) {
    const channel = i % c.channels;
    const column = Math.floor(i / c.channels) % c.inW;
    const line = Math.floor(i / c.channels / c.inW);
    const row = (line % c.inH) + c.padTop + Math.floor(line / c.inH) * height;
    padded[(row * width + column + c.padLeft) * c.channels + channel] = x[i];
  }
  const { samples, channels, outChannels } = c;
  const shape: naive.ConvShape = {
    ...{ samples, height, width, channels, outChannels, groups: 1, pad: 0 },
    ...{ kernelH: c.kernel, kernelW: c.kernel, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
  };
  return naive.conv(shape, padded, weight, bias.length ? bias : new Array(outChannels).fill(0));
}

describe("winograd", () => {
  it("agrees with the naive convolution, whatever size, pad and block", () => {
    fc.assert(
      fc.property(cases, int(0, 1e6), fc.boolean(), (c, seed, clamped) => {
        reset();
        const x = noise(seed, c.samples * c.inH * c.inW * c.channels);
        const weight = noise(seed + 1, c.outChannels * c.channels * c.kernel ** 2);
        const bias = seed % 3 ? noise(seed + 2, c.outChannels) : [];
        const [lo, hi] = clamped ? [0, 0.5] : [-Infinity, Infinity];
        const exact = reference(c, x, weight, bias);
        const y = convolve(c, x, transform(weight, c.outChannels, c.channels, false), bias, lo, hi);
        // The error follows the values before the clamp: their largest stands at the end of both lists.
        const largest = exact.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        const expected = exact.map((v) => Math.min(Math.max(v, lo), hi));
        expectClose([...y, largest], [...expected, largest], tolerance.winograd);
      }),
      { ...settings, numRuns: 150 },
    );
  });

  it("with flipped and transposed weights is the adjoint", () => {
    const square = cases.map((c) => ({ ...c, outChannels: c.channels }));
    fc.assert(
      fc.property(square, int(0, 1e6), (c, seed) => {
        reset();
        const { outH, outW } = outExtents(c);
        const x = noise(seed, c.samples * c.inH * c.inW * c.channels);
        const weight = noise(seed + 1, c.outChannels * c.channels * c.kernel ** 2);
        const dy = noise(seed + 2, c.samples * outH * outW * c.outChannels);
        const back: Case = {
          ...{ samples: c.samples, inH: outH, inW: outW, channels: c.outChannels, outChannels: c.channels },
          ...{ padTop: c.kernel - 1 - c.padTop, padLeft: c.kernel - 1 - c.padLeft },
          ...{ padBottom: c.kernel - 1 - c.padBottom, padRight: c.kernel - 1 - c.padRight, kernel: c.kernel },
          blockTiles: c.blockTiles,
        };
        const y = convolve(c, x, transform(weight, c.outChannels, c.channels, false), []);
        const dx = convolve(back, dy, transform(weight, c.channels, c.outChannels, true), []);
        expectAdjoint(y, dy, x, dx);
      }),
      settings,
    );
  });

  it("gives the same bits in a batch as alone, and for every block", () => {
    fc.assert(
      fc.property(cases, int(0, 1e6), (c, seed) => {
        reset();
        const three = { ...c, samples: 3 };
        const image = c.inH * c.inW * c.channels;
        const x = noise(seed, 3 * image);
        const panels = transform(
          noise(seed + 1, c.outChannels * c.channels * c.kernel ** 2),
          c.outChannels,
          c.channels,
          false,
        );
        const batch = convolve(three, x, panels, []);
        const single = [0, 1, 2].flatMap((n) => {
          return convolve({ ...c, samples: 1, blockTiles: 4 }, x.slice(n * image, (n + 1) * image), panels, []);
        });
        expect(batch).toEqual(single);
      }),
      { ...settings, numRuns: 30 },
    );
  });
});
