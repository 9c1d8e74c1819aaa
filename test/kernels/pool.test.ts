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
  settings,
  tolerance,
} from "./harness.js";
import * as naive from "./naive.js";

const int = (min: number, max: number) => fc.integer({ min, max });

const axis = (extent: fc.Arbitrary<number>, kernel: fc.Arbitrary<number>) =>
  fc
    .record({
      extent,
      kernel,
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

const poolsOver = (side: ReturnType<typeof axis>) =>
  fc
    .record({ samples: int(1, 2), channels: int(1, 37), y: side, x: side, countIncludePad: int(0, 1) })
    .map(({ samples, channels, y, x, countIncludePad }): naive.PoolShape => {
      return {
        ...{ samples, inH: y.extent, inW: x.extent, channels, outH: y.out, outW: x.out },
        ...{ kernelH: y.kernel, kernelW: x.kernel, strideH: y.stride, strideW: x.stride },
        ...{ dilationH: y.dilation, dilationW: x.dilation, padTop: y.before, padLeft: x.before },
        ...{ padBottom: y.after, padRight: x.after, countIncludePad },
      };
    });

const pools = poolsOver(axis(int(1, 9), int(1, 4)));
/** Windows of up to 256 elements have switches of a byte, larger ones of two. */
const widths = [
  { element: "u8", shapes: pools, runs: 200 },
  { element: "u16", shapes: poolsOver(axis(int(16, 22), int(17, 19))), runs: 30 },
] as const;

const inCount = (p: naive.PoolShape) => p.samples * p.inH * p.inW * p.channels;
const outCount = (p: naive.PoolShape) => p.samples * p.outH * p.outW * p.channels;

/** Coarse values make ties; now and then −∞ and NaN. */
function awkward(seed: number, count: number): number[] {
  const special = seed % 4 === 0 ? [Number.NaN, -Infinity, Infinity] : seed % 4 === 1 ? [-Infinity] : [];
  return noise(seed, count).map((v, i) => (i % 7 < special.length ? special[i % 7] : Math.round(v * 4) / 4));
}

describe("max pooling", () => {
  it.each(widths)(
    "finds the first maximum and its offset as $element, with NaN and −∞",
    ({ element, shapes, runs }) => {
      fc.assert(
        fc.property(shapes, int(0, 1e6), (p, seed) => {
          reset();
          const x = awkward(seed, inCount(p));
          const px = put(x);
          const geometry = record("PoolGeometry", p);
          const expected = naive.maxPool(p, x);
          let y: number[] = [];
          const switches = output(
            outCount(p),
            (s) => {
              y = output(outCount(p), (q) => kernels.maxPool(px, q, s, geometry));
            },
            element,
          );
          expect(y).toEqual(expected.y);
          expect(switches).toEqual(expected.switches);
        }),
        { ...settings, numRuns: runs },
      );
    },
  );

  it.each([
    ["u8", 16, 16],
    ["u16", 257, 1],
  ] as const)("has switches of %s for windows of %i×%i", (element, kernelH, kernelW) => {
    reset();
    const p = {
      ...{ samples: 1, inH: kernelH, inW: kernelW, channels: 20, outH: 1, outW: 1, kernelH, kernelW },
      ...{ strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0, padLeft: 0, padBottom: 0, padRight: 0 },
      countIncludePad: 0,
    };
    const x = noise(3, inCount(p));
    x[inCount(p) - 1] = 2;
    const px = put(x);
    const geometry = record("PoolGeometry", p);
    const switches = output(20, (s) => output(20, (y) => kernels.maxPool(px, y, s, geometry)), element);
    expect(switches).toEqual(naive.maxPool(p, x).switches);
    expect(switches[19]).toBe(kernelH * kernelW - 1);
  });

  it.each(widths)("sends gradients and values through switches of $element", ({ element, shapes, runs }) => {
    fc.assert(
      fc.property(shapes, int(0, 1e6), (p, seed) => {
        reset();
        const x = noise(seed, inCount(p));
        const dy = noise(seed + 1, outCount(p));
        const full = noise(seed + 2, inCount(p));
        const { switches } = naive.maxPool(p, x);
        const geometry = record("PoolGeometry", p);
        const [pdy, pfull, offsets] = [put(dy), put(full), put(switches, element)];

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
        const dx = output(inCount(p), (q) => kernels.maxPoolBackward(pdy, offsets, q, geometry));
        expectClose(dx, added, tolerance.few);
        expect(output(inCount(p), (q) => kernels.maxUnpool(pdy, offsets, q, geometry))).toEqual(placed);
        const back = output(outCount(p), (q) => kernels.maxUnpoolBackward(pfull, offsets, q, geometry));
        expect(back).toEqual(fetched);
        // For fixed switches the pool fetches: ⟨fetch(full), dy⟩ = ⟨full, dx⟩.
        expectAdjoint(back, dy, full, dx);
      }),
      { ...settings, numRuns: runs },
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
