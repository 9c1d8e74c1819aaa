import { erf, exp, expMinusOne, gaussian, geluPairs, normal, sigmoid, sigmoidInline, swishPairs, tailOverGaussian, tanh } from "./exp";
import { clamp, loadPart, loadStep, stepOf, storePart, storeStep } from "./lanes";
import { madd, nmadd } from "./madd";
import { cosOfLanes, log1pOfLanes, logOfLanes, powerOfLanes, sinOfLanes } from "./scalar-lanes";

/** The codes of `Unary` in src/wasm/kernels.ts. */
enum Unary {
  relu,
  leakyRelu,
  elu,
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
  scale,
  power,
  silu,
  log,
  abs,
  reciprocal,
  mish,
  thresholdedRelu,
  shrink,
  sin,
  cos,
  sign,
  round,
  floor,
  ceil,
  truncate,
  isNaN,
  isInf,
  not,
}

/** The codes of `Rectify` in src/wasm/kernels.ts. */
enum Rectify {
  gradient,
  deconvnet,
  guided,
}

/**
 * 1, ½, ⅙, 2·√(2/π), 0.044715, and for derivatives ⅓, 1/√(2π), 2/√π, √2, 3·0.044715, 3, 15: in memory, because a vector constant is
 * rebuilt on every iteration of a hot loop.
 */
const numbers: usize = memory.data<f32>([
  1, 0.5, 0.16666667, 1.59576912, 0.044715, 0.33333333, 0.39894228, 1.12837917, 1.41421356, 0.134145, 3, 15,
]);

@inline
function number(offset: usize): v128 {
  return v128.load32_splat(numbers + offset);
}

/**
 * y = f(x), element by element.
 *
 * @param kind  a code of `Unary`; the formulas stand in the classes below
 * @param x     f32[count]
 * @param y     f32[count]; may be x
 * @param a     first parameter of f
 * @param b     second parameter of f
 */
export function unary(kind: i32, x: usize, y: usize, count: i32, a: f32, b: f32): void {
  const rest = count & 3;
  const whole = <usize>(count - rest) << 2;
  wholeVectors(kind, x, y, whole, f32x4.splat(a), f32x4.splat(b));
  if (rest) {
    // The last one to three floats pass through a vector of their own: a second copy of every loop would be large.
    v128.store(lastVector, loadPart(x + whole, rest));
    wholeVectors(kind, lastVector, lastVector, 16, f32x4.splat(a), f32x4.splat(b));
    storePart(y + whole, v128.load(lastVector), rest);
  }
}

/** Room for one vector. */
const lastVector: usize = memory.data(16);

function wholeVectors(kind: i32, x: usize, y: usize, bytes: usize, a: v128, b: v128): void {
  const end = x + bytes;
  switch (kind) {
    case Unary.relu: return map<Relu>(x, y, end, a, b);
    case Unary.leakyRelu: return map<LeakyRelu>(x, y, end, a, b);
    case Unary.elu: return map<Elu>(x, y, end, a, b);
    case Unary.clip: return map<Clip>(x, y, end, a, b);
    case Unary.sigmoid: return map<Sigmoid>(x, y, end, a, b);
    case Unary.hardSigmoid: return map<HardSigmoid>(x, y, end, a, b);
    case Unary.hardSwish: return map<HardSwish>(x, y, end, a, b);
    case Unary.tanh: return map<Tanh>(x, y, end, a, b);
    case Unary.softplus: return map<Softplus>(x, y, end, a, b);
    case Unary.gelu: {
      for (const pairs = x + (bytes & ~31); x < pairs; ) {
        const to = geluPairs(x, y, pairs);
        y += to - x;
        x = to;
        if (x == pairs) break;
        map<Gelu>(x, y, x + 32, a, b);
        x += 32;
        y += 32;
      }
      return map<Gelu>(x, y, end, a, b);
    }
    case Unary.geluTanh: return map<GeluTanh>(x, y, end, a, b);
    case Unary.erf: return map<Erf>(x, y, end, a, b);
    case Unary.exp: return map<Exp>(x, y, end, a, b);
    case Unary.sqrt: return map<Sqrt>(x, y, end, a, b);
    case Unary.scale: return map<Scale>(x, y, end, a, b);
    case Unary.power: return map<Power>(x, y, end, a, b);
    case Unary.silu: {
      const pairs = bytes & ~31;
      swishPairs(x, y, x + pairs);
      return map<Silu>(x + pairs, y + pairs, end, a, b);
    }
    case Unary.log: return map<Log>(x, y, end, a, b);
    case Unary.abs: return map<Abs>(x, y, end, a, b);
    case Unary.reciprocal: return map<Reciprocal>(x, y, end, a, b);
    case Unary.mish: return map<Mish>(x, y, end, a, b);
    case Unary.thresholdedRelu: return map<ThresholdedRelu>(x, y, end, a, b);
    case Unary.shrink: return map<Shrink>(x, y, end, a, b);
    case Unary.sin: return map<Sin>(x, y, end, a, b);
    case Unary.cos: return map<Cos>(x, y, end, a, b);
    default: return jump(kind, x, y, end, a, b);
  }
}

