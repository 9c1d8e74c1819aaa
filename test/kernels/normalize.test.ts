import { describe, expect, it } from "vitest";
import { Unary } from "../../src/wasm/kernels.js";
import fc from "../seeded";
import { expectClose, kernels, noise, output, put, reset, settings, tolerance } from "./harness.js";

const int = (min: number, max: number) => fc.integer({ min, max });

/** The transposed Jacobian of f at x applied to dy, by central differences in float64. */
function numericBackward(f: (x: number[]) => number[], x: number[], dy: number[]): number[] {
  const h = 1e-5;
  return x.map((v, i) => {
    const up = f(x.map((w, j) => (j === i ? v + h : w)));
    const down = f(x.map((w, j) => (j === i ? v - h : w)));
    return up.reduce((s, u, j) => s + (dy[j] * (u - down[j])) / (2 * h), 0);
  });
}

const rowsOf = (x: number[], columns: number) =>
  Array.from({ length: x.length / columns }, (_, i) => x.slice(i * columns, (i + 1) * columns));

const softmax = (x: number[], columns: number) =>
  rowsOf(x, columns).flatMap((row) => {
    const peak = Math.max(...row);
    const sum = row.reduce((s, v) => s + Math.exp(v - peak), 0);
    return row.map((v) => Math.exp(v - peak) / sum);
  });

function lrn(x: number[], channels: number, size: number, alpha: number, beta: number, k: number): number[] {
  return rowsOf(x, channels).flatMap((row) =>
    row.map((v, c) => {
      let sum = 0;
      for (let j = c - Math.floor((size - 1) / 2); j <= c + Math.ceil((size - 1) / 2); j++) sum += (row[j] ?? 0) ** 2;
      return v / (k + (alpha / size) * sum) ** beta;
    }),
  );
}

function instanceNorm(x: number[], scale: number[], bias: number[], pixels: number, epsilon: number): number[] {
  const channels = scale.length;
  return rowsOf(x, pixels * channels).flatMap((image) =>
    image.map((v, i) => {
      const c = i % channels;
      const plane = image.filter((_, j) => j % channels === c);
      const mean = plane.reduce((s, w) => s + w, 0) / pixels;
      const variance = plane.reduce((s, w) => s + (w - mean) ** 2, 0) / pixels;
      return (scale[c] * (v - mean)) / Math.sqrt(variance + epsilon) + bias[c];
    }),
  );
}

