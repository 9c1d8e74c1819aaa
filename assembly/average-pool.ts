import { PoolGeometry } from "./geometry";
import { loadStep, stepOf, storeStep } from "./lanes";
import { columnStep, forEachWindow, inputImageBytes, rowStep } from "./window";

/**
 * Average pooling: y[p][c] = Σ window / divisor. The divisor counts the real elements of the window (countIncludePad 0)
 * or the elements inside the padded input (countIncludePad 1); the latter is less than the whole window where rounding
 * up lets a window reach beyond the padding.
 *
 * @param x  f32[samples][inH][inW][channels]
 * @param y  f32[samples][outH][outW][channels]
 */
export function averagePool(x: usize, y: usize, g: PoolGeometry): void {
  forEachWindow<Average>(x, y, 0, g);
}

/**
 * Adjoint of average pooling: dx[every element of window p] += dy[p] / divisor(p).
 *
 * @param dy  f32[samples][outH][outW][channels]
 * @param dx  f32[samples][inH][inW][channels]; zeroed here
 */
export function averagePoolBackward(dy: usize, dx: usize, g: PoolGeometry): void {
  memory.fill(dx, 0, <usize>g.samples * inputImageBytes(g));
  forEachWindow<Share>(dx, dy, 0, g);
}

class Average {
  @inline
  visit(
    x: usize, y: usize, switches: usize, first: i32, rows: i32, columns: i32, count: i32, g: PoolGeometry,
  ): void {
    const columnBytes = columnStep(g);
    const rowBytes = rowStep(g);
    const divisor = f32x4.splat(<f32>count);
    let channels = g.channels;
    for (; channels >= 16; channels -= 16) {
      let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
      let row = x;
      for (let i = rows; i > 0; i--) {
        let p = row;
        for (let j = columns; j > 0; j--) {
          s0 = f32x4.add(s0, v128.load(p));
          s1 = f32x4.add(s1, v128.load(p, 16));
          s2 = f32x4.add(s2, v128.load(p, 32));
          s3 = f32x4.add(s3, v128.load(p, 48));
          p += columnBytes;
        }
        row += rowBytes;
      }
      v128.store(y, f32x4.div(s0, divisor));
      v128.store(y, f32x4.div(s1, divisor), 16);
      v128.store(y, f32x4.div(s2, divisor), 32);
      v128.store(y, f32x4.div(s3, divisor), 48);
      x += 64;
      y += 64;
    }
    for (let step = 0; channels > 0; channels -= step) {
      step = stepOf(channels);
      let sum = f32x4.splat(0);
      let row = x;
      for (let i = rows; i > 0; i--) {
        let p = row;
        for (let j = columns; j > 0; j--) {
          sum = f32x4.add(sum, loadStep(p, step));
          p += columnBytes;
        }
        row += rowBytes;
      }
      storeStep(y, f32x4.div(sum, divisor), step);
      x += <usize>step << 2;
      y += <usize>step << 2;
    }
  }
}

class Share {
  @inline
  visit(
    dx: usize, dy: usize, switches: usize, first: i32, rows: i32, columns: i32, count: i32, g: PoolGeometry,
  ): void {
    const columnBytes = columnStep(g);
    const rowBytes = rowStep(g);
    const divisor = f32x4.splat(<f32>count);
    let channels = g.channels;
    for (; channels >= 16; channels -= 16) {
      const s0 = f32x4.div(v128.load(dy), divisor);
      const s1 = f32x4.div(v128.load(dy, 16), divisor);
      const s2 = f32x4.div(v128.load(dy, 32), divisor);
      const s3 = f32x4.div(v128.load(dy, 48), divisor);
      let row = dx;
      for (let i = rows; i > 0; i--) {
        let p = row;
        for (let j = columns; j > 0; j--) {
          v128.store(p, f32x4.add(v128.load(p), s0));
          v128.store(p, f32x4.add(v128.load(p, 16), s1), 16);
          v128.store(p, f32x4.add(v128.load(p, 32), s2), 32);
          v128.store(p, f32x4.add(v128.load(p, 48), s3), 48);
          p += columnBytes;
        }
        row += rowBytes;
      }
      dx += 64;
      dy += 64;
    }
    for (let step = 0; channels > 0; channels -= step) {
      step = stepOf(channels);
      const share = f32x4.div(loadStep(dy, step), divisor);
      let row = dx;
      for (let i = rows; i > 0; i--) {
        let p = row;
        for (let j = columns; j > 0; j--) {
          storeStep(p, f32x4.add(loadStep(p, step), share), step);
          p += columnBytes;
        }
        row += rowBytes;
      }
      dx += <usize>step << 2;
      dy += <usize>step << 2;
    }
  }
}