/** One loop per function. */
function map<F>(x: usize, y: usize, end: usize, a: v128, b: v128): void {
  const f = changetype<F>(0);
  if (isShort<F>()) {
    // So little work that the loop itself would be half of it.
    for (const fours = x + ((end - x) & ~63); x < fours; x += 64) {
      v128.store(y, f.of(v128.load(x), a, b));
      v128.store(y, f.of(v128.load(x, 16), a, b), 16);
      v128.store(y, f.of(v128.load(x, 32), a, b), 32);
      v128.store(y, f.of(v128.load(x, 48), a, b), 48);
      y += 64;
    }
  }
  for (; x < end; x += 16) {
    v128.store(y, f.of(v128.load(x), a, b));
    y += 16;
  }
}

/**
 * dx = dy · f′, or one of the modified rules where f is a rectifier:
 *
 *   gradient   dy · f′(x)
 *   deconvnet  max(dy, 0)
 *   guided     max(dy, 0) where y > 0 (clip: where a < y < b)
 *
 * @param kind   a code of `Unary`; the derivatives stand in the classes below
 * @param mode   a code of `Rectify`; only relu, leakyRelu, elu, clip and thresholdedRelu heed it
 * @param saved  f32[count], x or y as `Kernels.unaryBackward` lists; may be 0 where `mode` is deconvnet
 * @param dy     f32[count]
 * @param dx     f32[count]; may be dy
 */
export function unaryBackward(
  kind: i32, mode: i32, saved: usize, dy: usize, dx: usize, count: i32, a: f32, b: f32,
): void {
  if (mode == Rectify.deconvnet && isRectifier(kind)) return unary(Unary.relu, dy, dx, count, a, b);
  if (kind == Unary.scale) return unary(kind, dy, dx, count, a, b);
  const rest = count & 3;
  const whole = <usize>(count - rest) << 2;
  chainVectors(kind, mode, saved, dy, dx, whole, a, b);
  if (rest) {
    v128.store(lastVectors, loadPart(saved + whole, rest));
    v128.store(lastVectors, loadPart(dy + whole, rest), 16);
    chainVectors(kind, mode, lastVectors, lastVectors + 16, lastVectors + 16, 16, a, b);
    storePart(dx + whole, v128.load(lastVectors, 16), rest);
  }
}

/** Room for one vector of `saved` and one of dy. */
const lastVectors: usize = memory.data(32);

function chainVectors(
  kind: i32, mode: i32, saved: usize, dy: usize, dx: usize, bytes: usize, a: f32, b: f32,
): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const end = dx + bytes;
  if (mode == Rectify.guided && isRectifier(kind)) {
    const bounded = kind == Unary.clip;
    return guided(saved, dy, dx, end, bounded ? a : 0, bounded ? b : Infinity);
  }
  switch (kind) {
    case Unary.relu: return chain<Relu>(saved, dy, dx, end, va, vb);
    case Unary.leakyRelu: return chain<LeakyRelu>(saved, dy, dx, end, va, vb);
    case Unary.elu: return chain<Elu>(saved, dy, dx, end, va, vb);
    case Unary.clip: return chain<Clip>(saved, dy, dx, end, va, vb);
    case Unary.sigmoid: return chain<Sigmoid>(saved, dy, dx, end, va, vb);
    case Unary.hardSigmoid: return chain<HardSigmoid>(saved, dy, dx, end, va, vb);
    case Unary.hardSwish: return chain<HardSwish>(saved, dy, dx, end, va, vb);
    case Unary.tanh: return chain<Tanh>(saved, dy, dx, end, va, vb);
    case Unary.softplus: return chain<Softplus>(saved, dy, dx, end, va, vb);
    case Unary.gelu: return chain<Gelu>(saved, dy, dx, end, va, vb);
    case Unary.geluTanh: return chain<GeluTanh>(saved, dy, dx, end, va, vb);
    case Unary.erf: return chain<Erf>(saved, dy, dx, end, va, vb);
    case Unary.exp: return chain<Exp>(saved, dy, dx, end, va, vb);
    case Unary.sqrt: return chain<Sqrt>(saved, dy, dx, end, va, vb);
    case Unary.power: return chain<Power>(saved, dy, dx, end, va, vb);
    case Unary.silu: return chain<Silu>(saved, dy, dx, end, va, vb);
    case Unary.log: return chain<Log>(saved, dy, dx, end, va, vb);
    case Unary.abs: return chain<Abs>(saved, dy, dx, end, va, vb);
    case Unary.reciprocal: return chain<Reciprocal>(saved, dy, dx, end, va, vb);
    case Unary.mish: return chain<Mish>(saved, dy, dx, end, va, vb);
    case Unary.thresholdedRelu: return chain<ThresholdedRelu>(saved, dy, dx, end, va, vb);
    case Unary.shrink: return chain<Shrink>(saved, dy, dx, end, va, vb);
    case Unary.sin: return chain<Sin>(saved, dy, dx, end, va, vb);
    case Unary.cos: return chain<Cos>(saved, dy, dx, end, va, vb);
  }
}

