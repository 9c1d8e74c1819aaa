import { clamp, zeros } from "./lanes";
import { madd, nmadd } from "./madd";

/**
 * exp, sigmoid, tanh, erf and the normal distribution on four floats; relative error about 2·10⁻⁷ against float64
 * (measured in test/kernels/activation.test.ts), no overflow to NaN, NaN in gives NaN out.
 *
 * Constants come from memory: V8 rebuilds a vector constant on every iteration of a hot loop.
 */
const table: usize = memory.data<f32>([
  -104, 89, 1.44269504, 0.693359375, -2.12194440e-4, // 0: range of exp, 1/ln 2, ln 2 in two parts
  1.3841890e-3, 8.3900643e-3, 4.1668370e-2, 1.6666305e-1, 0.5, // 20: (eʳ − 1 − r)/r², least relative error of eʳ (2.4e-8)
  -87, // 40
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1, // 44: (tanh x − x)/x³ in x²
  0.625, 2, 1, 0.5, // 64
  -5.66799519e-4, 4.92741985e-3, -2.67208936e-2, 1.12805789e-1, -3.76123907e-1, 1.28379147e-1, // 80: (erf x − x)/x in x²
  0.004153117, 0.040880416, 0.1839671, 0.4392808, 0.5, // 104: (e^{t²/2}·Φ(−t)) as N(t)/D(t), from the highest power down: N
  0.010410208, 0.102478125, 0.4714033, 1.20554, 1.6764466, // 124: D, which ends with 1; relative error 6.3e-9 on [0, 15]
  15, 1.41421356, -80, // 144; below −80, eˣ − 1 is −1
  12582912, // 156: 1.5·2²³
  13, -0.5, 86, // 160
]);
/** The sign bit, and the upper half of a float's 24 significant bits (its square is exact). */
const masks: usize = memory.data<u32>([0x80000000, 0xfffff000]);

@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

/** a·x + b, rounded twice as everywhere in these kernels. */
@inline
function step(a: v128, x: v128, offset: usize): v128 {
  return madd(a, x, constant(offset));
}

/**
 * e^(x + tail), with |tail| ≤ 0.1 for what x has rounded away.
 *
 * x = n·ln 2 + r, eˣ = 2ⁿ·(1 + r + r²·P(r)). 2ⁿ is applied in two halves, so that
 * results below 2⁻¹²⁶ are rounded once and those above the range become infinite.
 */
@inline
function expOfSumInline(x: v128, tail: v128): v128 {
  x = clamp(x, constant(0), constant(4));
  const shifted = shiftedExponent(x);
  const n = f32x4.sub(shifted, constant(156));
  let r = nmadd(n, constant(12), x);
  r = f32x4.add(nmadd(n, constant(16), r), tail);
  const p = f32x4.add(constant(72), expMinusOneReduced(r));
  const exponent = i32x4.sub(shifted, constant(156));
  const half = i32x4.shr_s(exponent, 1);
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(exponent, half)));
}

/** The same as a call. */
function expOfSum(x: v128, tail: v128): v128 {
  return expOfSumInline(x, tail);
}

/**
 * The integer n nearest to x/ln 2, plus 1.5·2²³: a float of that size has steps of 1, so the addition rounds, and the
 * difference to 1.5·2²³ is n both as a float and between the bits. Conversions take ten instructions on x86.
 */
@inline
function shiftedExponent(x: v128): v128 {
  return madd(x, constant(8), constant(156));
}

/** eʳ − 1 = r + r²·P(r) for |r| ≤ 0.45; halves of P side by side, because the chain of operations is what takes time. */
@inline
function expMinusOneReduced(r: v128): v128 {
  const square = f32x4.mul(r, r);
  const high = madd(square, constant(20), step(constant(24), r, 28));
  const p = madd(square, high, step(constant(32), r, 36));
  return madd(p, square, r);
}

/** 2ⁿ for −126 ≤ n ≤ 127: the exponent field is the float's own 1.0 plus n. */
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), constant(72));
}

/** eˣ. */
@inline
export function exp(x: v128): v128 {
  return expOfSum(x, v128.load(zeros));
}

