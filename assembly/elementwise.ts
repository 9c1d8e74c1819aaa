import { StridedGeometry } from "./geometry";
import { loadStep, stepOf, storeStep, transposeFour } from "./lanes";
import { logOfLanes, powerOfLanes, remainderOfLanes } from "./scalar-lanes";

/** The codes of `Binary` in src/wasm/kernels.ts. */
enum Binary {
  add,
  subtract,
  multiply,
  divide,
  maximum,
  minimum,
  ahead,
  power,
  powerByBase,
  powerByExponent,
  remainder,
  modulo,
  cut,
  floored,
  equal,
  greater,
  greaterOrEqual,
  and,
  or,
  xor,
  where,
  unless,
  prelu,
  preluSlope,
  preluBySlope,
}

/** Works through the two innermost loops of a record, from where the outer loops have brought the operands. */
type Plane = (a: usize, b: usize, y: usize, g: StridedGeometry) => void;

/** The outer loops; y is contiguous in loop order. */
function forEachPlane(work: Plane, a: usize, b: usize, y: usize, g: StridedGeometry): void {
  const planeBytes = <usize>(g.d4 * g.d5) << 2;
  for (let i0 = 0; i0 < g.d0; i0++)
    for (let i1 = 0; i1 < g.d1; i1++)
      for (let i2 = 0; i2 < g.d2; i2++)
        for (let i3 = 0; i3 < g.d3; i3++) {
          const atA = <usize>(i0 * g.a0 + i1 * g.a1 + i2 * g.a2 + i3 * g.a3) << 2;
          const atB = <usize>(i0 * g.b0 + i1 * g.b1 + i2 * g.b2 + i3 * g.b3) << 2;
          work(a + atA, b + atB, y, g);
          y += planeBytes;
        }
}

/**
 * y = a ∘ b with broadcasting, y contiguous in loop order.
 *
 * @param a  f32, addressed by the strides a0…a5; a5 is 0 or 1
 * @param b  f32, addressed by the strides b0…b5; b5 is 0 or 1
 * @param y  f32[d0][d1][d2][d3][d4][d5]
 */
export function binary(kind: i32, a: usize, b: usize, y: usize, g: StridedGeometry): void {
  switch (kind) {
    case Binary.add: return forEachPlane(sums, a, b, y, g);
    case Binary.subtract: return forEachPlane(differences, a, b, y, g);
    case Binary.multiply: return forEachPlane(products, a, b, y, g);
    case Binary.divide: return forEachPlane(quotients, a, b, y, g);
  }
  seldom = kind;
  forEachPlane(others, a, b, y, g);
}

function sums(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  combine<Sum>(a, b, y, g);
}

function differences(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  combine<Difference>(a, b, y, g);
}

function products(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  combine<Product>(a, b, y, g);
}

function quotients(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  combine<Quotient>(a, b, y, g);
}

/** The function of `others`, which is chosen for every vector anew: one loop does for all that are seldom asked for. */
let seldom: i32 = 0;

function others(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  for (let rows = g.d4; rows > 0; rows--) {
    let pa = g.a5 ? a : spread(a, everywhere);
    let pb = g.b5 ? b : spread(b, everywhere + 64);
    for (let count = g.d5, step = 0; count > 0; count -= step) {
      step = stepOf(count);
      storeStep(y, combined(seldom, loadStep(pa, step), loadStep(pb, step)), step);
      pa += <usize>(step * g.a5) << 2;
      pb += <usize>(step * g.b5) << 2;
      y += <usize>step << 2;
    }
    a += <usize>g.a4 << 2;
    b += <usize>g.b4 << 2;
  }
}