/** dx = dy · f′, one loop per function. */
function chain<F>(saved: usize, dy: usize, dx: usize, end: usize, a: v128, b: v128): void {
  const f = changetype<F>(0);
  if (isShort<F>()) {
    // So little work that the loop itself would be half of it.
    for (const fours = dx + ((end - dx) & ~63); dx < fours; dx += 64) {
      v128.store(dx, f.chain(v128.load(saved), v128.load(dy), a, b));
      v128.store(dx, f.chain(v128.load(saved, 16), v128.load(dy, 16), a, b), 16);
      v128.store(dx, f.chain(v128.load(saved, 32), v128.load(dy, 32), a, b), 32);
      v128.store(dx, f.chain(v128.load(saved, 48), v128.load(dy, 48), a, b), 48);
      saved += 64;
      dy += 64;
    }
  }
  for (; dx < end; dx += 16) {
    v128.store(dx, f.chain(v128.load(saved), v128.load(dy), a, b));
    saved += 16;
    dy += 16;
  }
}

/** Guided backpropagation: dx = max(dy, 0) where lo < y < hi. */
function guided(y: usize, dy: usize, dx: usize, end: usize, lo: f32, hi: f32): void {
  const lower = f32x4.splat(lo);
  const upper = f32x4.splat(hi);
  for (; dx < end; dx += 16) {
    const v = v128.load(y);
    const active = v128.and(f32x4.gt(v, lower), f32x4.lt(v, upper));
    v128.store(dx, v128.and(f32x4.pmax(v128.load(dy), f32x4.splat(0)), active));
    y += 16;
    dy += 16;
  }
}

@inline
function isRectifier(kind: i32): bool {
  return kind <= Unary.clip || kind == Unary.thresholdedRelu;
}

@inline
function isShort<F>(): bool {
  return idof<F>() == idof<Relu>() || idof<F>() == idof<Clip>();
}

// The functions are classes, because a type is constant where it is an argument: loops over a number that is constant only to
// the eye are folded into one, with all functions inside. `of` is f, `chain` is dy · f′ from what is saved of the forward pass,
// as `Kernels.unaryBackward` lists. Rectifiers select instead of multiplying by 0: ∞ · 0 is NaN.
class Relu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.pmax(x, f32x4.splat(0)); // x first: NaN stays NaN
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, f32x4.gt(s, f32x4.splat(0)));
  }
}

class LeakyRelu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.mul(a, x), x, f32x4.lt(x, f32x4.splat(0)));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.bitselect(dy, f32x4.mul(dy, a), f32x4.gt(s, f32x4.splat(0)));
  }
}

class Elu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(b, v128.bitselect(f32x4.mul(a, expMinusOne(x)), x, f32x4.lt(x, f32x4.splat(0))));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, v128.bitselect(b, madd(a, b, s), f32x4.gt(s, f32x4.splat(0))));
  }
}

class Clip {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return clamp(x, a, b);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, v128.and(f32x4.gt(s, a), f32x4.lt(s, b)));
  }
}

class Sigmoid {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return sigmoid(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(number(0), s)));
  }
}