describe("softmax", () => {
  it("and logSoftmax, forward and backward", () => {
    fc.assert(
      fc.property(int(1, 4), int(1, 19), int(0, 1e6), fc.constantFrom(1, 30), (rows, columns, seed, spread) => {
        reset();
        const x = noise(seed, rows * columns, spread);
        const dy = noise(seed + 1, rows * columns);
        const y = softmax(x, columns);
        const log = y.map(Math.log);
        const [px, py, plog, pdy] = [x, y, log, dy].map((v) => put(v));
        const run = (f: (q: number) => void) => output(x.length, f);
        expectClose(
          run((q) => kernels.softmax(false, px, q, rows, columns)),
          y,
          tolerance.few,
        );
        expectClose(
          run((q) => kernels.softmax(true, px, q, rows, columns)),
          log,
          tolerance.few,
        );
        const dots = rowsOf(dy, columns).map((row, r) => row.reduce((s, v, c) => s + v * y[r * columns + c], 0));
        const sums = rowsOf(dy, columns).map((row) => row.reduce((s, v) => s + v, 0));
        const row = (i: number) => Math.floor(i / columns);
        // Both cancel where a row is decided, so the error counts against dy.
        const close = (a: number[], b: number[]) => expectClose([...a, 1], [...b, 1], tolerance.few);
        close(
          run((q) => kernels.softmaxBackward(false, py, pdy, q, rows, columns)),
          dy.map((v, i) => y[i] * (v - dots[row(i)])),
        );
        close(
          run((q) => kernels.softmaxBackward(true, plog, pdy, q, rows, columns)),
          dy.map((v, i) => v - y[i] * sums[row(i)]),
        );
      }),
      settings,
    );
  });

  it("has the bits of one exponential after the other, near the peak and far from it", () => {
    for (const columns of [5, 8, 31, 64, 197]) {
      reset();
      const x = noise(3, columns, 40).map((v, i) => (i % 11 === 3 ? v - 100 : i % 13 === 6 ? -Infinity : v));
      const peak = Math.max(...x.map(Math.fround));
      const px = put(x);
      const y = output(columns, (q) => kernels.softmax(false, px, q, 1, columns));
      const alone = x.map((v) => {
        reset();
        const pv = put([Math.fround(v) - peak]);
        return output(1, (q) => kernels.unary(Unary.exp, pv, q, 1, 0, 0))[0];
      });
      // Summed in float64 in four lanes.
      const lanes = [0, 1, 2, 3].map((lane) => alone.reduce((sum, v, i) => (i % 4 === lane ? sum + v : sum), 0));
      const sum = Math.fround(lanes[0] + lanes[2] + (lanes[1] + lanes[3]));
      expect(y.join(" ")).toBe(alone.map((v) => Math.fround(v / sum)).join(" "));
    }
  });

  it("is NaN all over where the row has one", () => {
    for (const at of [0, 7, 18]) {
      reset();
      const px = put(noise(4, 19, 3).map((v, i) => (i === at ? NaN : v)));
      for (const log of [false, true]) {
        expect(output(19, (q) => kernels.softmax(log, px, q, 1, 19)).every(Number.isNaN)).toBe(true);
      }
    }
  });

  it("neither overflows nor loses a row of 1001", () => {
    reset();
    const x = noise(1, 1001, 300).map((v) => Math.fround(v + 1000));
    const px = put(x);
    const y = output(1001, (q) => kernels.softmax(false, px, q, 1, 1001));
    expect(Math.abs(y.reduce((s, v) => s + v, 0) - 1)).toBeLessThan(1e-6);
    expectClose(y, softmax(x, 1001), tolerance.few);
  });
});

describe("lrn", () => {
  it("forward and backward against central differences", () => {
    fc.assert(
      fc.property(int(1, 3), int(1, 13), int(1, 6), fc.constantFrom(0.75, 0.5, 1), int(0, 1e6), (...values) => {
        const [pixels, channels, size, beta, seed] = values;
        reset();
        const x = noise(seed, pixels * channels, 2);
        const dy = noise(seed + 1, pixels * channels);
        const [alpha, k] = [Math.fround(0.4), 1.5];
        const f = (v: number[]) => lrn(v, channels, size, alpha, beta, k);
        const [px, pdy] = [put(x), put(dy)];
        const y = output(x.length, (q) => kernels.lrn(px, q, pixels, channels, size, alpha, beta, k));
        expectClose(y, f(x), tolerance.few);
        const dx = output(x.length, (q) => kernels.lrnBackward(px, pdy, q, pixels, channels, size, alpha, beta, k));
        expectClose(dx, numericBackward(f, x, dy), tolerance.sum);
      }),
      settings,
    );
  });
});

describe("instanceNorm", () => {
  it("forward and backward against central differences, with a large mean", () => {
    fc.assert(
      fc.property(int(1, 2), int(2, 9), int(1, 7), int(0, 1e6), (samples, pixels, channels, seed) => {
        reset();
        const offset = seed % 2 ? 100 : 0;
        const x = noise(seed, samples * pixels * channels).map((v) => Math.fround(v + offset));
        const dy = noise(seed + 1, x.length);
        const [scale, bias] = [noise(seed + 2, channels), noise(seed + 3, channels)];
        const epsilon = 0.125;
        const f = (v: number[]) => instanceNorm(v, scale, bias, pixels, epsilon);
        const [px, pdy, ps, pb] = [x, dy, scale, bias].map((v) => put(v));
        const y = output(x.length, (q) => kernels.instanceNorm(px, ps, pb, q, samples, pixels, channels, epsilon));
        expectClose(y, f(x), tolerance.once);
        const dx = output(x.length, (q) => {
          kernels.instanceNormBackward(px, ps, pdy, q, samples, pixels, channels, epsilon);
        });
        expectClose(dx, numericBackward(f, x, dy), tolerance.few);
      }),
      settings,
    );
  });
});
