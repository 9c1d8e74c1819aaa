import { PackGeometry } from "./geometry";
import { clamp } from "./lanes";
import { madd, nmadd } from "./madd";

/**
 * The three transforms of Winograd's F(4×4, 3×3), F(3×3, 4×4) and F(2×2, 5×5) at the points 0, ±a, ±b, ∞ with a = 1/√2 and b = √2:
 *
 *   Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
 *
 *        ⎡1  0 −5/2  0  1  0⎤        ⎡ 1    0    0 ⎤         ⎡1  1   1   1   1  0⎤
 *        ⎢0 −b  −2   a  1  0⎥        ⎢−2/3 −b/3 −1/3⎥   Aᵀ = ⎢0  a  −a   b  −b  0⎥
 *   Bᵀ = ⎢0  b  −2  −a  1  0⎥    G = ⎢−2/3  b/3 −1/3⎥        ⎢0 1/2 1/2  2   2  0⎥
 *        ⎢0 −a −1/2  b  1  0⎥        ⎢ 1/6  b/6  1/3⎥        ⎣0 a/2 −a/2 2b −2b 1⎦
 *        ⎢0  a −1/2 −b  1  0⎥        ⎢ 1/6 −b/6  1/3⎥
 *        ⎣0  1   0 −5/2 0  1⎦        ⎣ 0    0    1 ⎦
 *
 * F(3×3, 4×4) and F(2×2, 5×5) have the same points and so the same Bᵀ. Rows of G go on with the powers of their point, p³ and p⁴;
 * Aᵀ ends with p² and p. For F(2×2, 5×5):
 *
 *        ⎡ 1    0    0    0     0  ⎤
 *        ⎢−2/3 −b/3 −1/3 −b/6 −1/6 ⎥   Aᵀ = ⎡1  1   1   1   1  0⎤
 *    G = ⎢−2/3  b/3 −1/3  b/6 −1/6 ⎥        ⎣0  a  −a   b  −b  1⎦
 *        ⎢ 1/6  b/6  1/3  b/3  2/3 ⎥
 *        ⎢ 1/6 −b/6  1/3 −b/3  2/3 ⎥
 *        ⎣ 0    0    0    0     1  ⎦
 *
 * The points ±1, ±2 of the paper need one multiplication less and are less accurate.
 *
 * Lavin & Gray, CVPR 2016, https://arxiv.org/abs/1509.09308; Barabasz et al., 2020, https://arxiv.org/abs/1803.10986 on the
 * choice of points.
 */

/** 5/2, 1/2, a, b, 2/3, 1/3, b/3, 1/6, b/6: in memory, because a vector constant is rebuilt on every iteration. */
const numbers: usize = memory.data<f32>([
  2.5, 0.5, 0.70710678, 1.41421356, 0.66666667, 0.33333333, 0.47140452, 0.16666667, 0.23570226,
]);

/** One of them in all lanes. */
@inline
function number(index: usize): v128 {
  return v128.load32_splat(numbers + (index << 2));
}

/** Bᵀ times six vectors `from` apart, written `to` apart. */
@inline
function transformSix(source: usize, from: usize, target: usize, to: usize): void {
  const half = number(1);
  const d0 = v128.load(source);
  source += from;
  const d1 = v128.load(source);
  source += from;
  const d2 = v128.load(source);
  source += from;
  const d3 = v128.load(source);
  source += from;
  const d4 = v128.load(source);
  source += from;
  const d5 = v128.load(source);
  v128.store(target, f32x4.add(nmadd(number(0), d2, d0), d4));
  target += to;
  let even = f32x4.sub(d4, f32x4.add(d2, d2));
  let odd = f32x4.mul(number(2), f32x4.sub(d3, f32x4.add(d1, d1)));
  v128.store(target, f32x4.add(even, odd));
  target += to;
  v128.store(target, f32x4.sub(even, odd));
  target += to;
  even = nmadd(half, d2, d4);
  odd = f32x4.mul(number(3), nmadd(half, d1, d3));
  v128.store(target, f32x4.add(even, odd));
  target += to;
  v128.store(target, f32x4.sub(even, odd));
  target += to;
  v128.store(target, f32x4.add(nmadd(number(0), d3, d1), d5));
}