/** eˣ − 1 for x ≤ 0, as 2ⁿ·(eʳ − 1) + (2ⁿ − 1): relative accuracy near 0 as well. */
export function expMinusOne(x: v128): v128 {
  x = clamp(x, constant(152), v128.load(zeros));
  const shifted = shiftedExponent(x);
  const n = f32x4.sub(shifted, constant(156));
  const r = nmadd(n, constant(16), nmadd(n, constant(12), x));
  const scale = powerOfTwo(i32x4.sub(shifted, constant(156)));
  return madd(scale, expMinusOneReduced(r), f32x4.sub(scale, constant(72)));
}

/**
 * e⁻|ˣ|, and 0 beyond |x| = 87. The result is a normal number, so 2ⁿ is one addition to its exponent; the bits of 1.5·2²³
 * above n vanish in the shift.
 */
@inline
function expOfMinusAbsolute(x: v128): v128 {
  const z = v128.or(x, v128.load32_splat(masks));
  const inside = f32x4.pmax(z, constant(40));
  const shifted = shiftedExponent(inside);
  const n = f32x4.sub(shifted, constant(156));
  const r = nmadd(n, constant(16), nmadd(n, constant(12), inside));
  const e = i32x4.add(f32x4.add(constant(72), expMinusOneReduced(r)), i32x4.shl(shifted, 23));
  return v128.andnot(e, f32x4.lt(z, constant(40)));
}

/** `sigmoidInline` as a call: for what is seldom hot. */
export function sigmoid(x: v128): v128 {
  return sigmoidInline(x);
}

/** 1/(1 + e⁻ˣ), as eˣ/(1 + eˣ) where x < 0, so that small values keep their relative accuracy; 0 below −87. */
@inline
export function sigmoidInline(x: v128): v128 {
  const one = constant(72);
  const e = expOfMinusAbsolute(x);
  const top = v128.bitselect(e, one, i32x4.shr_s(x, 31));
  return f32x4.div(top, f32x4.add(one, e));
}

/**
 * y = x·sigmoid(x) for pairs of vectors, the bits of `sigmoidInline`. The steps of one vector wait for one another; those of two are
 * written side by side, because a core looks only so far ahead.
 *
 * @param end  of whole pairs in x
 */
export function swishPairs(x: usize, y: usize, end: usize): void {
  for (; x < end; x += 32) {
    const sign = v128.load32_splat(masks), least = constant(40), magic = constant(156);
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    const z0 = v128.or(x0, sign), z1 = v128.or(x1, sign);
    const inside0 = f32x4.pmax(z0, least), inside1 = f32x4.pmax(z1, least);
    const shifted0 = madd(inside0, constant(8), magic), shifted1 = madd(inside1, constant(8), magic);
    const n0 = f32x4.sub(shifted0, magic), n1 = f32x4.sub(shifted1, magic);
    const part0 = nmadd(n0, constant(12), inside0), part1 = nmadd(n1, constant(12), inside1);
    const r0 = nmadd(n0, constant(16), part0), r1 = nmadd(n1, constant(16), part1);
    const square0 = f32x4.mul(r0, r0), square1 = f32x4.mul(r1, r1);
    const upper0 = step(constant(24), r0, 28), upper1 = step(constant(24), r1, 28);
    const lower0 = step(constant(32), r0, 36), lower1 = step(constant(32), r1, 36);
    const high0 = madd(square0, constant(20), upper0), high1 = madd(square1, constant(20), upper1);
    const p0 = madd(square0, high0, lower0), p1 = madd(square1, high1, lower1);
    const less0 = madd(p0, square0, r0), less1 = madd(p1, square1, r1);
    const one = constant(72);
    const power0 = i32x4.add(f32x4.add(one, less0), i32x4.shl(shifted0, 23));
    const power1 = i32x4.add(f32x4.add(one, less1), i32x4.shl(shifted1, 23));
    const e0 = v128.andnot(power0, f32x4.lt(z0, least)), e1 = v128.andnot(power1, f32x4.lt(z1, least));
    const top0 = v128.bitselect(e0, one, i32x4.shr_s(x0, 31)), top1 = v128.bitselect(e1, one, i32x4.shr_s(x1, 31));
    const s0 = f32x4.div(top0, f32x4.add(one, e0)), s1 = f32x4.div(top1, f32x4.add(one, e1));
    v128.store(y, f32x4.mul(x0, s0));
    v128.store(y, f32x4.mul(x1, s1), 16);
    y += 32;
  }
}

