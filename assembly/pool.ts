import { PoolGeometry } from "./geometry";
import { loadStep, stepOf, storeStep } from "./lanes";
import { areSwitchesWide, columnStep, forEachWindow, rowStep } from "./window";

/**
 * Max pooling: y[p][c] = max over the window; the switch is the offset ky·kernelW + kx of the first maximum.
 *
 * Padding never wins, it is not visited. NaN wins over every number, and a later NaN over an earlier one, as in
 * PyTorch.
 *
 * @param x         f32[samples][inH][inW][channels]
 * @param y         f32[samples][outH][outW][channels]
 * @param switches  u8[samples][outH][outW][channels], or u16 for windows of more than 256 elements
 */
export function maxPool(x: usize, y: usize, switches: usize, g: PoolGeometry): void {
  forEachWindow<Maximum>(x, y, switches, g);
}

class Maximum {
  @inline
  visit(
    x: usize, y: usize, switches: usize, first: i32, rows: i32, columns: i32, count: i32, g: PoolGeometry,
  ): void {
    if (g.channels < 16 || areSwitchesWide(g)) maxOfFours(x, y, switches, g.channels, first, rows, columns, g);
    else maxOfSixteens(x, y, switches, first, rows, columns, g);
  }
}

/**
 * Sixteen channels at a time, with switches of a byte; the last group overlaps the one before it and finds the same again.
 * The loop ignores NaN and keeps sums instead, which any NaN turns into NaN (∞ − ∞ as well): such a group is done again
 * with care.
 */
function maxOfSixteens(
  x: usize, y: usize, switches: usize, first: i32, rows: i32, columns: i32, g: PoolGeometry,
): void {
  const channels = g.channels;
  const kernelW = g.kernelW;
  const columnBytes = columnStep(g);
  const rowBytes = rowStep(g);
  const lastRow = first + rows * kernelW;
  for (let c = 16; ; c += 16) {
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
      maxOfFours(x, y, switches, 16, first, rows, columns, g);
    } else {
      v128.store(y, m0);
      v128.store(y, m1, 16);
      v128.store(y, m2, 32);
      v128.store(y, m3, 48);
      v128.store(switches, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(i0, i1), i16x8.narrow_i32x4_u(i2, i3)));
    }
    if (c >= channels) return;
    const step = <usize>min(channels - c, 16);
    x += step << 2;
    y += step << 2;
    switches += step;
  }
}

/** The same for `channels` from x on, four or one at a time, NaN included. */
function maxOfFours(
  x: usize, y: usize, switches: usize, channels: i32, first: i32, rows: i32, columns: i32, g: PoolGeometry,
): void {
  const kernelW = g.kernelW;
  const columnBytes = columnStep(g);
  const rowBytes = rowStep(g);
  const lastRow = first + rows * kernelW;
  for (let step = 0; channels > 0; channels -= step) {
    step = stepOf(channels);
    let best = loadStep(x, step);
    let index = i32x4.splat(first);
    let row = x;
    for (let k = first; k < lastRow; k += kernelW) {
      let p = row;
      for (let j = k, rowEnd = k + columns; j < rowEnd; j++) {
        const v = loadStep(p, step);
        const better = wins(v, best);
        best = v128.bitselect(v, best, better);
        index = v128.bitselect(i32x4.splat(j), index, better);
        p += columnBytes;
      }
      row += rowBytes;
    }
    storeStep(y, best, step);
    x += <usize>step << 2;
    y += <usize>step << 2;
    for (let lane = step; lane > 0; lane--) {
      const offset = i32x4.extract_lane(index, 0);
      if (areSwitchesWide(g)) {
        store<u16>(switches, <u16>offset);
        switches += 2;
      } else {
        store<u8>(switches, <u8>offset);
        switches++;
      }
      index = v128.shuffle<i32>(index, index, 1, 2, 3, 0);
    }
  }
}

/** x > best, or x is NaN. Strict: ties keep the first maximum. */
@inline
function wins(x: v128, best: v128): v128 {
  return v128.or(f32x4.gt(x, best), f32x4.ne(x, x));
}
