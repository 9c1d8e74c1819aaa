import { StridedGeometry } from "./geometry";
import { highDoubles, loadLanes, lowDoubles, storeLanes, sumOfDoubles } from "./lanes";
import { powerOfLanes } from "./scalar-lanes";

/** The codes of `Binary` in src/wasm/kernels.ts. */
enum Binary {
  add,
  subtract,
  multiply,
  divide,
  maximum,
  minimum,
  power,
}

/** What a strided copy does with what is there. */
enum Store {
  overwrite,
  accumulate,
}

/**
 * y = a ∘ b with broadcasting, y contiguous in loop order. NaN in either operand of maximum and minimum gives NaN.
 *
 * @param a  f32, addressed by the strides a0…a5; a5 is 0 or 1
 * @param b  f32, addressed by the strides b0…b5; b5 is 0 or 1
 * @param y  f32[d0][d1][d2][d3][d4][d5]
 */
export function binary(kind: i32, a: usize, b: usize, y: usize, g: StridedGeometry): void {
  const rowBytes = <usize>g.d5 << 2;
  if (!rowBytes) return;
  for (let i0 = 0; i0 < g.d0; i0++)
    for (let i1 = 0; i1 < g.d1; i1++)
      for (let i2 = 0; i2 < g.d2; i2++)
        for (let i3 = 0; i3 < g.d3; i3++) {
          let pa = a + (<usize>(i0 * g.a0 + i1 * g.a1 + i2 * g.a2 + i3 * g.a3) << 2);
          let pb = b + (<usize>(i0 * g.b0 + i1 * g.b1 + i2 * g.b2 + i3 * g.b3) << 2);
          for (let i4 = 0; i4 < g.d4; i4++) {
            switch (kind) {
              case Binary.add: row(Binary.add, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.subtract: row(Binary.subtract, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.multiply: row(Binary.multiply, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.divide: row(Binary.divide, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.maximum: row(Binary.maximum, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.minimum: row(Binary.minimum, pa, g.a5, pb, g.b5, y, g.d5); break;
              case Binary.power: row(Binary.power, pa, g.a5, pb, g.b5, y, g.d5); break;
            }
            pa += <usize>g.a4 << 2;
            pb += <usize>g.b4 << 2;
            y += rowBytes;
          }
        }
}

/** A broadcast operand is read from a vector that holds it four times, again and again. */
const everywhere: usize = memory.data(32);

@inline
function row(kind: i32, a: usize, strideA: i32, b: usize, strideB: i32, y: usize, count: i32): void {
  const stepA = <usize>strideA << 4;
  const stepB = <usize>strideB << 4;
  if (!strideA) {
    v128.store(everywhere, v128.load32_splat(a));
    a = everywhere;
  }
  if (!strideB) {
    v128.store(everywhere, v128.load32_splat(b), 16);
    b = everywhere + 16;
  }
  if (kind != Binary.power) {
    for (; count >= 8; count -= 8) {
      v128.store(y, combine(kind, v128.load(a), v128.load(b)));
      a += stepA;
      b += stepB;
      v128.store(y, combine(kind, v128.load(a), v128.load(b)), 16);
      a += stepA;
      b += stepB;
      y += 32;
    }
  }
  for (; count > 0; count -= 4) {
    storeLanes(y, combine(kind, loadLanes(a, count), loadLanes(b, count)), count);
    a += stepA;
    b += stepB;
    y += 16;
  }
}

@inline
function combine(kind: i32, a: v128, b: v128): v128 {
  if (kind == Binary.add) return f32x4.add(a, b);
  if (kind == Binary.subtract) return f32x4.sub(a, b);
  if (kind == Binary.multiply) return f32x4.mul(a, b);
  if (kind == Binary.divide) return f32x4.div(a, b);
  if (kind == Binary.maximum) return f32x4.max(a, b);
  if (kind == Binary.minimum) return f32x4.min(a, b);
  return powerOfLanes(a, b);
}

/**
 * b[…] = a[…], any strides in both.
 *
 * @param a  f32, addressed by the strides a0…a5
 * @param b  f32, addressed by the strides b0…b5
 */
export function copyStrided(a: usize, b: usize, g: StridedGeometry): void {
  visitRows(Store.overwrite, a, b, g);
}

/**
 * b[…] += a[…], any strides in both; a stride of 0 in b reduces. Adjoint of broadcasting, and of `copyStrided` with a
 * and b exchanged.
 *
 * @param a  f32, addressed by the strides a0…a5
 * @param b  f32, addressed by the strides b0…b5; added to
 */
export function addStrided(a: usize, b: usize, g: StridedGeometry): void {
  visitRows(Store.accumulate, a, b, g);
}

@inline
function visitRows(how: i32, a: usize, b: usize, g: StridedGeometry): void {
  for (let i0 = 0; i0 < g.d0; i0++)
    for (let i1 = 0; i1 < g.d1; i1++)
      for (let i2 = 0; i2 < g.d2; i2++)
        for (let i3 = 0; i3 < g.d3; i3++) {
          let pa = a + (<usize>(i0 * g.a0 + i1 * g.a1 + i2 * g.a2 + i3 * g.a3) << 2);
          let pb = b + (<usize>(i0 * g.b0 + i1 * g.b1 + i2 * g.b2 + i3 * g.b3) << 2);
          for (let i4 = 0; i4 < g.d4; i4++) {
            transferRow(how, pa, g.a5, pb, g.b5, g.d5);
            pa += <usize>g.a4 << 2;
            pb += <usize>g.b4 << 2;
          }
        }
}

@inline
function transferRow(how: i32, a: usize, strideA: i32, b: usize, strideB: i32, count: i32): void {
  if (strideA == 1 && strideB == 1) {
    // One times x is x, to the bit.
    return how == Store.accumulate ? addScaled(a, b, count, 1) : copyRow(a, b, count);
  }
  const stepA = <usize>strideA << 2;
  const stepB = <usize>strideB << 2;
  if (how == Store.accumulate && strideB == 0) {
    // A reduction along the row: its sum in float64, rounded once.
    let sum: f64 = 0;
    for (; count > 0; count--) {
      sum += <f64>load<f32>(a);
      a += stepA;
    }
    store<f32>(b, <f32>(<f64>load<f32>(b) + sum));
    return;
  }
  for (; count > 0; count--) {
    store<f32>(b, how == Store.accumulate ? load<f32>(b) + load<f32>(a) : load<f32>(a));
    a += stepA;
    b += stepB;
  }
}

/**
 * y += alpha · x.
 *
 * @param x  f32[count]
 * @param y  f32[count]; added to
 */
export function addScaled(x: usize, y: usize, count: i32, alpha: f32): void {
  const factor = f32x4.splat(alpha);
  for (; count >= 16; count -= 16) {
    v128.store(y, f32x4.add(v128.load(y), f32x4.mul(factor, v128.load(x))));
    v128.store(y, f32x4.add(v128.load(y, 16), f32x4.mul(factor, v128.load(x, 16))), 16);
    v128.store(y, f32x4.add(v128.load(y, 32), f32x4.mul(factor, v128.load(x, 32))), 32);
    v128.store(y, f32x4.add(v128.load(y, 48), f32x4.mul(factor, v128.load(x, 48))), 48);
    x += 64;
    y += 64;
  }
  for (; count > 0; count -= 4) {
    storeLanes(y, f32x4.add(loadLanes(y, count), f32x4.mul(factor, loadLanes(x, count))), count);
    x += 16;
    y += 16;
  }
}

/**
 * x[row][…] *= factors[row], every product in float64 and rounded once.
 *
 * @param x        f32[rows][length]
 * @param factors  f64[rows]
 */
export function scaleRows(x: usize, factors: usize, rows: i32, length: i32): void {
  const pairs = <usize>(length >> 1) << 3;
  for (; rows > 0; rows--) {
    const factor = v128.load64_splat(factors);
    factors += 8;
    for (const end = x + pairs; x < end; x += 8) {
      const product = f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(x)), factor);
      v128.store64_lane(x, f32x4.demote_f64x2_zero(product), 0);
    }
    if (length & 1) {
      store<f32>(x, <f32>(<f64>load<f32>(x) * f64x2.extract_lane(factor, 0)));
      x += 4;
    }
  }
}

/**
 * y = alpha · x.
 *
 * @param x  f32[count]
 * @param y  f32[count]; may be x
 */
export function scale(x: usize, y: usize, count: i32, alpha: f32): void {
  const factor = f32x4.splat(alpha);
  for (; count > 0; count -= 4) {
    storeLanes(y, f32x4.mul(factor, loadLanes(x, count)), count);
    x += 16;
    y += 16;
  }
}

/**
 * y[p][c] = x[p][c]·factor[c] + shift[c]; its own adjoint without the shift.
 *
 * @param x       f32[pixels][channels]
 * @param factor  f32[channels]
 * @param shift   f32[channels], or 0 for none
 * @param y       f32[pixels][channels]; may be x
 */
export function scaleShift(x: usize, factor: usize, shift: usize, y: usize, pixels: i32, channels: i32): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < channels; c += 4) {
      const lanes = channels - c;
      const at = <usize>c << 2;
      let v = f32x4.mul(loadLanes(x, lanes), loadLanes(factor + at, lanes));
      if (shift) v = f32x4.add(v, loadLanes(shift + at, lanes));
      storeLanes(y, v, lanes);
      const bytes = <usize>min(lanes, 4) << 2;
      x += bytes;
      y += bytes;
    }
  }
}

