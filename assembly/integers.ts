import { clamp, loadStep } from "./lanes";
import { Grid, rounded, roundedAway } from "./round-to-grid";

/** 1.5·2²³ in four lanes: added to a number below 2²², it leaves its nearest integer, halves the even one, in the last bits. */
const magic: usize = memory.data<f32>([12582912, 12582912, 12582912, 12582912]);

/** Eight int16 of eight numbers below 2¹⁵. */
@inline
function narrow(low: v128, high: v128): v128 {
  const base = v128.load(magic);
  return i16x8.narrow_i32x4_s(i32x4.sub(f32x4.add(low, base), base), i32x4.sub(f32x4.add(high, base), base));
}

/** Where four sums lie on a grid, before they are rounded to the even integer. Its ends are integers, so cutting off first changes nothing. */
@inline
function unrounded(sum: v128, factor: v128, low: v128, high: v128, mode: i32): v128 {
  const v = f32x4.pmin(f32x4.pmax(low, f32x4.mul(f32x4.convert_i32x4_s(sum), factor)), high);
  return mode ? roundedAway(v) : v;
}

/** Where eight sums lie on a grid, as int16. */
@inline
export function toPlaces(s0: v128, s1: v128, f0: v128, f1: v128, low: v128, high: v128, mode: i32): v128 {
  return narrow(unrounded(s0, f0, low, high, mode), unrounded(s1, f1, low, high, mode));
}

/** Four sums as integers on a grid, halves to the even one; what is above int16 stays above it, as floats are ordered as their bits are. */
@inline
function evenPlaces(sum: v128, factor: v128, low: v128, base: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.pmax(low, f32x4.mul(f32x4.convert_i32x4_s(sum), factor)), base), base);
}

/**
 * The same as `toPlaces` with halves to the even integer, in fewer steps.
 *
 * @param low   f32[4]
 * @param high  i16[8]
 */
@inline
export function toEvenPlaces(s0: v128, s1: v128, f0: v128, f1: v128, low: v128, high: v128): v128 {
  const base = v128.load(magic);
  return i16x8.min_s(i16x8.narrow_i32x4_s(evenPlaces(s0, f0, low, base), evenPlaces(s1, f1, low, base)), high);
}

/** The nearest number of a grid to four sums. No sum is NaN, and a grid that begins at zero has no negative zero. */
@inline
export function onGrid(sum: v128, factor: v128, step: v128, low: v128, high: v128, mode: i32): v128 {
  const v = f32x4.mul(f32x4.convert_i32x4_s(sum), factor);
  const place = mode ? roundedAway(v) : f32x4.nearest(v);
  return f32x4.mul(f32x4.pmin(f32x4.pmax(low, place), high), step);
}

/** Four sums between bounds. */
@inline
export function bounded(sum: v128, lo: f32, hi: f32): v128 {
  return clamp(f32x4.convert_i32x4_s(sum), f32x4.splat(lo), f32x4.splat(hi));
}

/** Writes the first min(lanes, 8) of eight int16. */
@inline
export function storeEightShorts(target: usize, v: v128, lanes: i32): void {
  if (lanes >= 8) v128.store(target, v);
  else storeSomeShorts(target, v, lanes);
}

function storeSomeShorts(target: usize, v: v128, lanes: i32): void {
  for (; lanes > 0; lanes--) {
    v128.store16_lane(target, v, 0);
    v = v128.shuffle<i16>(v, v, 1, 2, 3, 4, 5, 6, 7, 0);
    target += 2;
  }
}

/**
 * y = clamp(round(x / scale), −bound, bound) as integers. NaN is none: where there is one, *lost becomes 1.
 *
 * @param x      f32[count]
 * @param y      i16[count]
 * @param bound  below 2¹⁵
 * @param mode   bits of `Grid`; unrounded where x holds integers
 * @param lost   i32
 */
export function toShorts(x: usize, y: usize, count: i32, scale: f32, bound: f32, mode: i32, lost: usize): void {
  const by = f32x4.splat(scale);
  const upper = f32x4.splat(bound), lower = f32x4.splat(-bound);
  let odd = i32x4.splat(0);
  while (count > 0) {
    const step = count >= 4 ? 4 : 1;
    const v = loadStep(x, step);
    odd = v128.or(odd, f32x4.ne(v, v));
    const place = clamp(rounded(mode & Grid.unrounded ? v : f32x4.div(v, by), mode), lower, upper);
    const narrowed = narrow(place, place);
    if (step == 4) v128.store64_lane(y, narrowed, 0);
    else v128.store16_lane(y, narrowed, 0);
    x += <usize>step << 2;
    y += <usize>step << 1;
    count -= step;
  }
  if (v128.any_true(odd)) store<i32>(lost, 1);
}