class HardSigmoid {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return clamp(madd(a, x, b), f32x4.splat(0), number(0));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, v128.and(a, v128.and(f32x4.gt(s, f32x4.splat(0)), f32x4.lt(s, number(0)))));
  }
}

class HardSwish {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    const ramp = madd(x, number(8), number(4));
    return f32x4.mul(x, clamp(ramp, f32x4.splat(0), number(0)));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const ramp = madd(s, number(20), number(4));
    const inner = v128.bitselect(ramp, number(0), f32x4.lt(s, number(40)));
    return f32x4.mul(dy, v128.and(inner, f32x4.gt(s, f32x4.neg(number(40)))));
  }
}

class Tanh {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return tanh(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, nmadd(s, s, number(0)));
  }
}

class Softplus {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.add(f32x4.max(x, f32x4.splat(0)), log1pOfLanes(exp(f32x4.neg(f32x4.abs(x)))));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.neg(expMinusOne(f32x4.neg(s)))); // sigmoid(x) = 1 − e⁻ʸ
  }
}

class Gelu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, normal(x));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const t = f32x4.pmin(f32x4.abs(s), number(44));
    const g = gaussian(t);
    const tail = f32x4.mul(g, tailOverGaussian(t));
    const below = v128.bitselect(tail, f32x4.sub(number(0), tail), f32x4.lt(s, f32x4.splat(0)));
    return f32x4.mul(dy, madd(s, f32x4.mul(number(24), g), below)); // Φ(x) + x·φ(x)
  }
}

class GeluTanh {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, sigmoid(geluTanhArgument(x)));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    // With p = sigmoid(2u): p + x·p·(1 − p)·2u′. Beyond ±15 it is 0 or 1, and x² must not overflow.
    const x = clamp(s, f32x4.neg(number(44)), number(44));
    const p = sigmoid(geluTanhArgument(x));
    const slope = f32x4.mul(number(12), madd(number(36), f32x4.mul(x, x), number(0)));
    return f32x4.mul(dy, madd(f32x4.mul(x, slope), f32x4.mul(p, f32x4.sub(number(0), p)), p));
  }
}

class Erf {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return erf(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const t = f32x4.min(f32x4.mul(f32x4.abs(s), number(32)), number(44));
    return f32x4.mul(dy, f32x4.mul(number(28), gaussian(t))); // 2/√π · e^{−x²}
  }
}

class Exp {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return exp(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, s);
  }
}

class Sqrt {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.sqrt(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.div(number(4), s));
  }
}

class Scale {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(a, x);
  }
}

class Power {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.extract_lane(a, 0) == 2 ? f32x4.mul(x, x) : powerOfLanes(x, a);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    if (f32x4.extract_lane(a, 0) == 2) return f32x4.mul(dy, f32x4.add(s, s));
    return f32x4.mul(dy, f32x4.mul(a, powerOfLanes(s, f32x4.sub(a, number(0)))));
  }
}

class Silu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, sigmoidInline(x));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const p = sigmoidInline(s);
    return f32x4.mul(dy, f32x4.mul(p, madd(s, f32x4.sub(number(0), p), number(0))));
  }
}

class Log {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return logOfLanes(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.div(number(0), s));
  }
}

class Abs {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.abs(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    // The sign, 0 at 0.
    const positive = v128.and(number(0), f32x4.gt(s, f32x4.splat(0)));
    return f32x4.mul(dy, v128.or(positive, v128.and(f32x4.neg(number(0)), f32x4.lt(s, f32x4.splat(0)))));
  }
}

class Reciprocal {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.div(number(0), x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.neg(f32x4.mul(s, s)));
  }
}

/** tanh(ln(1 + e)) = n / (n + 2) with n = e·(e + 2), where e = eˣ; from 20 on it is 1, and the squares must not overflow. */
class Mish {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    const e = exp(f32x4.min(x, f32x4.splat(20)));
    const n = f32x4.mul(e, f32x4.add(e, f32x4.splat(2)));
    return f32x4.mul(x, f32x4.div(n, f32x4.add(n, f32x4.splat(2))));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    // n/(n + 2) + x·4·e·(1 + e)/(n + 2)²
    const x = f32x4.min(s, f32x4.splat(20));
    const e = exp(x);
    const n = f32x4.mul(e, f32x4.add(e, f32x4.splat(2)));
    const inverse = f32x4.div(number(0), f32x4.add(n, f32x4.splat(2)));
    const bend = f32x4.mul(f32x4.mul(f32x4.splat(4), e), f32x4.mul(f32x4.add(number(0), e), f32x4.mul(inverse, inverse)));
    return f32x4.mul(dy, madd(x, bend, f32x4.mul(n, inverse)));
  }
}

