import { erf, exp, expMinusOne, normal, sigmoid, tanh } from "./exp";
import { clamp, loadLanes, storeLanes } from "./lanes";
import { log1pOfLanes, logOfLanes, powerOfLanes } from "./scalar-lanes";

/** The codes of `Unary` in src/wasm/kernels.ts. */
export enum Unary {
  relu,
  leakyRelu,
  elu,
  selu,
  clip,
  sigmoid,
  hardSigmoid,
  hardSwish,
  tanh,
  softplus,
  gelu,
  geluTanh,
  erf,
  exp,
  sqrt,
  negate,
  power,
  silu,
  log,
  abs,
  reciprocal,
}

/** 1, ½, ⅙, 2·√(2/π), 0.044715: in memory, because a vector constant is rebuilt on every iteration of a hot loop. */
const numbers: usize = memory.data<f32>([1, 0.5, 0.16666667, 1.59576912, 0.044715]);

/**
 * y = f(x), element by element.
 *
 * @param kind  a code of `Unary`; the formulas stand in `valueOf`
 * @param x     f32[count]
 * @param y     f32[count]; may be x
 * @param a     first parameter of f
 * @param b     second parameter of f
 */
export function unary(kind: i32, x: usize, y: usize, count: i32, a: f32, b: f32): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  switch (kind) {
    case Unary.relu: return map(Unary.relu, x, y, count, va, vb);
    case Unary.leakyRelu: return map(Unary.leakyRelu, x, y, count, va, vb);
    case Unary.elu: return map(Unary.elu, x, y, count, va, vb);
    case Unary.selu: return map(Unary.selu, x, y, count, va, vb);
    case Unary.clip: return map(Unary.clip, x, y, count, va, vb);
    case Unary.sigmoid: return map(Unary.sigmoid, x, y, count, va, vb);
    case Unary.hardSigmoid: return map(Unary.hardSigmoid, x, y, count, va, vb);
    case Unary.hardSwish: return map(Unary.hardSwish, x, y, count, va, vb);
    case Unary.tanh: return map(Unary.tanh, x, y, count, va, vb);
    case Unary.softplus: return map(Unary.softplus, x, y, count, va, vb);
    case Unary.gelu: return map(Unary.gelu, x, y, count, va, vb);
    case Unary.geluTanh: return map(Unary.geluTanh, x, y, count, va, vb);
    case Unary.erf: return map(Unary.erf, x, y, count, va, vb);
    case Unary.exp: return map(Unary.exp, x, y, count, va, vb);
    case Unary.sqrt: return map(Unary.sqrt, x, y, count, va, vb);
    case Unary.negate: return map(Unary.negate, x, y, count, va, vb);
    case Unary.power: return map(Unary.power, x, y, count, va, vb);
    case Unary.silu: return map(Unary.silu, x, y, count, va, vb);
    case Unary.log: return map(Unary.log, x, y, count, va, vb);
    case Unary.abs: return map(Unary.abs, x, y, count, va, vb);
    case Unary.reciprocal: return map(Unary.reciprocal, x, y, count, va, vb);
  }
}

/** One loop per function: `kind` is constant here, so only one branch of `valueOf` remains inside. */
@inline
function map(kind: i32, x: usize, y: usize, count: i32, a: v128, b: v128): void {
  for (; count > 0; count -= 4) {
    storeLanes(y, valueOf(kind, loadLanes(x, count), a, b), count);
    x += 16;
    y += 16;
  }
}

@inline
function valueOf(kind: i32, x: v128, a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  const one = v128.load32_splat(numbers);
  if (kind == Unary.relu) return f32x4.pmax(x, zero); // x first: NaN stays NaN
  if (kind == Unary.leakyRelu) return v128.bitselect(f32x4.mul(a, x), x, f32x4.lt(x, zero));
  if (kind == Unary.elu) return v128.bitselect(f32x4.mul(a, expMinusOne(x)), x, f32x4.lt(x, zero));
  if (kind == Unary.selu) return f32x4.mul(b, v128.bitselect(f32x4.mul(a, expMinusOne(x)), x, f32x4.lt(x, zero)));
  if (kind == Unary.clip) return clamp(x, a, b);
  if (kind == Unary.sigmoid) return sigmoid(x);
  if (kind == Unary.hardSigmoid) return clamp(f32x4.add(f32x4.mul(a, x), b), zero, one);
  if (kind == Unary.hardSwish) {
    const ramp = f32x4.add(f32x4.mul(x, v128.load32_splat(numbers, 8)), v128.load32_splat(numbers, 4));
    return f32x4.mul(x, clamp(ramp, zero, one));
  }
  if (kind == Unary.tanh) return tanh(x);
  if (kind == Unary.softplus) return f32x4.add(f32x4.max(x, zero), log1pOfLanes(exp(f32x4.neg(f32x4.abs(x)))));
  if (kind == Unary.gelu) return f32x4.mul(x, normal(x));
  if (kind == Unary.geluTanh) return f32x4.mul(x, sigmoid(geluTanhArgument(x)));
  if (kind == Unary.erf) return erf(x);
  if (kind == Unary.exp) return exp(x);
  if (kind == Unary.sqrt) return f32x4.sqrt(x);
  if (kind == Unary.negate) return f32x4.neg(x);
  if (kind == Unary.power) return f32x4.extract_lane(a, 0) == 2 ? f32x4.mul(x, x) : powerOfLanes(x, a);
  if (kind == Unary.silu) return f32x4.mul(x, sigmoid(x));
  if (kind == Unary.log) return logOfLanes(x);
  if (kind == Unary.abs) return f32x4.abs(x);
  return f32x4.div(one, x); // reciprocal
}

/** 2u with u = √(2/π)·(x + 0.044715·x³), since ½(1 + tanh u) = sigmoid(2u). */
@inline
export function geluTanhArgument(x: v128): v128 {
  const cubic = f32x4.mul(v128.load32_splat(numbers, 16), f32x4.mul(x, x));
  return f32x4.mul(v128.load32_splat(numbers, 12), f32x4.add(x, f32x4.mul(x, cubic)));
}

/**
 * y = x ≥ 0 ? x : slope[c]·x.
 *
 * @param x      f32[pixels][channels]
 * @param slope  f32[channels]
 * @param y      f32[pixels][channels]; may be x
 */
export function prelu(x: usize, slope: usize, y: usize, pixels: i32, channels: i32): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < channels; c += 4) {
      const lanes = channels - c;
      const v = loadLanes(x, lanes);
      const scaled = f32x4.mul(v, loadLanes(slope + (<usize>c << 2), lanes));
      storeLanes(y, v128.bitselect(scaled, v, f32x4.lt(v, f32x4.splat(0))), lanes);
      const bytes = <usize>min(lanes, 4) << 2;
      x += bytes;
      y += bytes;
    }
  }
}
