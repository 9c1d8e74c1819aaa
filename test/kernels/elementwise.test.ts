import { describe, expect, it } from "vitest";
import { Binary } from "../../src/wasm/kernels.js";
import fc from "../seeded";
import {
  checkGuards,
  expectAdjoint,
  expectClose,
  get,
  kernels,
  noise,
  output,
  put,
  record,
  reset,
  settings,
  tolerance,
} from "./harness.js";

const int = (min: number, max: number) => fc.integer({ min, max });
const extents = fc.tuple(int(1, 3), int(1, 3), int(1, 2), int(1, 3), int(1, 4), int(1, 9));
type Six = [number, number, number, number, number, number];

const combine: Record<keyof typeof Binary, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  ahead: (a, b) => (a > b ? 1 : a === b ? 0.5 : 0),
  power: (a, b) => a ** b,
  powerByBase: (a, b) => b * a ** (b - 1),
  powerByExponent: (a, b) => (a > 0 ? a ** b * Math.log(a) : 0),
  remainder: (a, b) => a % b,
  modulo: (a, b) => a - b * Math.floor(a / b),
  cut: (a, b) => -Math.trunc(a / b),
  floored: (a, b) => -Math.floor(a / b),
  equal: (a, b) => Number(a === b),
  greater: (a, b) => Number(a > b),
  greaterOrEqual: (a, b) => Number(a >= b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  xor: (a, b) => Number((a !== 0) !== (b !== 0)),
  where: (a, b) => (a !== 0 ? b : 0),
  unless: (a, b) => (a !== 0 ? 0 : b),
  prelu: (a, b) => (a < 0 ? a * b : a),
  preluSlope: (a, b) => (a > 0 ? 1 : b),
  preluBySlope: (a) => Math.min(a, 0),
};

/** Strides of a contiguous tensor in which the axes of `mask` are broadcast, and its size. */
function broadcastStrides(d: Six, mask: number): { strides: Six; size: number } {
  const strides: Six = [0, 0, 0, 0, 0, 0];
  let size = 1;
  for (let i = 5; i >= 0; i--)
    if (!((mask >> i) & 1)) {
      strides[i] = size;
      size *= d[i];
    }
  return { strides, size };
}

/** Strides of a contiguous tensor whose axes are stored in another order. */
function permutedStrides(d: Six, order: readonly number[]): { strides: Six; size: number } {
  const strides: Six = [0, 0, 0, 0, 0, 0];
  let size = 1;
  for (const i of order) {
    strides[i] = size;
    size *= d[i];
  }
  return { strides, size };
}

function strided(d: Six, a: Six, b: Six) {
  const [d0, d1, d2, d3, d4, d5] = d;
  const [a0, a1, a2, a3, a4, a5] = a;
  const [b0, b1, b2, b3, b4, b5] = b;
  return record("StridedGeometry", { d0, d1, d2, d3, d4, d5, a0, a1, a2, a3, a4, a5, b0, b1, b2, b3, b4, b5 });
}

function forEachIndex(d: Six, a: Six, b: Six, visit: (a: number, b: number, i: number) => void): void {
  const total = d.reduce((p, v) => p * v, 1);
  for (let i = 0; i < total; i++) {
    let rest = i;
    let ia = 0;
    let ib = 0;
    for (let k = 5; k >= 0; k--) {
      ia += (rest % d[k]) * a[k];
      ib += (rest % d[k]) * b[k];
      rest = Math.floor(rest / d[k]);
    }
    visit(ia, ib, i);
  }
}

describe("binary", () => {
  it.each(Object.keys(Binary) as (keyof typeof Binary)[])("%s with broadcasting", (name) => {
    fc.assert(
      fc.property(extents, int(0, 63), int(0, 63), int(0, 1e6), (d, maskA, maskB, seed) => {
        reset();
        const a = broadcastStrides(d, maskA);
        const b = broadcastStrides(d, maskB);
        const va = noise(seed, a.size).map((v) => Math.fround(Math.abs(v) + 0.25));
        const vb = noise(seed + 1, b.size).map((v) => Math.fround(Math.abs(v) + 0.25));
        const expected: number[] = [];
        forEachIndex(d, a.strides, b.strides, (ia, ib) => expected.push(combine[name](va[ia], vb[ib])));
        const [pa, pb, g] = [put(va), put(vb), strided(d, a.strides, b.strides)];
        expectClose(
          output(expected.length, (y) => kernels.binary(Binary[name], pa, pb, y, g)),
          expected,
          tolerance.once,
        );
      }),
      settings,
    );
  });
});

