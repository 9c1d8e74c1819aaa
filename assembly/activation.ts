import { erf, exp, expMinusOne, normal, sigmoid, sigmoidInline, tanh } from "./exp";
import { clamp, loadPart, loadStep, stepOf, storePart, storeStep } from "./lanes";
import { log1pOfLanes, logOfLanes, powerOfLanes } from "./scalar-lanes";

/** The codes of `Unary` in src/wasm/kernels.ts. */
export enum Unary {
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
}

/** 1, ½, ⅙, 2·√(2/π), 0.044715: in memory, because a vector constant is rebuilt on every iteration of a hot loop. */
const numbers: usize = memory.data<f32>([1, 0.5, 0.16666667, 1.59576912, 0.044715]);

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
    case Unary.gelu: return map<Gelu>(x, y, end, a, b);
    case Unary.geluTanh: return map<GeluTanh>(x, y, end, a, b);
    case Unary.erf: return map<Erf>(x, y, end, a, b);
    case Unary.exp: return map<Exp>(x, y, end, a, b);
    case Unary.sqrt: return map<Sqrt>(x, y, end, a, b);
    case Unary.scale: return map<Scale>(x, y, end, a, b);
    case Unary.power: return map<Power>(x, y, end, a, b);
    case Unary.silu: return map<Silu>(x, y, end, a, b);
    case Unary.log: return map<Log>(x, y, end, a, b);
    case Unary.abs: return map<Abs>(x, y, end, a, b);
    case Unary.reciprocal: return map<Reciprocal>(x, y, end, a, b);
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

@inline
function isShort<F>(): bool {
  return idof<F>() == idof<Relu>() || idof<F>() == idof<Clip>();
}

// The functions are classes, because a type is constant where it is an argument: loops over a number that is constant only to
// the eye are folded into one, with all functions inside.
class Relu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.pmax(x, f32x4.splat(0)); // x first: NaN stays NaN
  }
}

class LeakyRelu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.mul(a, x), x, f32x4.lt(x, f32x4.splat(0)));
  }
}

class Elu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(b, v128.bitselect(f32x4.mul(a, expMinusOne(x)), x, f32x4.lt(x, f32x4.splat(0))));
  }
}

class Clip {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return clamp(x, a, b);
  }
}

class Sigmoid {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return sigmoid(x);
  }
}

class HardSigmoid {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return clamp(f32x4.add(f32x4.mul(a, x), b), f32x4.splat(0), v128.load32_splat(numbers));
  }
}

class HardSwish {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    const ramp = f32x4.add(f32x4.mul(x, v128.load32_splat(numbers, 8)), v128.load32_splat(numbers, 4));
    return f32x4.mul(x, clamp(ramp, f32x4.splat(0), v128.load32_splat(numbers)));
  }
}

class Tanh {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return tanh(x);
  }
}

class Softplus {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.add(f32x4.max(x, f32x4.splat(0)), log1pOfLanes(exp(f32x4.neg(f32x4.abs(x)))));
  }
}

class Gelu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, normal(x));
  }
}

class GeluTanh {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, sigmoid(geluTanhArgument(x)));
  }
}

class Erf {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return erf(x);
  }
}

class Exp {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return exp(x);
  }
}

class Sqrt {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.sqrt(x);
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
}

class Silu {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.mul(x, sigmoidInline(x));
  }
}

class Log {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return logOfLanes(x);
  }
}

class Abs {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.abs(x);
  }
}

class Reciprocal {
  @inline
  of(x: v128, a: v128, b: v128): v128 {
    return f32x4.div(v128.load32_splat(numbers), x);
  }
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
