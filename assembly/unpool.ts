import { PoolGeometry } from "./geometry";
import { loadStep, storeStep } from "./lanes";
import { areSwitchesWide, columnStep, forEachWindow, inputImageBytes, rowStep } from "./window";

/**
 * Adjoint of max pooling: dx[position(switch)] += dy; overlapping windows accumulate.
 *
 * @param dy        f32[samples][outH][outW][channels]
 * @param switches  of `maxPool`
 * @param dx        f32[samples][inH][inW][channels]; zeroed here
 */
export function maxPoolBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  memory.fill(dx, 0, <usize>g.samples * inputImageBytes(g));
  forEachWindow<Route<Add>>(dx, dy, switches, g);
}

/**
 * Unpooling: y[position(switch)] = x, zero elsewhere; where windows overlap, the last one in row-major order stays.
 *
 * @param x         f32[samples][outH][outW][channels]
 * @param switches  of `maxPool`
 * @param y         f32[samples][inH][inW][channels]; zeroed here
 */
export function maxUnpool(x: usize, switches: usize, y: usize, g: PoolGeometry): void {
  memory.fill(y, 0, <usize>g.samples * inputImageBytes(g));
  forEachWindow<Route<Put>>(y, x, switches, g);
}

/**
 * Adjoint of unpooling where windows do not overlap: dx = dy[position(switch)].
 *
 * @param dy        f32[samples][inH][inW][channels]
 * @param switches  of `maxPool`
 * @param dx        f32[samples][outH][outW][channels]
 */
export function maxUnpoolBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  forEachWindow<Route<Fetch>>(dy, dx, switches, g);
}

// What happens at the element a switch names, where `chosen` is all ones. Classes as in activation.ts.

/** full += pooled */
class Add {
  @inline
  meet(p: usize, pooled: v128, chosen: v128, step: i32): v128 {
    storeStep(p, f32x4.add(loadStep(p, step), v128.and(pooled, chosen)), step);
    return pooled;
  }
}

/** full = pooled */
class Put {
  @inline
  meet(p: usize, pooled: v128, chosen: v128, step: i32): v128 {
    storeStep(p, v128.bitselect(pooled, loadStep(p, step), chosen), step);
    return pooled;
  }
}

/** pooled = full */
class Fetch {
  @inline
  meet(p: usize, pooled: v128, chosen: v128, step: i32): v128 {
    return v128.bitselect(loadStep(p, step), pooled, chosen);
  }
}

/**
 * Visits every element of a window and acts where the switch names it. A scatter by address would be a scalar loop with a
 * division per value; masks cost no more than the pooling did. What a switch names outside the input is left out.
 */
class Route<F> {
  @inline
  visit(
    full: usize, pooled: usize, switches: usize, first: i32, rows: i32, columns: i32, count: i32, g: PoolGeometry,
  ): void {
    const f = changetype<F>(0);
    const fetches = idof<F>() == idof<Fetch>();
    const kernelW = g.kernelW;
    const columnBytes = columnStep(g);
    const rowBytes = rowStep(g);
    const wide = areSwitchesWide(g);
    const lastRow = first + rows * kernelW;
    let channels = g.channels;
    for (; channels >= 16; channels -= 16) {
      let v0 = f32x4.splat(0), v1 = v0, v2 = v0, v3 = v0;
      if (!fetches) {
        v0 = v128.load(pooled);
        v1 = v128.load(pooled, 16);
        v2 = v128.load(pooled, 32);
        v3 = v128.load(pooled, 48);
      }
      let low = v128.load(switches), high = low;
      if (wide) {
        high = v128.load(switches, 16);
      } else {
        high = i16x8.extend_high_i8x16_u(low);
        low = i16x8.extend_low_i8x16_u(low);
      }
      const i0 = i32x4.extend_low_i16x8_u(low), i1 = i32x4.extend_high_i16x8_u(low);
      const i2 = i32x4.extend_low_i16x8_u(high), i3 = i32x4.extend_high_i16x8_u(high);
      let row = full;
      for (let k = first; k < lastRow; k += kernelW) {
        let p = row;
        for (let j = k, rowEnd = k + columns; j < rowEnd; j++) {
          const here = i32x4.splat(j);
          v0 = f.meet(p, v0, i32x4.eq(i0, here), 4);
          v1 = f.meet(p + 16, v1, i32x4.eq(i1, here), 4);
          v2 = f.meet(p + 32, v2, i32x4.eq(i2, here), 4);
          v3 = f.meet(p + 48, v3, i32x4.eq(i3, here), 4);
          p += columnBytes;
        }
        row += rowBytes;
      }
      if (fetches) {
        v128.store(pooled, v0);
        v128.store(pooled, v1, 16);
        v128.store(pooled, v2, 32);
        v128.store(pooled, v3, 48);
      }
      full += 64;
      pooled += 64;
      switches += <usize>16 << <usize>wide;
    }
    // One float at a time.
    for (; channels > 0; channels--) {
      let v = fetches ? f32x4.splat(0) : v128.load32_zero(pooled);
      const i = i32x4.splat(wide ? <i32>load<u16>(switches) : <i32>load<u8>(switches));
      let row = full;
      for (let k = first; k < lastRow; k += kernelW) {
        let p = row;
        for (let j = k, rowEnd = k + columns; j < rowEnd; j++) {
          v = f.meet(p, v, i32x4.eq(i, i32x4.splat(j)), 1);
          p += columnBytes;
        }
        row += rowBytes;
      }
      if (fetches) v128.store32_lane(pooled, v, 0);
      full += 4;
      pooled += 4;
      switches += wide ? 2 : 1;
    }
  }
}
