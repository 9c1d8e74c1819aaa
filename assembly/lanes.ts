/**
 * Vectors at the end of a range: the same arithmetic runs on the last one to three floats, so a result never depends on
 * where in an array it lies, and nothing outside the range is touched.
 */

/**
 * Sixteen floats of zero: the bias of a layer without one, and the table of a convolution with a single tap at offset
 * 0.
 */
export const zeros: usize = memory.data<f32>([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/** The first `lanes` (1…3) floats at `source`, zero in the other lanes. */
export function loadPart(source: usize, lanes: i32): v128 {
  let v = v128.load32_zero(source);
  if (lanes > 1) v = v128.load32_lane(source, v, 1, 4);
  if (lanes > 2) v = v128.load32_lane(source, v, 2, 8);
  return v;
}

/** Writes the first `lanes` (1…3) floats of `v`. */
export function storePart(target: usize, v: v128, lanes: i32): void {
  v128.store32_lane(target, v, 0);
  if (lanes > 1) v128.store32_lane(target, v, 1, 4);
  if (lanes > 2) v128.store32_lane(target, v, 2, 8);
}

/** Up to four floats: a whole vector where four remain. The part is a call, and calls slow the loop down they stand in. */
@inline
export function loadLanes(source: usize, lanes: i32): v128 {
  return lanes >= 4 ? v128.load(source) : loadPart(source, lanes);
}

/** Up to four floats: a whole vector where four remain. */
@inline
export function storeLanes(target: usize, v: v128, lanes: i32): void {
  if (lanes >= 4) v128.store(target, v);
  else storePart(target, v, lanes);
}

/** How many floats the next step of a loop takes: four, or a single one where fewer remain. */
@inline
export function stepOf(remaining: i32): i32 {
  return remaining >= 4 ? 4 : 1;
}

/** The floats of one step, a single one in lane 0. */
@inline
export function loadStep(source: usize, step: i32): v128 {
  return step == 4 ? v128.load(source) : v128.load32_zero(source);
}

/** Writes the floats of one step. */
@inline
export function storeStep(target: usize, v: v128, step: i32): void {
  if (step == 4) v128.store(target, v);
  else v128.store32_lane(target, v, 0);
}

/** min(max(v, lo), hi) in one instruction each; pmax(v, lo) is v < lo ? lo : v, so NaN stays NaN only with v first. */
@inline
export function clamp(v: v128, lo: v128, hi: v128): v128 {
  return f32x4.pmin(f32x4.pmax(v, lo), hi);
}

/** Lanes 0 and 1 as float64. */
@inline
export function lowDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

/** Lanes 2 and 3 as float64. */
@inline
export function highDoubles(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
}

/** The sum of the two float64 lanes. */
@inline
export function sumOfDoubles(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** Four rows as columns: `count` floats of each become f32[count][4]. */
@inline
export function interleaveFour(r0: usize, r1: usize, r2: usize, r3: usize, to: usize, count: i32): void {
  const end = r0 + (<usize>count << 2);
  const whole = r0 + (<usize>(count & ~3) << 2);
  for (; r0 < whole; r0 += 16) {
    transposeFour(v128.load(r0), v128.load(r1), v128.load(r2), v128.load(r3), to, 16);
    r1 += 16;
    r2 += 16;
    r3 += 16;
    to += 64;
  }
  for (; r0 < end; r0 += 4) {
    store<f32>(to, load<f32>(r0));
    store<f32>(to, load<f32>(r1), 4);
    store<f32>(to, load<f32>(r2), 8);
    store<f32>(to, load<f32>(r3), 12);
    r1 += 4;
    r2 += 4;
    r3 += 4;
    to += 16;
  }
}

/** Lane i of four vectors becomes vector i, written `step` bytes apart. */
@inline
export function transposeFour(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, step: usize): void {
  const low01 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
  to += step;
  v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3));
  to += step;
  v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2));
  to += step;
  v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3));
}
