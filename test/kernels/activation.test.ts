import { describe, expect, it } from "vitest";
import { Rectify, Unary, type UnaryKind } from "../../src/wasm/kernels.js";
import { expectClose, kernels, noise, output, put, reset, tolerance } from "./harness.js";
import { erfc, erf as referenceErf } from "./naive.js";

type Name = keyof typeof Unary;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, lo: number, hi: number) => Math.min(Math.max(x, lo), hi);

/** Each function in float64, as the comments of `Unary` define it. */
const reference: Record<Name, (x: number, a: number, b: number) => number> = {
  relu: (x) => Math.max(x, 0),
  leakyRelu: (x, a) => (x >= 0 ? x : a * x),
  elu: (x, a, b) => b * (x >= 0 ? x : a * Math.expm1(x)),
  clip: (x, a, b) => clamp(x, a, b),
  sigmoid,
  hardSigmoid: (x, a, b) => clamp(a * x + b, 0, 1),
  hardSwish: (x) => x * clamp(x / 6 + 0.5, 0, 1),
  tanh: Math.tanh,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gelu: (x) => 0.5 * x * erfc(-x / Math.SQRT2),
  geluTanh: (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  erf: referenceErf,
  exp: Math.exp,
  sqrt: Math.sqrt,
  scale: (x, a) => a * x,
  power: (x, a) => x ** a,
  silu: (x) => x * sigmoid(x),
  log: Math.log,
  abs: Math.abs,
  reciprocal: (x) => 1 / x,
  mish: (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  thresholdedRelu: (x, a) => (x > a ? x : 0),
  shrink: (x, a, b) => (x > b ? x - a : x < -b ? x + a : 0),
  sin: Math.sin,
  cos: Math.cos,
  sign: Math.sign,
  round: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  floor: Math.floor,
  ceil: Math.ceil,
  truncate: Math.trunc,
  isNaN: (x) => Number(Number.isNaN(x)),
  isInf: (x, a, b) => Number(x === a || x === b),
  not: (x) => Number(x === 0),
};
const parameters: Partial<Record<Name, [number, number]>> = {
  leakyRelu: [0.125, 0],
  elu: [1.625, 1.0625],
  clip: [-0.5, 0.75],
  hardSigmoid: [0.25, 0.5],
  scale: [-0.75, 0],
  power: [3, 0],
  thresholdedRelu: [-0.5, 0],
  shrink: [0.25, 0.75],
};
const positiveOnly = new Set<Name>(["sqrt", "log", "reciprocal"]);
const savesInput = new Set<Name>([
  "hardSwish",
  "gelu",
  "geluTanh",
  "erf",
  "power",
  "silu",
  "log",
  "abs",
  "mish",
  "scale",
  "thresholdedRelu",
  "shrink",
  "sin",
  "cos",
]);
const names = Object.keys(Unary) as Name[];
/** They jump and are level in between: no derivative to ask for. By name, so that every other function is asked for its own. */
const jumping = new Set<Name>(["sign", "round", "floor", "ceil", "truncate", "isNaN", "isInf", "not"]);
const smooth = names.filter((name) => !jumping.has(name));

function apply(kind: UnaryKind, x: number[], a = 0, b = 0): number[] {
  reset();
  const px = put(x);
  return output(x.length, (y) => kernels.unary(kind, px, y, x.length, a, b));
}

function backward(kind: UnaryKind, mode: 0 | 1 | 2, saved: number[], dy: number[], a = 0, b = 0): number[] {
  reset();
  const [ps, pdy] = [put(saved), put(dy)];
  return output(dy.length, (dx) => kernels.unaryBackward(kind, mode, ps, pdy, dx, dy.length, a, b));
}

describe("unary", () => {
  it.each(names)("%s agrees with float64 and has the same bits at every position", (name) => {
    const [a, b] = parameters[name] ?? [0, 0];
    const x = noise(7, 403, 5).map((v) => (positiveOnly.has(name) ? Math.abs(v) + 0.125 : v));
    const y = apply(Unary[name], x, a, b);
    expectClose(
      y,
      x.map((v) => reference[name](v, a, b)),
      tolerance.few,
    );
    for (const count of [1, 2, 3, 5]) expect(apply(Unary[name], x.slice(0, count), a, b)).toEqual(y.slice(0, count));
  });

  it.each(names)("%s of many has the bits of each alone, far out and between", (name) => {
    const [a, b] = parameters[name] ?? [0, 0];
    // Of every eight one or none is far out: loops over pairs of vectors leave such pairs to another.
    const far = [13, -13, 14.2, -14.2, 15, -16, 1e4, -1e4, Infinity, -Infinity, NaN, -0, 1e-40];
    const x = noise(8, far.length * 16, 12.9)
      .map((v, i) => (i % 16 === (i >> 4) % 8 ? far[i >> 4] : v))
      .map(Math.fround);
    // Whatever the bits of a NaN, which WebAssembly leaves open.
    const bits = (y: number[]) => y.map((v) => (Object.is(v, -0) ? "-0" : String(v))).join(" ");
    const alone = x.map((v) => apply(Unary[name], [v], a, b)[0]);
    expect(bits(apply(Unary[name], x, a, b))).toBe(bits(alone));
  });

  it.each(smooth)("%s: the derivative agrees with a central difference", (name) => {
    const [a, b] = parameters[name] ?? [0, 0];
    const f = (v: number) => reference[name](v, a, b);
    // Away from kinks, where the difference quotient is a mean of two slopes.
    const kinks = [0, -0.5, 0.75, -0.75, -3, 3, -2, 2];
    const x = noise(11, 203, 4)
      .map((v) => (positiveOnly.has(name) ? Math.abs(v) + 0.125 : v))
      .filter((v) => kinks.every((k) => Math.abs(v - k) > 1e-3));
    const dy = noise(12, x.length);
    const saved = savesInput.has(name) ? x : x.map((v) => Math.fround(f(v)));
    const h = 1e-5;
    expectClose(
      backward(Unary[name], Rectify.gradient, saved, dy, a, b),
      x.map((v, i) => (dy[i] * (f(v + h) - f(v - h))) / (2 * h)),
      tolerance.few,
    );
  });

  it.each(["relu", "leakyRelu", "elu", "clip", "thresholdedRelu"] as const)("%s: deconvnet and guided", (name) => {
    const [a, b] = parameters[name] ?? [0, 0];
    const y = noise(5, 23);
    const dy = noise(6, 23);
    const kind = Unary[name];
    const active = (v: number) => (name === "clip" ? v > a && v < b : v > 0);
    expect(backward(kind, Rectify.deconvnet, y, dy, a, b)).toEqual(dy.map((v) => Math.max(v, 0)));
    expect(backward(kind, Rectify.guided, y, dy, a, b)).toEqual(dy.map((v, i) => (active(y[i]) ? Math.max(v, 0) : 0)));
  });

  it("other functions ignore the mode", () => {
    const [y, dy] = [noise(5, 9), noise(6, 9)];
    expect(backward(Unary.tanh, Rectify.guided, y, dy)).toEqual(backward(Unary.tanh, Rectify.gradient, y, dy));
  });

  it("mish has no infinities and no overflow far out", () => {
    expect(apply(Unary.mish, [1e30, -1e30, 25, -200])).toEqual([Math.fround(1e30), -0, 25, -0]);
    expect(backward(Unary.mish, Rectify.gradient, [1e30, -1e30, 25, -200], [1, 1, 1, 1])).toEqual([1, 0, 1, 0]);
  });

  it("what jumps knows halves, zeros, infinities and NaN", () => {
    const { POSITIVE_INFINITY: infinite, NEGATIVE_INFINITY: negative, NaN: none } = Number;
    expect(apply(Unary.round, [0.5, 1.5, 2.5, -0.5, -1.5])).toEqual([0, 2, 2, -0, -2]);
    expect(apply(Unary.truncate, [1.9, -1.9, 0.2, -0.2])).toEqual([1, -1, 0, -0]);
    expect(apply(Unary.sign, [-0.1, 0, 1e-40, negative])).toEqual([-1, 0, 1, -1]);
    expect(apply(Unary.isNaN, [none, infinite, 0, 1])).toEqual([1, 0, 0, 0]);
    expect(apply(Unary.isInf, [infinite, negative, 3, none], negative, infinite)).toEqual([1, 1, 0, 0]);
    expect(apply(Unary.isInf, [infinite, negative, 3, none], none, infinite)).toEqual([1, 0, 0, 0]);
    expect(apply(Unary.not, [0, -0, 1, none])).toEqual([1, 1, 0, 0]);
    expect(apply(Unary.thresholdedRelu, [none, infinite, 1, 2], 1)).toEqual([none, infinite, 0, 2]);
  });

  it("sine and cosine stay right far out", () => {
    const x = [1e3, -12345.678, 1e6, 3e8, 1e20, -7e30].map(Math.fround);
    for (const name of ["sin", "cos"] as const) expectClose(apply(Unary[name], x), x.map(Math[name]), tolerance.few);
  });

  it("power keeps the sign of a negative base", () => {
    expect(apply(Unary.power, [-2, -1, 0, 3], 2)).toEqual([4, 1, 0, 9]);
    expect(apply(Unary.power, [-2, -1, 0, 3], 3)).toEqual([-8, -1, 0, 27]);
  });
});

describe("accuracy of every value", () => {
  const sweep = (from: number, to: number) => {
    const values: number[] = [];
    for (let i = 0; i <= 40000; i++) values.push(Math.fround(from + ((to - from) * i) / 40000));
    for (let e = -30; e < 0; e++) values.push(2 ** e * 1.25, -(2 ** e) * 1.75);
    return values.filter((v) => v >= from && v <= to);
  };
  /** Below 2⁻¹²⁵ a result has fewer than 24 bits; there only the absolute error counts. */
  const smallest = 2 ** -125;
  const worst = (name: Name, x: number[]) => {
    const y = apply(Unary[name], x, 1, 1.0);
    return Math.max(
      ...x.map((v, i) => {
        const r = reference[name](v, 1, 1);
        if (r === y[i]) return 0;
        return Math.abs(y[i] - r) / Math.max(Math.abs(r), smallest);
      }),
    );
  };

  it.each([
    ["exp", -103, 88.7],
    ["sigmoid", -87, 100],
    ["tanh", -50, 50],
    ["erf", -6, 6],
    ["gelu", -13, 20],
    ["silu", -80, 100],
    ["softplus", -80, 200],
    ["elu", -100, 10],
  ] as const)("%s on [%d, %d]", (name, from, to) => {
    expect(worst(name, sweep(from, to))).toBeLessThanOrEqual(tolerance.transcendental);
  });

  it("ends of the range", () => {
    const at = (name: Name, x: number) => apply(Unary[name], [x], 1, 1)[0];
    expect(at("exp", 200)).toBe(Infinity);
    expect(at("exp", Infinity)).toBe(Infinity);
    expect(at("exp", -200)).toBe(0);
    expect(at("exp", 0)).toBe(1);
    expect(at("sigmoid", 100)).toBe(1);
    expect(at("sigmoid", -100)).toBeLessThan(1e-43);
    expect(at("sigmoid", -Infinity)).toBe(0);
    expect([at("tanh", 50), at("tanh", -50), at("tanh", Infinity)]).toEqual([1, -1, 1]);
    expect([at("erf", 50), at("erf", -50), at("erf", 0)]).toEqual([1, -1, 0]);
    expect(at("softplus", 200)).toBe(200);
    expect([at("gelu", 1e30), Math.abs(at("gelu", -1e30))]).toEqual([Math.fround(1e30), 0]);
    expect([at("geluTanh", 1e30), Math.abs(at("geluTanh", -1e30))]).toEqual([Math.fround(1e30), 0]);
    for (const name of ["relu", "exp", "sigmoid", "tanh", "erf", "gelu", "softplus", "elu", "clip", "silu"] as const) {
      expect([name, at(name, Number.NaN)]).toEqual([name, Number.NaN]);
    }
    for (const name of ["gelu", "geluTanh", "silu", "erf"] as const) {
      const far = backward(Unary[name], Rectify.gradient, [1e25, -1e25, 90, -90], [1, 1, 1, 1]);
      expectClose(far, name === "erf" ? [0, 0, 0, 0] : [1, 0, 1, 0], tolerance.once);
    }
  });
});

describe("prelu", () => {
  it.each([1, 3, 4, 7])("with %d channels, forward and backward in three modes", (channels) => {
    const pixels = 5;
    const x = noise(1, pixels * channels);
    const dy = noise(2, pixels * channels);
    const slope = noise(3, channels);
    reset();
    const [px, pdy, ps] = [put(x), put(dy), put(slope)];
    expectClose(
      output(x.length, (y) => kernels.prelu(px, ps, y, pixels, channels)),
      x.map((v, i) => (v >= 0 ? v : v * slope[i % channels])),
      tolerance.once,
    );
    const run = (mode: 0 | 1 | 2) => {
      return output(x.length, (dx) => kernels.preluBackward(mode, px, ps, pdy, dx, pixels, channels));
    };
    expectClose(
      run(Rectify.gradient),
      dy.map((v, i) => (x[i] > 0 ? v : v * slope[i % channels])),
      tolerance.once,
    );
    expect(run(Rectify.deconvnet)).toEqual(dy.map((v) => Math.max(v, 0)));
    expect(run(Rectify.guided)).toEqual(dy.map((v, i) => (x[i] > 0 ? Math.max(v, 0) : 0)));
  });
});
