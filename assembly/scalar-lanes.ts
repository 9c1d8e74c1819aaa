import { logf_lut, powf_lut } from "util/math";

/**
 * Functions without a vector form here: one lane at a time through the standard library. Its logarithm and power with tables
 * are named, because `Mathf` takes slower and less exact ones where code is to be small.
 */

export function logOfLanes(x: v128): v128 {
  return f32x4(
    log(f32x4.extract_lane(x, 0)),
    log(f32x4.extract_lane(x, 1)),
    log(f32x4.extract_lane(x, 2)),
    log(f32x4.extract_lane(x, 3)),
  );
}

function log(x: f32): f32 {
  return logf_lut(x); // inlined wherever it is named
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

/** sin x, x in radians. */
export function sinOfLanes(x: v128): v128 {
  return f32x4(
    Mathf.sin(f32x4.extract_lane(x, 0)),
    Mathf.sin(f32x4.extract_lane(x, 1)),
    Mathf.sin(f32x4.extract_lane(x, 2)),
    Mathf.sin(f32x4.extract_lane(x, 3)),
  );
}

/** cos x, x in radians. */
export function cosOfLanes(x: v128): v128 {
  return f32x4(
    Mathf.cos(f32x4.extract_lane(x, 0)),
    Mathf.cos(f32x4.extract_lane(x, 1)),
    Mathf.cos(f32x4.extract_lane(x, 2)),
    Mathf.cos(f32x4.extract_lane(x, 3)),
  );
}

/** The remainder of a division whose quotient is cut to a whole number: it has the sign of the dividend. */
export function remainderOfLanes(a: v128, b: v128): v128 {
  return f32x4(
    Mathf.mod(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)),
    Mathf.mod(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)),
    Mathf.mod(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)),
    Mathf.mod(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)),
  );
}

/** xᵉ, with the sign of an odd integer power of a negative base. */
export function powerOfLanes(x: v128, exponent: v128): v128 {
  return f32x4(
    power(f32x4.extract_lane(x, 0), f32x4.extract_lane(exponent, 0)),
    power(f32x4.extract_lane(x, 1), f32x4.extract_lane(exponent, 1)),
    power(f32x4.extract_lane(x, 2), f32x4.extract_lane(exponent, 2)),
    power(f32x4.extract_lane(x, 3), f32x4.extract_lane(exponent, 3)),
  );
}

/** Exact where an exponent is frequent: squares, roots, reciprocals. */
function power(x: f32, exponent: f32): f32 {
  if (exponent == 2) return x * x;
  if (exponent == 1) return x;
  if (exponent == 0) return 1;
  if (exponent == -1) return 1 / x;
  if (exponent == 0.5) return x == -Infinity ? Infinity : abs(sqrt(x)); // the root of −0 is 0
  return powf_lut(x, exponent);
}
