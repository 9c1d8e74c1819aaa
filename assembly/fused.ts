import { madd } from "./madd";

/** The exports of the fused module: those of the plain one, and the probe that says whether this engine fuses. */
export * from "./index";

/**
 * a + x·w as every kernel of this module computes it. With x = w = 1 + 2⁻¹² and a = −(1 + 2⁻¹¹) it is 2⁻²⁴ where the sum is
 * rounded once, and 0 where the product is rounded before.
 */
export function probe(x: f32, w: f32, a: f32): f32 {
  return f32x4.extract_lane(madd(f32x4.splat(x), f32x4.splat(w), f32x4.splat(a)), 0);
}