function combined(kind: i32, a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (kind) {
    case Binary.maximum: return f32x4.max(a, b);
    case Binary.minimum: return f32x4.min(a, b);
    case Binary.ahead: return f32x4.mul(f32x4.splat(0.5), f32x4.add(holds(f32x4.gt(a, b)), holds(f32x4.ge(a, b))));
    case Binary.power: return powerOfLanes(a, b);
    case Binary.powerByBase: {
      // Where the exponent is 0 the power is 1 everywhere, at a base of 0 too.
      return v128.and(f32x4.mul(b, powerOfLanes(a, f32x4.sub(b, one))), f32x4.ne(b, zero));
    }
    case Binary.powerByExponent: return v128.and(f32x4.mul(powerOfLanes(a, b), logOfLanes(a)), f32x4.gt(a, zero));
    case Binary.remainder: return remainderOfLanes(a, b);
    case Binary.modulo: {
      // Where signs differ, one divisor further.
      const r = remainderOfLanes(a, b);
      const differs = v128.and(f32x4.ne(r, zero), v128.xor(f32x4.lt(r, zero), f32x4.lt(b, zero)));
      return f32x4.add(r, v128.and(b, differs));
    }
    case Binary.cut: return f32x4.neg(f32x4.trunc(f32x4.div(a, b)));
    case Binary.floored: return f32x4.neg(f32x4.floor(f32x4.div(a, b)));
    case Binary.equal: return holds(f32x4.eq(a, b));
    case Binary.greater: return holds(f32x4.gt(a, b));
    case Binary.greaterOrEqual: return holds(f32x4.ge(a, b));
    case Binary.and: return holds(v128.and(f32x4.ne(a, zero), f32x4.ne(b, zero)));
    case Binary.or: return holds(v128.or(f32x4.ne(a, zero), f32x4.ne(b, zero)));
    case Binary.xor: return holds(v128.xor(f32x4.ne(a, zero), f32x4.ne(b, zero)));
    case Binary.where: return v128.and(b, f32x4.ne(a, zero));
    case Binary.unless: return v128.and(b, f32x4.eq(a, zero));
    case Binary.prelu: return v128.bitselect(f32x4.mul(b, a), a, f32x4.lt(a, zero));
    case Binary.preluSlope: return v128.bitselect(one, b, f32x4.gt(a, zero));
    default: return f32x4.pmin(zero, a); // preluBySlope
  }
}

/** 1 where it is true, else 0. */
@inline
function holds(mask: v128): v128 {
  return v128.and(f32x4.splat(1), mask);
}

/** A broadcast operand is read from sixteen floats that hold it, again and again. */
const everywhere: usize = memory.data(128);

function spread(from: usize, to: usize): usize {
  const v = v128.load32_splat(from);
  v128.store(to, v);
  v128.store(to, v, 16);
  v128.store(to, v, 32);
  v128.store(to, v, 48);
  return to;
}

function combine<F>(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  const f = changetype<F>(0);
  for (let rows = g.d5 ? g.d4 : 0; rows > 0; rows--) {
    let pa = g.a5 ? a : spread(a, everywhere);
    let pb = g.b5 ? b : spread(b, everywhere + 64);
    let count = g.d5;
    for (; count >= 16; count -= 16) {
      v128.store(y, f.of(v128.load(pa), v128.load(pb)));
      v128.store(y, f.of(v128.load(pa, 16), v128.load(pb, 16)), 16);
      v128.store(y, f.of(v128.load(pa, 32), v128.load(pb, 32)), 32);
      v128.store(y, f.of(v128.load(pa, 48), v128.load(pb, 48)), 48);
      pa += <usize>g.a5 << 6;
      pb += <usize>g.b5 << 6;
      y += 64;
    }
    for (let step = 0; count > 0; count -= step) {
      step = stepOf(count);
      storeStep(y, f.of(loadStep(pa, step), loadStep(pb, step)), step);
      pa += <usize>(step * g.a5) << 2;
      pb += <usize>(step * g.b5) << 2;
      y += <usize>step << 2;
    }
    a += <usize>g.a4 << 2;
    b += <usize>g.b4 << 2;
  }
}

// Classes as in activation.ts.