describe("copyStrided and addStrided", () => {
  it.each([
    [4, 4],
    [5, 9],
    [7, 4],
    [11, 6],
    [4, 3],
  ])("turn planes of %d by %d", (rows, columns) => {
    reset();
    const [planes, size] = [3, rows * columns];
    const values = noise(7, planes * size);
    const turned = values.map((_, i) => {
      const [plane, row, column] = [Math.floor(i / size), Math.floor((i % size) / columns), i % columns];
      return values[plane * size + column * rows + row];
    });
    const g = strided([1, 1, 1, planes, rows, columns], [0, 0, 0, size, 1, rows], [0, 0, 0, size, columns, 1]);
    const from = put(values);
    expect(output(values.length, (to) => kernels.copyStrided(from, to, g))).toEqual(turned);
  });

  it("permute, reduce and are each other's adjoint", () => {
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6, maxLength: 6 });
    fc.assert(
      fc.property(extents, orders, orders, int(0, 63), int(0, 1e6), (d, orderA, orderB, mask, seed) => {
        reset();
        const a = permutedStrides(d, orderA);
        const b = permutedStrides(d, orderB);
        const va = noise(seed, a.size);
        const vb = noise(seed + 1, b.size);
        const pa = put(va);
        const moved = new Array<number>(b.size);
        forEachIndex(d, a.strides, b.strides, (ia, ib) => {
          moved[ib] = va[ia];
        });
        const forward = strided(d, a.strides, b.strides);
        const y = output(b.size, (p) => kernels.copyStrided(pa, p, forward));
        expect(y).toEqual(moved);

        const [back, target] = [put(vb), put(new Array(a.size).fill(0))];
        kernels.addStrided(back, target, strided(d, b.strides, a.strides));
        checkGuards();
        expectAdjoint(y, vb, va, get(target, a.size));

        // Broadcasting (a copy with strides of 0 in a) and reduction (strides of 0 in b).
        const small = broadcastStrides(d, mask);
        const vs = noise(seed + 2, small.size);
        const wide = put(vs);
        const spreadGeometry = strided(d, small.strides, b.strides);
        const spread = output(b.size, (p) => kernels.copyStrided(wide, p, spreadGeometry));
        const sums = put(new Array(small.size).fill(0));
        kernels.addStrided(back, sums, strided(d, b.strides, small.strides));
        checkGuards();
        expectAdjoint(spread, vb, vs, get(sums, small.size));
      }),
      { ...settings, numRuns: 150 },
    );
  });
});

describe("vectors", () => {
  it("add and scaleShift", () => {
    fc.assert(
      fc.property(int(1, 6), int(1, 11), int(0, 1e6), (pixels, channels, seed) => {
        reset();
        const count = pixels * channels;
        const [x, y, factor, shift] = [0, 1, 2, 3].map((i) => noise(seed + i, i < 2 ? count : channels));
        const [px, py, pf, ps] = [x, y, factor, shift].map((v) => put(v));
        const scaled = output(count, (q) => kernels.scaleShift(px, pf, 0, q, pixels, channels));
        expectClose(
          scaled,
          x.map((v, i) => v * factor[i % channels]),
          tolerance.once,
        );
        expectAdjoint(
          scaled,
          y,
          x,
          output(count, (q) => kernels.scaleShift(py, pf, 0, q, pixels, channels)),
        );
        expectClose(
          output(count, (q) => kernels.scaleShift(px, pf, ps, q, pixels, channels)),
          x.map((v, i) => v * factor[i % channels] + shift[i % channels]),
          tolerance.few,
        );
        kernels.add(px, py, count);
        checkGuards();
        expectClose(
          get(py, count),
          y.map((v, i) => v + x[i]),
          tolerance.once,
        );
      }),
      settings,
    );
  });
});

describe("rows", () => {
  it.each([1, 2, 3, 9, 1025])("of %i floats are scaled, each product rounded once", (length) => {
    reset();
    const [x, factors] = [noise(length, 3 * length), [1 / 3, -Math.PI, 1e-3]];
    const at = put(x);
    kernels.scaleRows(at, put(factors, "f64"), 3, length);
    checkGuards();
    expect(get(at, x.length)).toEqual(x.map((value, i) => Math.fround(value * factors[Math.floor(i / length)])));
  });

  it.each([1, 3, 4, 15, 16, 21, 64, 1025])("of %i floats are copied whole", (count) => {
    reset();
    const x = noise(count, 3 * count);
    const geometry = strided([1, 1, 1, 1, 3, count], [0, 0, 0, 0, count, 1], [0, 0, 0, 0, count + 2, 1]);
    const from = put(x);
    const to = put(new Array(3 * (count + 2)).fill(-1));
    kernels.copyStrided(from, to, geometry);
    checkGuards();
    const expected = [0, 1, 2].flatMap((row) => [...x.slice(row * count, (row + 1) * count), -1, -1]);
    expect(get(to, expected.length)).toEqual(expected);
  });
});

describe("gatherChannels", () => {
  it("chooses channels of every pixel", () => {
    fc.assert(
      fc.property(
        int(1, 5),
        int(1, 9),
        fc.array(int(0, 8), { minLength: 1, maxLength: 11 }),
        (pixels, channels, picks) => {
          reset();
          const order = picks.map((c) => c % channels);
          const x = noise(pixels, pixels * channels);
          const [from, table] = [
            put(x),
            put(
              order.map((c) => 4 * c),
              "i32",
            ),
          ];
          const y = output(pixels * order.length, (to) =>
            kernels.gatherChannels(from, table, to, pixels, channels, order.length),
          );
          expect(y).toEqual(Array.from({ length: pixels }, (_, p) => order.map((c) => x[p * channels + c])).flat());
        },
      ),
      settings,
    );
  });
});
