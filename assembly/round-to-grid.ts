import { loadStep, stepOf, storeStep } from "./lanes";

/** Half less one bit: what is added before the rest is cut off, so that the largest number below a half does not round up. */
const almostHalf: f32 = 0.49999997;

/** Whether halves go away from zero (else to the even neighbour), whether factors divide, and whether nothing is rounded. */
const enum Grid { away = 1, divide = 2, unrounded = 4 }

@inline
function placeOf(x: v128, factor: v128, mode: i32): v128 {
  return mode & Grid.divide ? f32x4.div(x, factor) : f32x4.mul(x, factor);
}

/** Whole numbers are kept as they are beyond 2²³, where cutting off changes nothing. */
@inline
function rounded(v: v128, mode: i32): v128 {
  if (mode & Grid.unrounded) return v;
  if (!(mode & Grid.away)) return f32x4.nearest(v);
  const sign = v128.and(v, i32x4.splat(0x80000000));
  return f32x4.trunc(f32x4.add(v, v128.or(sign, f32x4.splat(almostHalf))));
}

/** What is added before the rounding and taken off behind it decides which way halves go. */
@inline
function placed(v: v128, zero: f32, mode: i32): v128 {
  // Nothing is added where it is none: a negative zero would become a positive one.
  if (zero == 0) return rounded(v, mode);
  const by = f32x4.splat(zero);
  return f32x4.sub(rounded(f32x4.add(v, by), mode), by);
}

/**
 * y = step[c]·clamp(round(x·factor[c] + zero) − zero, lo, hi): the nearest number of a grid.
 *
 * @param x      f32[pixels][channels]
 * @param table  f32[2][channels]  factors, then steps
 * @param y      f32[pixels][channels]; may be x
 */
export function roundToGrid(
  x: usize, table: usize, y: usize, pixels: i32, channels: i32, lo: f32, hi: f32, zero: f32, mode: i32,
): void {
  const steps = table + (<usize>channels << 2);
  for (; pixels > 0; pixels--) {
    for (let c = 0, step = 0; c < channels; c += step) {
      step = stepOf(channels - c);
      const at = <usize>c << 2;
      const place = placed(placeOf(loadStep(x, step), loadStep(table + at, step), mode), zero, mode);
      const kept = f32x4.min(f32x4.max(place, f32x4.splat(lo)), f32x4.splat(hi));
      storeStep(y, f32x4.mul(kept, loadStep(steps + at, step)), step);
      x += <usize>step << 2;
      y += <usize>step << 2;
    }
  }
}

/**
 * Straight through the rounding: dx = dy·step[c]·factor[c] where the grid reaches, else 0.
 *
 * @param x      f32[pixels][channels]  what was rounded
 * @param table  f32[2][channels]
 * @param dy     f32[pixels][channels]
 * @param dx     f32[pixels][channels]; may be dy
 */
export function roundToGridBackward(
  x: usize, table: usize, dy: usize, dx: usize, pixels: i32, channels: i32, lo: f32, hi: f32, zero: f32, mode: i32,
): void {
  const steps = table + (<usize>channels << 2);
  for (; pixels > 0; pixels--) {
    for (let c = 0, step = 0; c < channels; c += step) {
      step = stepOf(channels - c);
      const at = <usize>c << 2;
      const factor = loadStep(table + at, step);
      const place = placed(placeOf(loadStep(x, step), factor, mode), zero, mode);
      const inside = v128.and(f32x4.ge(place, f32x4.splat(lo)), f32x4.le(place, f32x4.splat(hi)));
      const slope = placeOf(loadStep(steps + at, step), factor, mode);
      storeStep(dx, v128.and(inside, f32x4.mul(loadStep(dy, step), slope)), step);
      x += <usize>step << 2;
      dy += <usize>step << 2;
      dx += <usize>step << 2;
    }
  }
}
