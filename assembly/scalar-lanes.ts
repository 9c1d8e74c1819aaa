/** Functions without a vector form here: one lane at a time through the standard library. */

export function logOfLanes(x: v128): v128 {
  return f32x4(
    Mathf.log(f32x4.extract_lane(x, 0)),
    Mathf.log(f32x4.extract_lane(x, 1)),
    Mathf.log(f32x4.extract_lane(x, 2)),
    Mathf.log(f32x4.extract_lane(x, 3)),
  );
}

/** ln(1 + x). */
export function log1pOfLanes(x: v128): v128 {
  return f32x4(
    Mathf.log1p(f32x4.extract_lane(x, 0)),
    Mathf.log1p(f32x4.extract_lane(x, 1)),
    Mathf.log1p(f32x4.extract_lane(x, 2)),
    Mathf.log1p(f32x4.extract_lane(x, 3)),
  );
}

/** xᵉ, with the sign of an odd integer power of a negative base. */
export function powerOfLanes(x: v128, exponent: v128): v128 {
  return f32x4(
    Mathf.pow(f32x4.extract_lane(x, 0), f32x4.extract_lane(exponent, 0)),
    Mathf.pow(f32x4.extract_lane(x, 1), f32x4.extract_lane(exponent, 1)),
    Mathf.pow(f32x4.extract_lane(x, 2), f32x4.extract_lane(exponent, 2)),
    Mathf.pow(f32x4.extract_lane(x, 3), f32x4.extract_lane(exponent, 3)),
  );
}