class ThresholdedRelu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return v128.andnot(x, f32x4.le(x, a)); // NaN stays NaN
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, f32x4.gt(s, a));
  }
}

/** Beyond ±b, a is taken from the distance to 0; what lies between is 0. */
class Shrink {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    const above = v128.and(f32x4.sub(x, a), f32x4.gt(x, b));
    return v128.or(above, v128.and(f32x4.add(x, a), f32x4.lt(x, f32x4.neg(b))));
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, v128.or(f32x4.gt(s, b), f32x4.lt(s, f32x4.neg(b))));
  }
}

class Sin {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return sinOfLanes(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, cosOfLanes(s));
  }
}

class Cos {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return cosOfLanes(x);
  }

  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.neg(f32x4.mul(dy, sinOfLanes(s)));
  }
}

/** Functions that jump and are level in between: their derivative is 0, so they have no chain, and one loop does for all. */
function jump(kind: i32, x: usize, y: usize, end: usize, a: v128, b: v128): void {
  for (; x < end; x += 16) {
    v128.store(y, jumped(kind, v128.load(x), a, b));
    y += 16;
  }
}

@inline
function jumped(kind: i32, x: v128, a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  switch (kind) {
    case Unary.sign: {
      const positive = v128.and(number(0), f32x4.gt(x, zero));
      return v128.or(positive, v128.and(f32x4.neg(number(0)), f32x4.lt(x, zero)));
    }
    case Unary.round: return f32x4.nearest(x); // halves go to the even neighbour
    case Unary.floor: return f32x4.floor(x);
    case Unary.ceil: return f32x4.ceil(x);
    case Unary.truncate: return f32x4.trunc(x);
    case Unary.isNaN: return v128.and(number(0), f32x4.ne(x, x));
    case Unary.isInf: return v128.and(number(0), v128.or(f32x4.eq(x, a), f32x4.eq(x, b)));
    default: return v128.and(number(0), f32x4.eq(x, zero));
  }
}

/** 2u with u = √(2/π)·(x + 0.044715·x³), since ½(1 + tanh u) = sigmoid(2u). */
@inline
function geluTanhArgument(x: v128): v128 {
  const cubic = f32x4.mul(number(16), f32x4.mul(x, x));
  return f32x4.mul(number(12), madd(x, cubic, x));
}

/**
 * y = x ≥ 0 ? x : slope[c]·x.
 *
 * @param x      f32[pixels][channels]
 * @param slope  f32[channels]
 * @param y      f32[pixels][channels]; may be x
 */
export function prelu(x: usize, slope: usize, y: usize, pixels: i32, channels: i32): void {
  for (; pixels > 0; pixels--) {
    for (let c = 0, step = 0; c < channels; c += step) {
      step = stepOf(channels - c);
      const v = loadStep(x, step);
      const scaled = f32x4.mul(v, loadStep(slope + (<usize>c << 2), step));
      storeStep(y, v128.bitselect(scaled, v, f32x4.lt(v, f32x4.splat(0))), step);
      x += <usize>step << 2;
      y += <usize>step << 2;
    }
  }
}

/**
 * Backward of `prelu` in the three modes of `unaryBackward`; the gradient at 0 is slope[c], as PyTorch has it.
 *
 * @param x      f32[pixels][channels]
 * @param slope  f32[channels]
 * @param dy     f32[pixels][channels]
 * @param dx     f32[pixels][channels]; may be dy
 */
export function preluBackward(
  mode: i32, x: usize, slope: usize, dy: usize, dx: usize, pixels: i32, channels: i32,
): void {
  // The two other modes do not look at the slope: ReLU's.
  if (mode != Rectify.gradient) return unaryBackward(Unary.relu, mode, x, dy, dx, pixels * channels, 0, 0);
  for (; pixels > 0; pixels--) {
    for (let c = 0, step = 0; c < channels; c += step) {
      step = stepOf(channels - c);
      const v = loadStep(dy, step);
      const scaled = f32x4.mul(v, loadStep(slope + (<usize>c << 2), step));
      storeStep(dx, v128.bitselect(v, scaled, f32x4.gt(loadStep(x, step), f32x4.splat(0))), step);
      x += <usize>step << 2;
      dy += <usize>step << 2;
      dx += <usize>step << 2;
    }
  }
}