/**
 * Bᵀ d B of one tile and four channels.
 *
 * @param d     f32[6][6][4], rows and pixels `row` and `pixel` bytes apart
 * @param v     f32[36][4], positions 64 bytes apart
 * @param work  f32[36][4]
 */
export function transformInput(d: usize, row: usize, pixel: usize, v: usize, work: usize): void {
  for (let i: usize = 0; i < 576; i += 96) {
    transformSix(d, pixel, work + i, 16);
    d += row;
  }
  for (let j: usize = 0; j < 96; j += 16) {
    transformSix(work + j, 96, v, 384);
    v += 64;
  }
}

/**
 * clamp(bias + Aᵀ m A) of one tile and eight channels.
 *
 * @param m     f32[36][8], positions `position` bytes apart
 * @param bias  f32[8]
 * @param y     f32[4][4][8], rows and pixels `row` and `pixel` bytes apart
 * @param work  f32[24][4]
 */
export function transformOutput(
  m: usize, position: usize, bias: usize, y: usize, row: usize, pixel: usize, lo: f32, hi: f32, work: usize,
): void {
  const rowStep = position * 6;
  for (let half: usize = 0; half < 32; half += 16) {
    let from = m + half;
    for (let j: usize = 0; j < 96; j += 16) {
      let p = from;
      const d0 = v128.load(p);
      p += rowStep;
      const d1 = v128.load(p);
      p += rowStep;
      const d2 = v128.load(p);
      p += rowStep;
      const d3 = v128.load(p);
      p += rowStep;
      const d4 = v128.load(p);
      p += rowStep;
      const d5 = v128.load(p);
      const s1 = f32x4.add(d1, d2), s2 = f32x4.mul(number(2), f32x4.sub(d1, d2));
      const s3 = f32x4.add(d3, d4), s4 = f32x4.mul(number(3), f32x4.sub(d3, d4));
      const to = work + j;
      v128.store(to, f32x4.add(f32x4.add(d0, s1), s3));
      v128.store(to, f32x4.add(s2, s4), 96);
      v128.store(to, madd(number(1), s1, f32x4.add(s3, s3)), 192);
      v128.store(to, f32x4.add(madd(number(1), s2, f32x4.add(s4, s4)), d5), 288);
      from += position;
    }
    const b = v128.load(bias + half);
    const lower = f32x4.splat(lo), upper = f32x4.splat(hi);
    let to = y + half;
    for (let i: usize = 0; i < 384; i += 96) {
      const p = work + i;
      const d1 = v128.load(p, 16), d2 = v128.load(p, 32), d3 = v128.load(p, 48), d4 = v128.load(p, 64);
      const s1 = f32x4.add(d1, d2), s2 = f32x4.mul(number(2), f32x4.sub(d1, d2));
      const s3 = f32x4.add(d3, d4), s4 = f32x4.mul(number(3), f32x4.sub(d3, d4));
      let q = to;
      v128.store(q, clamp(f32x4.add(b, f32x4.add(f32x4.add(v128.load(p), s1), s3)), lower, upper));
      q += pixel;
      v128.store(q, clamp(f32x4.add(b, f32x4.add(s2, s4)), lower, upper));
      q += pixel;
      v128.store(q, clamp(f32x4.add(b, madd(number(1), s1, f32x4.add(s3, s3))), lower, upper));
      q += pixel;
      const last = f32x4.add(madd(number(1), s2, f32x4.add(s4, s4)), v128.load(p, 80));
      v128.store(q, clamp(f32x4.add(b, last), lower, upper));
      to += row;
    }
  }
}

