/** Sign and shifted magnitude of a half in a float; 2¹¹²; the half's exponent field; the float's exponent field. */
const bits: usize = memory.data<u32>([0x8fffe000, 0x77800000, 0x0f800000, 0x7f800000]);

/**
 * float16 bits → float32, exact for every input:
 *
 *   float = (half << 13, sign extended) · 2¹¹²
 *
 * re-biases the exponent and normalises subnormals in one multiplication. An exponent of all ones (infinity, NaN) is
 * set to all ones again afterwards; the payload of a NaN is kept.
 *
 * @param source       u16[count]
 * @param destination  f32[count]
 */
export function expandHalf(source: usize, destination: usize, count: i32): void {
  const kept = v128.load32_splat(bits);
  const scale = v128.load32_splat(bits, 4);
  const halfExponent = v128.load32_splat(bits, 8);
  const exponent = v128.load32_splat(bits, 12);
  for (; count >= 4; count -= 4) {
    v128.store(destination, expand(v128.load_ext<i16>(source), kept, scale, halfExponent, exponent));
    source += 8;
    destination += 16;
  }
  for (; count > 0; count--) {
    const half = i32x4.splat(<i32>load<i16>(source));
    v128.store32_lane(destination, expand(half, kept, scale, halfExponent, exponent), 0);
    source += 2;
    destination += 4;
  }
}

@inline
function expand(half: v128, kept: v128, scale: v128, halfExponent: v128, exponent: v128): v128 {
  const shifted = v128.and(i32x4.shl(half, 13), kept);
  const special = i32x4.eq(v128.and(shifted, halfExponent), halfExponent);
  return v128.or(f32x4.mul(shifted, scale), v128.and(special, exponent));
}
