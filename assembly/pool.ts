import { PoolGeometry } from "./geometry";
import { loadLanes, storeLanes } from "./lanes";
import { endInside, firstInside, inputImageBytes } from "./window";

/**
 * Max pooling: y[p][c] = max over the window; the switch is the offset ky·kernelW + kx of the first maximum.
 *
 * Padding never wins, it is not visited. NaN wins over every number, and a later NaN over an earlier one, as in
 * PyTorch.
 *
 * @param x         f32[samples][inH][inW][channels]
 * @param y         f32[samples][outH][outW][channels]
 * @param switches  u8[samples][outH][outW][channels]
 */
export function maxPool(x: usize, y: usize, switches: usize, g: PoolGeometry): void {
  maxPoolOf<u8>(x, y, switches, g);
}

/** `maxPool` with u16 switches, for windows of up to 65536 elements. */
export function maxPoolWide(x: usize, y: usize, switches: usize, g: PoolGeometry): void {
  maxPoolOf<u16>(x, y, switches, g);
}

function maxPoolOf<S>(x: usize, y: usize, switches: usize, g: PoolGeometry): void {
  const channels = g.channels;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const top = oy * g.strideH - g.padTop;
      const kyFirst = firstInside(top, g.dilationH);
      const kyEnd = endInside(top, g.dilationH, g.kernelH, g.inH);
      for (let ox = 0; ox < g.outW; ox++) {
        const left = ox * g.strideW - g.padLeft;
        const kxFirst = firstInside(left, g.dilationW);
        const kxEnd = endInside(left, g.dilationW, g.kernelW, g.inW);
        const iy = top + kyFirst * g.dilationH;
        const ix = left + kxFirst * g.dilationW;
        const corner = x + (<usize>((iy * g.inW + ix) * channels) << 2);
        maxOfSixteens<S>(corner, y, switches, kyFirst, kyEnd, kxFirst, kxEnd, g);
        let c = channels & ~15;
        for (; c < channels; c += 4) {
          const at = <usize>c << 2;
          const to = switches + <usize>c * sizeof<S>();
          maxOfFour<S>(corner + at, y + at, to, channels - c, kyFirst, kyEnd, kxFirst, kxEnd, g);
        }
        y += <usize>channels << 2;
        switches += <usize>channels * sizeof<S>();
      }
    }
    x += inputImageBytes(g);
  }
}

/**
 * A window whose first element inside the input is at `x`: all whole groups of sixteen channels.
 *
 * The loop ignores NaN and keeps sums instead, which any NaN turns into NaN (∞ − ∞ as well): such a group is done
 * again with care.
 */
function maxOfSixteens<S>(
  x: usize, y: usize, switches: usize, kyFirst: i32, kyEnd: i32, kxFirst: i32, kxEnd: i32, g: PoolGeometry,
): void {
  const kernelW = g.kernelW;
  const columnBytes = <usize>(g.dilationW * g.channels) << 2;
  const rowBytes = <usize>(g.dilationH * g.inW * g.channels) << 2;
  const first = kyFirst * kernelW + kxFirst;
  const columns = kxEnd - kxFirst;
  const lastRow = kyEnd * kernelW + kxFirst;
  for (const end = x + (<usize>(g.channels & ~15) << 2); x < end; x += 64) {
    let m0 = v128.load(x), m1 = v128.load(x, 16), m2 = v128.load(x, 32), m3 = v128.load(x, 48);
    let i0 = i32x4.splat(first), i1 = i0, i2 = i0, i3 = i0;
    let even = f32x4.splat(0), odd = even;
    let row = x;
    for (let k = first; k < lastRow; k += kernelW) {
      let p = row;
      for (let j = k, rowEnd = k + columns; j < rowEnd; j++) {
        // Offsets grow along the window: the maximum of 0 and `index` with the last one selects the better.
        const index = i32x4.splat(j);
        let v = v128.load(p);
        i0 = i32x4.max_s(i0, v128.and(f32x4.gt(v, m0), index));
        m0 = f32x4.pmax(m0, v);
        even = f32x4.add(even, v);
        v = v128.load(p, 16);
        i1 = i32x4.max_s(i1, v128.and(f32x4.gt(v, m1), index));
        m1 = f32x4.pmax(m1, v);
        odd = f32x4.add(odd, v);
        v = v128.load(p, 32);
        i2 = i32x4.max_s(i2, v128.and(f32x4.gt(v, m2), index));
        m2 = f32x4.pmax(m2, v);
        even = f32x4.add(even, v);
        v = v128.load(p, 48);
        i3 = i32x4.max_s(i3, v128.and(f32x4.gt(v, m3), index));
        m3 = f32x4.pmax(m3, v);
        odd = f32x4.add(odd, v);
        p += columnBytes;
      }
      row += rowBytes;
    }
    const sum = f32x4.add(even, odd);
    if (v128.any_true(f32x4.ne(sum, sum))) {
      for (let c: usize = 0; c < 16; c += 4) {
        const at = c << 2;
        maxOfFour<S>(x + at, y + at, switches + c * sizeof<S>(), 4, kyFirst, kyEnd, kxFirst, kxEnd, g);
      }
    } else {
      v128.store(y, m0);
      v128.store(y, m1, 16);
      v128.store(y, m2, 32);
      v128.store(y, m3, 48);
      const low = i16x8.narrow_i32x4_u(i0, i1);
      const high = i16x8.narrow_i32x4_u(i2, i3);
      if (sizeof<S>() == 1) {
        v128.store(switches, i8x16.narrow_i16x8_u(low, high));
      } else {
        v128.store(switches, low);
        v128.store(switches, high, 16);
      }
    }
    y += 64;
    switches += 16 * sizeof<S>();
  }
}

/** x > best, or x is NaN. Strict: ties keep the first maximum. */
@inline
function wins(x: v128, best: v128): v128 {
  return v128.or(f32x4.gt(x, best), f32x4.ne(x, x));
}

/** The same for up to four channels, NaN included. */
function maxOfFour<S>(
  x: usize, y: usize, switches: usize, lanes: i32,
  kyFirst: i32, kyEnd: i32, kxFirst: i32, kxEnd: i32, g: PoolGeometry,
): void {
  const columnBytes = <usize>(g.dilationW * g.channels) << 2;
  const rowBytes = <usize>(g.dilationH * g.inW * g.channels) << 2;
  let best = loadLanes(x, lanes);
  let index = i32x4.splat(kyFirst * g.kernelW + kxFirst);
  for (let ky = kyFirst; ky < kyEnd; ky++) {
    let p = x;
    for (let k = ky * g.kernelW + kxFirst, end = ky * g.kernelW + kxEnd; k < end; k++) {
      const v = loadLanes(p, lanes);
      const better = wins(v, best);
      best = v128.bitselect(v, best, better);
      index = v128.bitselect(i32x4.splat(k), index, better);
      p += columnBytes;
    }
    x += rowBytes;
  }
  storeLanes(y, best, lanes);
  store<S>(switches, <S>i32x4.extract_lane(index, 0));
  if (lanes > 1) store<S>(switches + sizeof<S>(), <S>i32x4.extract_lane(index, 1));
  if (lanes > 2) store<S>(switches + 2 * sizeof<S>(), <S>i32x4.extract_lane(index, 2));
  if (lanes > 3) store<S>(switches + 3 * sizeof<S>(), <S>i32x4.extract_lane(index, 3));
}