/** The same for tiles of 3×3 or 2×2: y is f32[tile][tile][8], work f32[18][4]. */
export function transformSmallOutput(
  tile: i32, m: usize, position: usize, bias: usize, y: usize, row: usize, pixel: usize, lo: f32, hi: f32, work: usize,
): void {
  const rowStep = position * 6;
  const lower = f32x4.splat(lo), upper = f32x4.splat(hi);
  for (let half: usize = 0; half < 32; half += 16) {
    const b = v128.load(bias + half);
    let from = m + half;
    for (let j: usize = 0; j < 96; j += 16) {
      smallOutput(tile, from, rowStep, work + j, 96, false, b, lower, upper);
      from += position;
    }
    let to = y + half;
    for (let p = work; p < work + 96 * <usize>tile; p += 96) {
      smallOutput(tile, p, 16, to, pixel, true, b, lower, upper);
      to += row;
    }
  }
}

/** Aᵀ for tiles of 3 or 2 times six vectors `step` apart, written `to` apart, the last time with bias and bounds. */
@inline
function smallOutput(
  tile: i32, from: usize, step: usize, target: usize, to: usize, last: bool, b: v128, lo: v128, hi: v128,
): void {
  const d0 = v128.load(from);
  from += step;
  const d1 = v128.load(from);
  from += step;
  const d2 = v128.load(from);
  from += step;
  const d3 = v128.load(from);
  from += step;
  const d4 = v128.load(from);
  from += step;
  const d5 = v128.load(from);
  const s1 = f32x4.add(d1, d2), s3 = f32x4.add(d3, d4);
  write(target, f32x4.add(f32x4.add(d0, s1), s3), last, b, lo, hi);
  target += to;
  const middle = madd(number(3), f32x4.sub(d3, d4), f32x4.mul(number(2), f32x4.sub(d1, d2)));
  if (tile == 2) {
    write(target, f32x4.add(middle, d5), last, b, lo, hi);
  } else {
    write(target, middle, last, b, lo, hi);
    write(target + to, f32x4.add(madd(number(1), s1, f32x4.add(s3, s3)), d5), last, b, lo, hi);
  }
}

@inline
function write(target: usize, value: v128, last: bool, b: v128, lo: v128, hi: v128): void {
  v128.store(target, last ? clamp(f32x4.add(b, value), lo, hi) : value);
}

/**
 * G g Gᵀ of all kernels, in the panels `winograd` reads; zero where n ≥ outChannels.
 *
 * @param source  f32 weights in any layout; the record lists the 9, 16 or 25 taps, row-major, reversed for the input gradient
 * @param panels  f32[⌈outChannels/8⌉][36][channels][8]
 */
export function winogradWeights(source: usize, panels: usize, g: PackGeometry): void {
  const outStride = <usize>g.outStride << 2;
  const channelStride = <usize>g.channelStride << 2;
  const position = <usize>g.channels << 5;
  for (let n = 0; n < g.outChannels; n += 8) {
    const lanes = g.outChannels - n;
    let from = source + <usize>n * outStride;
    for (let c = 0; c < g.channels; c += 8) {
      const count = min(g.channels - c, 8);
      for (let i = 0; i < count; i++) {
        transformKernels(from, outStride, lanes, g.tapTable, g.taps == 9 ? 3 : g.taps == 16 ? 4 : 5, fewKernels + (<usize>i << 5));
        from += channelStride;
      }
      copyPositions(panels, position, <usize>count << 5);
      panels += <usize>count << 5;
    }
    panels += position * 35;
  }
}

/** Eight input channels of one panel, f32[36][8][8]: the panel's own positions are so far apart that they share cache sets. */
const fewKernels: usize = memory.data(9216);

/** Bytes from one position to the next in there. */
const fewPosition: usize = 256;

/** Moves `bytes` of every position to where the panel has them. */
function copyPositions(target: usize, position: usize, bytes: usize): void {
  for (let from = fewKernels; from < fewKernels + 36 * fewPosition; from += fewPosition) {
    for (let i: usize = 0; i < bytes; i += 32) {
      v128.store(target + i, v128.load(from + i));
      v128.store(target + i, v128.load(from + i, 16), 16);
    }
    target += position;
  }
}