/**
 * Σ a[i]·b[i] in float64; the product of two floats is exact there.
 *
 * @param a  f32[count]
 * @param b  f32[count]
 */
export function dot(a: usize, b: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; count > 0; count -= 4) {
    const va = loadLanes(a, count);
    const vb = loadLanes(b, count);
    low = f64x2.add(low, f64x2.mul(lowDoubles(va), lowDoubles(vb)));
    high = f64x2.add(high, f64x2.mul(highDoubles(va), highDoubles(vb)));
    a += 16;
    b += 16;
  }
  return sumOfDoubles(f64x2.add(low, high));
}

/** Rows are mostly the channels of one pixel: shorter than what a call of `memory.copy` costs. */
@inline
function copyRow(from: usize, to: usize, count: i32): void {
  if (count > 1024) {
    memory.copy(to, from, <usize>count << 2);
    return;
  }
  const end = to + (<usize>count << 2);
  for (; to + 64 <= end; to += 64) {
    const a = v128.load(from), b = v128.load(from, 16), c = v128.load(from, 32), d = v128.load(from, 48);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
    from += 64;
  }
  for (; to + 16 <= end; to += 16) {
    v128.store(to, v128.load(from));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<f32>(to, load<f32>(from));
    from += 4;
  }
}

/**
 * Chooses channels: y[p][c] = x[p][order[c]].
 *
 * @param x      f32[pixels][channels]
 * @param order  u32[count], byte offset of each chosen channel inside a pixel
 * @param y      f32[pixels][count]
 */
export function gatherChannels(x: usize, order: usize, y: usize, pixels: i32, channels: i32, count: i32): void {
  const whole = order + (<usize>(count & ~3) << 2);
  const end = order + (<usize>count << 2);
  for (; pixels > 0; pixels--) {
    let at = order;
    for (; at < whole; at += 16) {
      let v = v128.load32_zero(x + <usize>load<u32>(at));
      v = v128.load32_lane(x + <usize>load<u32>(at, 4), v, 1);
      v = v128.load32_lane(x + <usize>load<u32>(at, 8), v, 2);
      v128.store(y, v128.load32_lane(x + <usize>load<u32>(at, 12), v, 3));
      y += 16;
    }
    for (; at < end; at += 4) {
      store<f32>(y, load<f32>(x + <usize>load<u32>(at)));
      y += 4;
    }
    x += <usize>channels << 2;
  }
}
