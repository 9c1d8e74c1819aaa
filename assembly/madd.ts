/**
 * The multiply–add of every kernel. Two modules are made of one source: in the plain one the product is rounded before it is
 * added, in the fused one (compiled with relaxed SIMD) the sum alone is rounded, where the processor can. Relaxed SIMD allows
 * engines either; `fused.ts` exports the probe that tells which.
 */

/** a + x·w. */
@inline
export function madd(x: v128, w: v128, a: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? v128.relaxed_madd<f32>(x, w, a) : f32x4.add(a, f32x4.mul(x, w));
}

/** a − x·w. */
@inline
export function nmadd(x: v128, w: v128, a: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? v128.relaxed_nmadd<f32>(x, w, a) : f32x4.sub(a, f32x4.mul(x, w));
}