/** One input channel of up to eight output channels and a kernel of `side` × `side`; the target holds the columns in between. */
function transformKernels(source: usize, outStride: usize, lanes: i32, taps: usize, side: i32, target: usize): void {
  const tapRow = <usize>side << 2;
  for (const end = target + 32; target < end; target += 16) {
    for (let kx = 0; kx < side; kx++) {
      let tap = taps + (<usize>kx << 2);
      for (let ky = 0; ky < side; ky++) {
        v128.store(line + (<usize>ky << 4), gather(source, load<i32>(tap), outStride, lanes));
        tap += tapRow;
      }
      transformLine(side, line, 16, target + <usize>kx * fewPosition, 6 * fewPosition);
    }
    for (let row: usize = 0; row < 36 * fewPosition; row += 6 * fewPosition) {
      transformLine(side, target + row, fewPosition, target + row, fewPosition);
    }
    source += outStride << 2;
    lanes -= 4;
  }
}

/** Room for one row or column of a kernel. */
const line: usize = memory.data(80);

/** G times three to five vectors `from` apart, written `to` apart; the target may be the source. */
function transformLine(side: i32, source: usize, from: usize, target: usize, to: usize): void {
  const g0 = v128.load(source), g1 = v128.load(source + from), g2 = v128.load(source + 2 * from);
  if (side == 3) {
    transformThree(g0, g1, g2, target, to);
  } else {
    const g3 = v128.load(source + 3 * from);
    const g4 = side == 5 ? v128.load(source + 4 * from) : f32x4.splat(0);
    transformFive(g0, g1, g2, g3, g4, side == 5 ? g4 : g3, target, to);
  }
}

/** G times three vectors, written `to` apart. */
@inline
function transformThree(g0: v128, g1: v128, g2: v128, target: usize, to: usize): void {
  v128.store(target, g0);
  target += to;
  let even = f32x4.neg(madd(number(5), g2, f32x4.mul(number(4), g0)));
  let odd = f32x4.mul(number(6), g1);
  v128.store(target, f32x4.sub(even, odd));
  target += to;
  v128.store(target, f32x4.add(even, odd));
  target += to;
  even = madd(number(5), g2, f32x4.mul(number(7), g0));
  odd = f32x4.mul(number(8), g1);
  v128.store(target, f32x4.add(even, odd));
  target += to;
  v128.store(target, f32x4.sub(even, odd));
  target += to;
  v128.store(target, g2);
}

/** G of F(2, 5) times five vectors, written `to` apart; that of F(3, 4) where g4 is zero and `last` is g3. */
@inline
function transformFive(g0: v128, g1: v128, g2: v128, g3: v128, g4: v128, last: v128, target: usize, to: usize): void {
  v128.store(target, g0);
  target += to;
  // 2/3·g0 + 1/3·g2 + 1/6·g4, and b/3·g1 + b/6·g3.
  let even = madd(number(4), g0, madd(number(7), g4, f32x4.mul(number(5), g2)));
  let odd = madd(number(8), g3, f32x4.mul(number(6), g1));
  v128.store(target, f32x4.neg(f32x4.add(even, odd)));
  target += to;
  v128.store(target, f32x4.sub(odd, even));
  target += to;
  even = madd(number(7), g0, madd(number(4), g4, f32x4.mul(number(5), g2)));
  odd = madd(number(6), g3, f32x4.mul(number(8), g1));
  v128.store(target, f32x4.add(even, odd));
  target += to;
  v128.store(target, f32x4.sub(even, odd));
  target += to;
  v128.store(target, last);
}

/** One tap of up to four output channels, zero for absent ones. */
@inline
function gather(source: usize, tap: i32, stride: usize, lanes: i32): v128 {
  source += <usize>tap << 2;
  let v = f32x4.splat(0);
  if (lanes > 0) v = v128.load32_zero(source);
  if (lanes > 1) v = v128.load32_lane(source + stride, v, 1);
  if (lanes > 2) v = v128.load32_lane(source + 2 * stride, v, 2);
  if (lanes > 3) v = v128.load32_lane(source + 3 * stride, v, 3);
  return v;
}
