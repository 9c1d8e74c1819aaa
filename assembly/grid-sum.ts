import { clamp, highDoubles, loadStep, lowDoubles, storeStep } from "./lanes";

/** What `gridSum` is told of three grids, f32 each, in this order. */
@unmanaged
class Grids {
  private constructor() {}
  stepA: f32;
  zeroA: f32;
  ratioA: f32; // stepA / step
  stepB: f32;
  zeroB: f32;
  ratioB: f32;
  fixed: f32; // what all sums have in common
  step: f32;
  zero: f32;
  low: f32; // the smallest and the largest integer
  high: f32;
}

/** a·b + c of float32, rounded once: the product is exact in float64, and hardly ever is the sum not. */
@inline
function fused(a: v128, b: f64, c: v128): v128 {
  const by = f64x2.splat(b);
  const low = f64x2.add(f64x2.mul(lowDoubles(a), by), lowDoubles(c));
  const high = f64x2.add(f64x2.mul(highDoubles(a), by), highDoubles(c));
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/**
 * The nearest number of a grid to the sum of two numbers of other grids, halves at the even integer, with the integers of all three and as
 * processors with fused arithmetic add them:
 *
 *   y = step·(clamp(round(A·ratioA + (B·ratioB + fixed)), low, high) − zero), A = round(a / stepA) + zeroA, B likewise
 *
 * @param a      f32[count], likewise b
 * @param y      f32[count]; may be a or b
 * @param grids  f32[11]
 */
export function gridSum(a: usize, b: usize, y: usize, count: i32, grids: usize): void {
  const g = changetype<Grids>(grids);
  const nothing = f32x4.splat(0);
  while (count > 0) {
    const step = count >= 4 ? 4 : 1;
    const first = f32x4.add(f32x4.nearest(f32x4.div(loadStep(a, step), f32x4.splat(g.stepA))), f32x4.splat(g.zeroA));
    const second = f32x4.add(f32x4.nearest(f32x4.div(loadStep(b, step), f32x4.splat(g.stepB))), f32x4.splat(g.zeroB));
    const sum = fused(first, g.ratioA, fused(second, g.ratioB, f32x4.splat(g.fixed)));
    const place = clamp(f32x4.nearest(sum), f32x4.splat(g.low), f32x4.splat(g.high));
    // No grid of integers has a negative zero.
    const by = f32x4.add(f32x4.sub(place, f32x4.splat(g.zero)), nothing);
    storeStep(y, f32x4.mul(by, f32x4.splat(g.step)), step);
    a += <usize>step << 2;
    b += <usize>step << 2;
    y += <usize>step << 2;
    count -= step;
  }
}
