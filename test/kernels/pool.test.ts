import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  expectAdjoint,
  expectClose,
  kernels,
  noise,
  output,
  put,
  record,
  reset,
  settings,
  tolerance,
} from "./harness.js";
import * as naive from "./naive.js";

const int = (min: number, max: number) => fc.integer({ min, max });

const axis = fc
  .record({
    extent: int(1, 9),
    kernel: int(1, 4),
    stride: int(1, 3),
    dilation: int(1, 2),
    before: int(0, 2),
    after: int(0, 2),
    roundUp: fc.boolean(),
  })
  .map((a) => {
    const span = a.extent + a.before + a.after - a.dilation * (a.kernel - 1) - 1;
    const out = (a.roundUp ? Math.ceil(span / a.stride) : Math.floor(span / a.stride)) + 1;
    return { ...a, out };
  })
  .filter(({ extent, kernel, stride, dilation, before, out }) => {
    const touches = (o: number) =>
      Array.from({ length: kernel }, (_, k) => o * stride - before + k * dilation).some((i) => i >= 0 && i < extent);
    return out > 0 && Array.from({ length: out }, (_, o) => o).every(touches);
  });

const pools = fc
  .record({ samples: int(1, 2), channels: int(1, 37), y: axis, x: axis, countIncludePad: int(0, 1) })
  .map(({ samples, channels, y, x, countIncludePad }): naive.PoolShape => {
    return {
      ...{ samples, inH: y.extent, inW: x.extent, channels, outH: y.out, outW: x.out },
      ...{ kernelH: y.kernel, kernelW: x.kernel, strideH: y.stride, strideW: x.stride },
      ...{ dilationH: y.dilation, dilationW: x.dilation, padTop: y.before, padLeft: x.before },
      ...{ padBottom: y.after, padRight: x.after, countIncludePad },
    };
  });

const inCount = (p: naive.PoolShape) => p.samples * p.inH * p.inW * p.channels;
const outCount = (p: naive.PoolShape) => p.samples * p.outH * p.outW * p.channels;

/** Coarse values make ties; now and then −∞ and NaN. */
function awkward(seed: number, count: number): number[] {
  const special = seed % 4 === 0 ? [Number.NaN, -Infinity, Infinity] : seed % 4 === 1 ? [-Infinity] : [];
  return noise(seed, count).map((v, i) => (i % 7 < special.length ? special[i % 7] : Math.round(v * 4) / 4));
}

describe("max pooling", () => {
  it("finds the first maximum and its offset, with NaN and −∞, in both widths of switches", () => {
    fc.assert(
      fc.property(pools, int(0, 1e6), (p, seed) => {
        reset();
        const x = awkward(seed, inCount(p));
        const px = put(x);
        const geometry = record("PoolGeometry", p);
        const expected = naive.maxPool(p, x);
        for (const [run, element] of [
          [kernels.maxPool, "u8"],
          [kernels.maxPoolWide, "u16"],
        ] as const) {
          let y: number[] = [];
          const switches = output(
            outCount(p),
            (s) => {
              y = output(outCount(p), (q) => run(px, q, s, geometry));
            },
            element,
          );
          expect(y).toEqual(expected.y);
          expect(switches).toEqual(expected.switches);
        }
      }),
      { ...settings, numRuns: 200 },
    );
  });

  it("holds switches beyond 255 in windows of up to 65536", () => {
    reset();
    const p = {
      ...{ samples: 1, inH: 20, inW: 17, channels: 18, outH: 1, outW: 1, kernelH: 20, kernelW: 17 },
      ...{ strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0, padLeft: 0, padBottom: 0, padRight: 0 },
      countIncludePad: 0,
    };
    const x = noise(3, inCount(p));
    x[339 * 18 + 17] = 2;
    const px = put(x);
    const geometry = record("PoolGeometry", p);
    const switches = output(18, (s) => output(18, (y) => kernels.maxPoolWide(px, y, s, geometry)), "u16");
    expect(switches).toEqual(naive.maxPool(p, x).switches);
    expect(switches[17]).toBe(339);
  });

  it("sends gradients and values through the switches", () => {
    fc.assert(
      fc.property(pools, int(0, 1e6), (p, seed) => {
        reset();
        const x = noise(seed, inCount(p));
        const dy = noise(seed + 1, outCount(p));
        const full = noise(seed + 2, inCount(p));
        const { switches } = naive.maxPool(p, x);
        const geometry = record("PoolGeometry", p);
        const [pdy, pfull, bytes, words] = [put(dy), put(full), put(switches, "u8"), put(switches, "u16")];

        const added = new Array<number>(inCount(p)).fill(0);
        const placed = new Array<number>(inCount(p)).fill(0);
        const fetched = new Array<number>(outCount(p)).fill(0);
        // Windows in row-major order, as the kernels visit them: where they overlap, the last value stays.
        naive.forEachWindowElement(p, (yi, xi, offset) => {
          if (offset !== switches[yi]) return;
          added[xi] += dy[yi];
          placed[xi] = dy[yi];
          fetched[yi] = full[xi];
        });
        const dx = output(inCount(p), (q) => kernels.maxPoolBackward(pdy, bytes, q, geometry));
        expectClose(dx, added, tolerance.few);
        expect(output(inCount(p), (q) => kernels.maxPoolWideBackward(pdy, words, q, geometry))).toEqual(dx);
        expect(output(inCount(p), (q) => kernels.maxUnpool(pdy, bytes, q, geometry))).toEqual(placed);
        const back = output(outCount(p), (q) => kernels.maxUnpoolBackward(pfull, bytes, q, geometry));
        expect(back).toEqual(fetched);
        expect(output(inCount(p), (q) => kernels.maxUnpoolWide(pdy, words, q, geometry))).toEqual(placed);
        expect(output(outCount(p), (q) => kernels.maxUnpoolWideBackward(pfull, words, q, geometry))).toEqual(fetched);
        // For fixed switches the pool fetches: ⟨fetch(full), dy⟩ = ⟨full, dx⟩.
        expectAdjoint(back, dy, full, dx);
      }),
      { ...settings, numRuns: 150 },
    );
  });
});

describe("average pooling", () => {
  it("divides by what countIncludePad says, and its backward is its adjoint", () => {
    fc.assert(
      fc.property(pools, int(0, 1e6), (p, seed) => {
        reset();
        const x = noise(seed, inCount(p));
        const dy = noise(seed + 1, outCount(p));
        const divisors = naive.averageDivisors(p);
        const expected = new Array<number>(outCount(p)).fill(0);
        naive.forEachWindowElement(p, (yi, xi) => {
          expected[yi] += x[xi] / divisors[yi];
        });
        const geometry = record("PoolGeometry", p);
        const [px, pdy] = [put(x), put(dy)];
        const y = output(outCount(p), (q) => kernels.averagePool(px, q, geometry));
        expectClose(y, expected, tolerance.few);
        const dx = output(inCount(p), (q) => kernels.averagePoolBackward(pdy, q, geometry));
        expectAdjoint(y, dy, x, dx);
      }),
      { ...settings, numRuns: 150 },
    );
  });
});
