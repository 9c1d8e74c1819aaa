import { loadStep, storeStep } from "./lanes";

/**
 * Half less one bit: what is added before the rest is cut off, so that the largest number below a half does not round up. It lies in memory
 * with the signs of four floats, because a constant of a vector is made anew wherever it stands.
 */
const halves: usize = memory.data<f32>([0.49999997, 0.49999997, 0.49999997, 0.49999997]);
const signs: usize = memory.data<u32>([0x80000000, 0x80000000, 0x80000000, 0x80000000]);

/** Halves go away from zero. Whole numbers beyond 2²³ are kept as they are: cutting off changes nothing there. */
@inline
export function roundedAway(v: v128): v128 {
  return f32x4.trunc(f32x4.add(v, v128.or(v128.and(v, v128.load(signs)), v128.load(halves))));
}

/** Whether halves go away from zero (else to the even neighbour), whether factors divide, and whether nothing is rounded. */
export const enum Grid { away = 1, divide = 2, unrounded = 4 }

@inline
function placeOf(x: v128, factor: v128, mode: i32): v128 {
  return mode & Grid.divide ? f32x4.div(x, factor) : f32x4.mul(x, factor);
}

@inline
export function rounded(v: v128, mode: i32): v128 {
  if (mode & Grid.unrounded) return v;
  if (!(mode & Grid.away)) return f32x4.nearest(v);
  return roundedAway(v);
}

/** What is added before the rounding and taken off behind it decides which way halves go. */
@inline
function placed(v: v128, zero: f32, mode: i32): v128 {
  // Nothing is added where it is none: a negative zero would become a positive one.
  if (zero == 0) return rounded(v, mode);
  const by = f32x4.splat(zero);
  return f32x4.sub(rounded(f32x4.add(v, by), mode), by);
}

/** What changes nothing when it is added: a negative zero, where nothing else is to be added. */
@inline
function orNothing(value: f32): f32 {
  return value == 0 ? -0.0 : value;
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
  const steps = <usize>channels << 2;
  const end = table + steps;
  const whole = table + (<usize>(channels & ~3) << 2);
  const lower = f32x4.splat(lo), upper = f32x4.splat(hi);
  const by = f32x4.splat(orNothing(zero)), back = f32x4.splat(orNothing(-zero));
  // A grid that begins at zero has no negative zero.
  const positive = f32x4.splat(lo == 0 ? <f32>0 : <f32>-0.0);
  for (; pixels > 0; pixels--) {
    let at = table;
    for (; at < whole; at += 16) {
      const place = f32x4.add(rounded(f32x4.add(placeOf(v128.load(x), v128.load(at), mode), by), mode), back);
      const kept = f32x4.pmin(f32x4.add(f32x4.pmax(place, lower), positive), upper);
      v128.store(y, f32x4.mul(kept, v128.load(at + steps)));
      x += 16;
      y += 16;
    }
    for (; at < end; at += 4) {
      const place = f32x4.add(rounded(f32x4.add(placeOf(v128.load32_zero(x), v128.load32_zero(at), mode), by), mode), back);
      const kept = f32x4.pmin(f32x4.add(f32x4.pmax(place, lower), positive), upper);
      v128.store32_lane(y, f32x4.mul(kept, v128.load32_zero(at + steps)), 0);
      x += 4;
      y += 4;
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
  const steps = <usize>channels << 2;
  const end = table + steps;
  for (; pixels > 0; pixels--) {
    for (let at = table; at < end; ) {
      const step = end - at >= 16 ? 4 : 1;
      const bytes = <usize>step << 2;
      const factor = loadStep(at, step);
      const place = placed(placeOf(loadStep(x, step), factor, mode), zero, mode);
      const inside = v128.and(f32x4.ge(place, f32x4.splat(lo)), f32x4.le(place, f32x4.splat(hi)));
      const slope = placeOf(loadStep(at + steps, step), factor, mode);
      storeStep(dx, v128.and(inside, f32x4.mul(loadStep(dy, step), slope)), step);
      at += bytes;
      x += bytes;
      dy += bytes;
      dx += bytes;
    }
  }
}
