import { PoolGeometry } from "./geometry";
import { loadLanes, storeLanes } from "./lanes";
import { endInside, firstInside, inputImageBytes } from "./window";

/**
 * Average pooling: y[p][c] = Σ window / divisor. The divisor counts the real elements of the window (countIncludePad 0)
 * or the elements inside the padded input (countIncludePad 1); the latter is less than the whole window where rounding
 * up lets a window reach beyond the padding.
 *
 * @param x  f32[samples][inH][inW][channels]
 * @param y  f32[samples][outH][outW][channels]
 */
export function averagePool(x: usize, y: usize, g: PoolGeometry): void {
  average(false, x, y, g);
}

/**
 * Adjoint of average pooling: dx[every element of window p] += dy[p] / divisor(p).
 *
 * @param dy  f32[samples][outH][outW][channels]
 * @param dx  f32[samples][inH][inW][channels]; zeroed here
 */
export function averagePoolBackward(dy: usize, dx: usize, g: PoolGeometry): void {
  memory.fill(dx, 0, <usize>g.samples * inputImageBytes(g));
  average(true, dx, dy, g);
}

/** Both directions over the same windows: `full` is [inH][inW], `pooled` is [outH][outW]. */
@inline
function average(backward: bool, full: usize, pooled: usize, g: PoolGeometry): void {
  const channels = g.channels;
  const columnBytes = <usize>(g.dilationW * channels) << 2;
  const rowBytes = <usize>(g.dilationH * g.inW * channels) << 2;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const top = oy * g.strideH - g.padTop;
      const kyFirst = firstInside(top, g.dilationH);
      const kyEnd = endInside(top, g.dilationH, g.kernelH, g.inH);
      const countY = g.countIncludePad ? endInside(top, g.dilationH, g.kernelH, g.inH + g.padBottom) : kyEnd - kyFirst;
      for (let ox = 0; ox < g.outW; ox++) {
        const left = ox * g.strideW - g.padLeft;
        const kxFirst = firstInside(left, g.dilationW);
        const kxEnd = endInside(left, g.dilationW, g.kernelW, g.inW);
        const paddedW = g.inW + g.padRight;
        const countX = g.countIncludePad ? endInside(left, g.dilationW, g.kernelW, paddedW) : kxEnd - kxFirst;
        const divisor = f32x4.splat(<f32>(countY * countX));
        const iy = top + kyFirst * g.dilationH;
        const ix = left + kxFirst * g.dilationW;
        const corner = full + (<usize>((iy * g.inW + ix) * channels) << 2);
        let c = 0;
        for (; c + 16 <= channels; c += 16) {
          let v0 = f32x4.splat(0), v1 = v0, v2 = v0, v3 = v0;
          if (backward) {
            v0 = f32x4.div(v128.load(pooled), divisor);
            v1 = f32x4.div(v128.load(pooled, 16), divisor);
            v2 = f32x4.div(v128.load(pooled, 32), divisor);
            v3 = f32x4.div(v128.load(pooled, 48), divisor);
          }
          let row = corner + (<usize>c << 2);
          for (let ky = kyFirst; ky < kyEnd; ky++) {
            let p = row;
            for (let kx = kxFirst; kx < kxEnd; kx++) {
              v0 = meet(backward, p, v0, 4);
              v1 = meet(backward, p + 16, v1, 4);
              v2 = meet(backward, p + 32, v2, 4);
              v3 = meet(backward, p + 48, v3, 4);
              p += columnBytes;
            }
            row += rowBytes;
          }
          if (!backward) {
            v128.store(pooled, f32x4.div(v0, divisor));
            v128.store(pooled, f32x4.div(v1, divisor), 16);
            v128.store(pooled, f32x4.div(v2, divisor), 32);
            v128.store(pooled, f32x4.div(v3, divisor), 48);
          }
          pooled += 64;
        }
        for (; c < channels; c += 4) {
          const lanes = channels - c;
          let v = backward ? f32x4.div(loadLanes(pooled, lanes), divisor) : f32x4.splat(0);
          let row = corner + (<usize>c << 2);
          for (let ky = kyFirst; ky < kyEnd; ky++) {
            let p = row;
            for (let kx = kxFirst; kx < kxEnd; kx++) {
              v = meet(backward, p, v, lanes);
              p += columnBytes;
            }
            row += rowBytes;
          }
          if (!backward) storeLanes(pooled, f32x4.div(v, divisor), lanes);
          pooled += <usize>min(lanes, 4) << 2;
        }
      }
    }
    full += inputImageBytes(g);
  }
}

/** One element of the window: forward adds it to the sum, backward adds the share to it. Returns the pooled value. */
@inline
function meet(backward: bool, p: usize, pooled: v128, lanes: i32): v128 {
  const sum = f32x4.add(pooled, loadLanes(p, lanes));
  if (!backward) return sum;
  storeLanes(p, sum, lanes);
  return pooled;
}