/** |x| < 0.625: x + x³·P(x²) (Cephes `tanhf`); above: ±(1 − 2/(e^{2|x|} + 1)). */
@inline
export function tanh(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const e = exp(f32x4.add(magnitude, magnitude));
  const large = f32x4.sub(constant(72), f32x4.div(constant(68), f32x4.add(e, constant(72))));
  const square = f32x4.mul(x, x);
  let p = step(constant(44), square, 48);
  p = step(p, square, 52);
  p = step(p, square, 56);
  p = step(p, square, 60);
  const small = madd(f32x4.mul(p, square), x, x);
  return v128.bitselect(small, withSign(large, x), f32x4.lt(magnitude, constant(64)));
}

/** |x| < 1: x + x·P(x²), fitted; above: ±(1 − 2·Φ(−√2·|x|)). */
export function erf(x: v128): v128 {
  const magnitude = f32x4.abs(x);
  const tail = upperTail(f32x4.mul(magnitude, constant(148)));
  const large = f32x4.sub(constant(72), f32x4.add(tail, tail));
  const square = f32x4.mul(x, x);
  let p = step(constant(80), square, 84);
  p = step(p, square, 88);
  p = step(p, square, 92);
  p = step(p, square, 96);
  p = step(p, square, 100);
  const small = madd(p, x, x);
  return v128.bitselect(small, withSign(large, x), f32x4.lt(magnitude, constant(72)));
}

/**
 * The distribution function of the standard normal, Φ(x) = ½(1 + erf(x/√2)), without the cancellation of that formula
 * at x < 0.
 */
@inline
export function normal(x: v128): v128 {
  const tail = upperTail(f32x4.abs(x));
  return v128.bitselect(tail, f32x4.sub(constant(72), tail), f32x4.lt(x, f32x4.splat(0)));
}

/** Φ(−t) for t ≥ 0. */
@inline
function upperTail(t: v128): v128 {
  t = f32x4.pmin(t, constant(144)); // NaN stays NaN, and pmin is one instruction
  return f32x4.mul(gaussian(t), tailOverGaussian(t));
}

/** e^{t²/2}·Φ(−t) for 0 ≤ t ≤ 15: two polynomials with positive coefficients, beside each other and beside `gaussian`. */
@inline
export function tailOverGaussian(t: v128): v128 {
  let n = step(constant(104), t, 108);
  let d = step(constant(124), t, 128);
  n = step(n, t, 112);
  d = step(d, t, 132);
  n = step(n, t, 116);
  d = step(d, t, 136);
  n = step(n, t, 120);
  d = step(d, t, 140);
  return f32x4.div(n, step(d, t, 72));
}

/**
 * e^{−t²/2} for |t| ≤ 15: the square is split as h² + (t − h)(t + h) with h² exact, because its rounding error would
 * become a relative error.
 */
@inline
export function gaussian(t: v128): v128 {
  const h = v128.and(t, v128.load32_splat(masks, 4));
  const half = f32x4.neg(constant(76));
  const rest = f32x4.mul(f32x4.sub(t, h), f32x4.add(t, h));
  return expOfSumInline(f32x4.mul(half, f32x4.mul(h, h)), f32x4.mul(half, rest));
}

/**
 * y = e^(x − peak) for pairs of vectors, the bits of `exp`, two side by side as in `swishPairs`. It ends before the first pair that is not
 * between −86 and 86 away from the peak: within, the result is a normal number, and 2ⁿ an addition to its exponent.
 *
 * @param end  of whole pairs in x
 * @returns how far it came in x
 */