class Sum {
  @inline
  of(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}

class Difference {
  @inline
  of(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
}

class Product {
  @inline
  of(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
}

class Quotient {
  @inline
  of(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
}

/**
 * b[…] = a[…], any strides in both.
 *
 * @param a  f32, addressed by the strides a0…a5
 * @param b  f32, addressed by the strides b0…b5
 */
export function copyStrided(a: usize, b: usize, g: StridedGeometry): void {
  forEachPlane(copyPlane, a, b, 0, g);
}

/**
 * b[…] += a[…], any strides in both; a stride of 0 in b reduces. Adjoint of broadcasting, and of `copyStrided` with a
 * and b exchanged.
 *
 * @param a  f32, addressed by the strides a0…a5
 * @param b  f32, addressed by the strides b0…b5; added to
 */
export function addStrided(a: usize, b: usize, g: StridedGeometry): void {
  forEachPlane(addPlane, a, b, 0, g);
}

function copyPlane(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  if (g.a4 == 1 && g.b5 == 1 && g.d4 >= 4 && g.d5 >= 4) return turnPlane(a, b, g);
  const stepA = <usize>g.a5 << 2;
  const stepB = <usize>g.b5 << 2;
  for (let rows = g.d4; rows > 0; rows--) {
    if (stepA == 4 && stepB == 4) {
      copyRow(a, b, g.d5);
    } else {
      let from = a;
      let to = b;
      for (let count = g.d5; count > 0; count--) {
        store<f32>(to, load<f32>(from));
        from += stepA;
        to += stepB;
      }
    }
    a += <usize>g.a4 << 2;
    b += <usize>g.b4 << 2;
  }
}

/** Rows become columns, in squares of four; the last ones of a row and a column are copied again where they are not whole. */
function turnPlane(a: usize, b: usize, g: StridedGeometry): void {
  const stepA = <usize>g.a5 << 2;
  const stepB = <usize>g.b4 << 2;
  for (let row = 0; row < g.d4; row += 4) {
    const i = min(row, g.d4 - 4);
    const from = a + (<usize>i << 2);
    const to = b + <usize>i * stepB;
    for (let column = 0; column < g.d5; column += 4) {
      const j = min(column, g.d5 - 4);
      let at = from + <usize>j * stepA;
      const r0 = v128.load(at);
      at += stepA;
      const r1 = v128.load(at);
      at += stepA;
      const r2 = v128.load(at);
      transposeFour(r0, r1, r2, v128.load(at + stepA), to + (<usize>j << 2), stepB);
    }
  }
}

function addPlane(a: usize, b: usize, y: usize, g: StridedGeometry): void {
  const stepA = <usize>g.a5 << 2;
  const stepB = <usize>g.b5 << 2;
  for (let rows = g.d4; rows > 0; rows--) {
    if (stepA == 4 && stepB == 4) {
      add(a, b, g.d5);
    } else {
      let from = a;
      let to = b;
      // A reduction along the row keeps its sum in float64 and rounds once.
      let sum: f64 = 0;
      for (let count = g.d5; count > 0; count--) {
        if (stepB) store<f32>(to, load<f32>(to) + load<f32>(from));
        else sum += <f64>load<f32>(from);
        from += stepA;
        to += stepB;
      }
      if (!stepB) store<f32>(b, <f32>(<f64>load<f32>(b) + sum));
    }
    a += <usize>g.a4 << 2;
    b += <usize>g.b4 << 2;
  }
}

/**
 * y += x.
 *
 * @param x  f32[count]
 * @param y  f32[count]; added to
 */
export function add(x: usize, y: usize, count: i32): void {
  for (; count >= 16; count -= 16) {
    v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
    v128.store(y, f32x4.add(v128.load(y, 16), v128.load(x, 16)), 16);
    v128.store(y, f32x4.add(v128.load(y, 32), v128.load(x, 32)), 32);
    v128.store(y, f32x4.add(v128.load(y, 48), v128.load(x, 48)), 48);
    x += 64;
    y += 64;
  }
  for (let step = 0; count > 0; count -= step) {
    step = stepOf(count);
    storeStep(y, f32x4.add(loadStep(y, step), loadStep(x, step)), step);
    x += <usize>step << 2;
    y += <usize>step << 2;
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
 * y[p][c] = x[p][c]·factor[c] + shift[c]; its own adjoint without the shift.
 *
 * @param x       f32[pixels][channels]
 * @param factor  f32[channels]
 * @param shift   f32[channels], or 0 for none
 * @param y       f32[pixels][channels]; may be x
 */
export function scaleShift(x: usize, factor: usize, shift: usize, y: usize, pixels: i32, channels: i32): void {
  const pixelBytes = <usize>channels << 2;
  const whole = <usize>(channels & ~3) << 2;
  for (; pixels > 0; pixels--) {
    let at: usize = 0;
    for (; at < whole; at += 16) {
      let v = f32x4.mul(v128.load(x + at), v128.load(factor + at));
      if (shift) v = f32x4.add(v, v128.load(shift + at));
      v128.store(y + at, v);
    }
    for (; at < pixelBytes; at += 4) {
      let v = load<f32>(x + at) * load<f32>(factor + at);
      if (shift) v += load<f32>(shift + at);
      store<f32>(y + at, v);
    }
    x += pixelBytes;
    y += pixelBytes;
  }
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
