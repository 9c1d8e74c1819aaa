import { geluTanhArgument, Unary, unary } from "./activation";
import { expMinusOne, gaussian, normal, sigmoid, sigmoidInline } from "./exp";
import { clamp, loadPart, loadStep, stepOf, storePart, storeStep } from "./lanes";
import { powerOfLanes } from "./scalar-lanes";

/** The codes of `Rectify` in src/wasm/kernels.ts. */
enum Rectify {
  gradient,
  deconvnet,
  guided,
}

/** 1, ½, ⅓, 1/√(2π), 2/√π, √2, 2·√(2/π), 3·0.044715, 3, 15: see the note on constants in exp.ts. */
const numbers: usize = memory.data<f32>([
  1, 0.5, 0.33333333, 0.39894228, 1.12837917, 1.41421356, 1.59576912, 0.134145, 3, 15,
]);

@inline
function number(offset: usize): v128 {
  return v128.load32_splat(numbers + offset);
}

/**
 * dx = dy · f′, or one of the modified rules where f is a rectifier:
 *
 *   gradient   dy · f′(x)
 *   deconvnet  max(dy, 0)
 *   guided     max(dy, 0) where y > 0 (clip: where a < y < b)
 *
 * @param kind   a code of `Unary`; the derivatives stand in the classes below
 * @param mode   a code of `Rectify`; only relu, leakyRelu, elu and clip heed it
 * @param saved  f32[count], x or y as `Kernels.unaryBackward` lists; may be 0 where `mode` is deconvnet
 * @param dy     f32[count]
 * @param dx     f32[count]; may be dy
 */
export function unaryBackward(
  kind: i32, mode: i32, saved: usize, dy: usize, dx: usize, count: i32, a: f32, b: f32,
): void {
  if (mode == Rectify.deconvnet && kind <= Unary.clip) return unary(Unary.relu, dy, dx, count, a, b);
  if (kind == Unary.scale) return unary(kind, dy, dx, count, a, b);
  const rest = count & 3;
  const whole = <usize>(count - rest) << 2;
  wholeVectors(kind, mode, saved, dy, dx, whole, a, b);
  if (rest) {
    v128.store(lastVectors, loadPart(saved + whole, rest));
    v128.store(lastVectors, loadPart(dy + whole, rest), 16);
    wholeVectors(kind, mode, lastVectors, lastVectors + 16, lastVectors + 16, 16, a, b);
    storePart(dx + whole, v128.load(lastVectors, 16), rest);
  }
}

/** Room for one vector of `saved` and one of dy. */
const lastVectors: usize = memory.data(32);

function wholeVectors(
  kind: i32, mode: i32, saved: usize, dy: usize, dx: usize, bytes: usize, a: f32, b: f32,
): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const end = dx + bytes;
  if (kind <= Unary.clip && mode == Rectify.guided) {
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

@inline
function isShort<F>(): bool {
  return idof<F>() == idof<Relu>() || idof<F>() == idof<Clip>();
}

// Classes as in activation.ts. Each gives dy · f′ from `saved` = y. Rectifiers select instead of multiplying by 0: ∞ · 0 is NaN.

class Relu {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, f32x4.gt(s, f32x4.splat(0)));
  }
}

class LeakyRelu {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.bitselect(dy, f32x4.mul(dy, a), f32x4.gt(s, f32x4.splat(0)));
  }
}

class Elu {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, v128.bitselect(b, f32x4.add(s, f32x4.mul(a, b)), f32x4.gt(s, f32x4.splat(0))));
  }
}

class Clip {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return v128.and(dy, v128.and(f32x4.gt(s, a), f32x4.lt(s, b)));
  }
}

class Sigmoid {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(number(0), s)));
  }
}

class HardSigmoid {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, v128.and(a, v128.and(f32x4.gt(s, f32x4.splat(0)), f32x4.lt(s, number(0)))));
  }
}

class Tanh {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.sub(number(0), f32x4.mul(s, s)));
  }
}

class Exp {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, s);
  }
}

class Sqrt {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.div(number(4), s));
  }
}

class Softplus {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.neg(expMinusOne(f32x4.neg(s)))); // sigmoid(x) = 1 − e⁻ʸ
  }
}

class Reciprocal {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.neg(f32x4.mul(s, s)));
  }
}

// From `saved` = x:

class HardSwish {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const ramp = f32x4.add(f32x4.mul(s, number(8)), number(4));
    const inner = v128.bitselect(ramp, number(0), f32x4.lt(s, number(32)));
    return f32x4.mul(dy, v128.and(inner, f32x4.gt(s, f32x4.neg(number(32)))));
  }
}

class Gelu {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const density = f32x4.mul(number(12), gaussian(f32x4.min(f32x4.abs(s), number(36))));
    return f32x4.mul(dy, f32x4.add(normal(s), f32x4.mul(s, density))); // Φ(x) + x·φ(x)
  }
}

class GeluTanh {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    // With p = sigmoid(2u): p + x·p·(1 − p)·2u′. Beyond ±15 it is 0 or 1, and x² must not overflow.
    const x = clamp(s, f32x4.neg(number(36)), number(36));
    const p = sigmoid(geluTanhArgument(x));
    const slope = f32x4.mul(number(24), f32x4.add(number(0), f32x4.mul(number(28), f32x4.mul(x, x))));
    return f32x4.mul(dy, f32x4.add(p, f32x4.mul(f32x4.mul(x, slope), f32x4.mul(p, f32x4.sub(number(0), p)))));
  }
}

class Erf {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const t = f32x4.min(f32x4.mul(f32x4.abs(s), number(20)), number(36));
    return f32x4.mul(dy, f32x4.mul(number(16), gaussian(t))); // 2/√π · e^{−x²}
  }
}

class Power {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    if (f32x4.extract_lane(a, 0) == 2) return f32x4.mul(dy, f32x4.add(s, s));
    return f32x4.mul(dy, f32x4.mul(a, powerOfLanes(s, f32x4.sub(a, number(0)))));
  }
}

class Silu {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    const p = sigmoidInline(s);
    return f32x4.mul(dy, f32x4.mul(p, f32x4.add(number(0), f32x4.mul(s, f32x4.sub(number(0), p)))));
  }
}

class Log {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    return f32x4.mul(dy, f32x4.div(number(0), s));
  }
}

class Abs {
  @inline
  chain(s: v128, dy: v128, a: v128, b: v128): v128 {
    // The sign, 0 at 0.
    const positive = v128.and(number(0), f32x4.gt(s, f32x4.splat(0)));
    return f32x4.mul(dy, v128.or(positive, v128.and(f32x4.neg(number(0)), f32x4.lt(s, f32x4.splat(0)))));
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