export function expPairs(x: usize, y: usize, end: usize, peak: v128): usize {
  for (; x < end; x += 32) {
    const x0 = f32x4.sub(v128.load(x), peak), x1 = f32x4.sub(v128.load(x, 16), peak);
    const most = constant(168);
    if (!i32x4.all_true(v128.and(f32x4.lt(f32x4.abs(x0), most), f32x4.lt(f32x4.abs(x1), most)))) return x;
    const magic = constant(156), one = constant(72);
    const shifted0 = madd(x0, constant(8), magic), shifted1 = madd(x1, constant(8), magic);
    const n0 = f32x4.sub(shifted0, magic), n1 = f32x4.sub(shifted1, magic);
    const part0 = nmadd(n0, constant(12), x0), part1 = nmadd(n1, constant(12), x1);
    const r0 = nmadd(n0, constant(16), part0), r1 = nmadd(n1, constant(16), part1);
    const p0 = f32x4.add(one, expMinusOneReduced(r0)), p1 = f32x4.add(one, expMinusOneReduced(r1));
    v128.store(y, i32x4.add(p0, i32x4.shl(shifted0, 23)));
    v128.store(y, i32x4.add(p1, i32x4.shl(shifted1, 23)), 16);
    y += 32;
  }
  return x;
}

/**
 * y = x·Φ(x) for pairs of vectors, the bits of `normal`, two side by side as in `swishPairs`. It ends before the first pair in which |x| is
 * not below 13: up to there e^{−t²/2} is a normal number, and 2ⁿ an addition to its exponent.
 *
 * @param end  of whole pairs in x
 * @returns how far it came in x
 */
export function geluPairs(x: usize, y: usize, end: usize): usize {
  for (; x < end; x += 32) {
    const x0 = v128.load(x), x1 = v128.load(x, 16);
    const t0 = f32x4.abs(x0), t1 = f32x4.abs(x1);
    const most = constant(160);
    if (!i32x4.all_true(v128.and(f32x4.lt(t0, most), f32x4.lt(t1, most)))) return x;
    const upper = v128.load32_splat(masks, 4), half = constant(164), magic = constant(156);
    const h0 = v128.and(t0, upper), h1 = v128.and(t1, upper);
    const rest0 = f32x4.mul(half, f32x4.mul(f32x4.sub(t0, h0), f32x4.add(t0, h0)));
    const rest1 = f32x4.mul(half, f32x4.mul(f32x4.sub(t1, h1), f32x4.add(t1, h1)));
    const square0 = f32x4.mul(half, f32x4.mul(h0, h0)), square1 = f32x4.mul(half, f32x4.mul(h1, h1));
    const shifted0 = madd(square0, constant(8), magic), shifted1 = madd(square1, constant(8), magic);
    const n0 = f32x4.sub(shifted0, magic), n1 = f32x4.sub(shifted1, magic);
    const part0 = nmadd(n0, constant(12), square0), part1 = nmadd(n1, constant(12), square1);
    const r0 = f32x4.add(nmadd(n0, constant(16), part0), rest0), r1 = f32x4.add(nmadd(n1, constant(16), part1), rest1);
    const one = constant(72);
    const p0 = f32x4.add(one, expMinusOneReduced(r0)), p1 = f32x4.add(one, expMinusOneReduced(r1));
    const g0 = i32x4.add(p0, i32x4.shl(shifted0, 23)), g1 = i32x4.add(p1, i32x4.shl(shifted1, 23));
    const tail0 = f32x4.mul(g0, tailOverGaussian(t0)), tail1 = f32x4.mul(g1, tailOverGaussian(t1));
    const below0 = i32x4.shr_s(x0, 31), below1 = i32x4.shr_s(x1, 31);
    v128.store(y, f32x4.mul(x0, v128.bitselect(tail0, f32x4.sub(one, tail0), below0)));
    v128.store(y, f32x4.mul(x1, v128.bitselect(tail1, f32x4.sub(one, tail1), below1)), 16);
    y += 32;
  }
  return x;
}

@inline
function withSign(magnitude: v128, sign: v128): v128 {
  return v128.bitselect(sign, magnitude, v128.load32_splat(masks));
}
