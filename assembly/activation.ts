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
  const rest = <usize>(count & 3) << 2;
  const whole = (<usize>count << 2) - rest;
  wholeVectors(kind, x, y, whole, f32x4.splat(a), f32x4.splat(b));
  if (rest) {
    // The last one to three floats pass through a vector of their own: a second copy of every loop would be large.
    memory.copy(lastVector, x + whole, rest);
    wholeVectors(kind, lastVector, lastVector, 16, f32x4.splat(a), f32x4.splat(b));
    memory.copy(y + whole, lastVector, rest);
  }
}

/** Room for one vector. */
const lastVector: usize = memory.data(16);

function wholeVectors(kind: i32, x: usize, y: usize, bytes: usize, a: v128, b: v128): void {
  const end = x + bytes;
  switch (kind) {
    case Unary.relu: return map(Unary.relu, x, y, end, a, b);
    case Unary.leakyRelu: return map(Unary.leakyRelu, x, y, end, a, b);
    case Unary.elu: return map(Unary.elu, x, y, end, a, b);
    case Unary.selu: return map(Unary.selu, x, y, end, a, b);
    case Unary.clip: return map(Unary.clip, x, y, end, a, b);
    case Unary.sigmoid: return map(Unary.sigmoid, x, y, end, a, b);
    case Unary.hardSigmoid: return map(Unary.hardSigmoid, x, y, end, a, b);
    case Unary.hardSwish: return map(Unary.hardSwish, x, y, end, a, b);
    case Unary.tanh: return map(Unary.tanh, x, y, end, a, b);
    case Unary.softplus: return map(Unary.softplus, x, y, end, a, b);
    case Unary.gelu: return map(Unary.gelu, x, y, end, a, b);
    case Unary.geluTanh: return map(Unary.geluTanh, x, y, end, a, b);
    case Unary.erf: return map(Unary.erf, x, y, end, a, b);
    case Unary.exp: return map(Unary.exp, x, y, end, a, b);
    case Unary.sqrt: return map(Unary.sqrt, x, y, end, a, b);
    case Unary.negate: return map(Unary.negate, x, y, end, a, b);
    case Unary.power: return map(Unary.power, x, y, end, a, b);
    case Unary.silu: return map(Unary.silu, x, y, end, a, b);
    case Unary.log: return map(Unary.log, x, y, end, a, b);
    case Unary.abs: return map(Unary.abs, x, y, end, a, b);
    case Unary.reciprocal: return map(Unary.reciprocal, x, y, end, a, b);
  }
}

/** One loop per function: `kind` is constant here, so only one branch of `valueOf` remains inside. */
@inline
function map(kind: i32, x: usize, y: usize, end: usize, a: v128, b: v128): void {
  if (kind == Unary.relu || kind == Unary.clip) {
    // So little work that the loop itself would be half of it.
    for (const fours = x + ((end - x) & ~63); x < fours; x += 64) {
      v128.store(y, valueOf(kind, v128.load(x), a, b));
      v128.store(y, valueOf(kind, v128.load(x, 16), a, b), 16);
      v128.store(y, valueOf(kind, v128.load(x, 32), a, b), 32);
      v128.store(y, valueOf(kind, v128.load(x, 48), a, b), 48);
      y += 64;
    }
  }
  for (; x < end; x += 16) {
    v128.store(y, valueOf(kind, v128.load(x), a, b));
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
