import { ResampleGeometry } from "./geometry";
import { loadStep, stepOf, storeStep } from "./lanes";
import { madd } from "./madd";

/**
 * Separable resampling: y[oy][ox][c] = Σ_i Σ_j wy[oy][i] · wx[ox][j] · x[iy[oy][i]][ix[ox][j]][c].
 *
 * @param x  f32[samples][inH][inW][channels]
 * @param y  f32[samples][outH][outW][channels]
 */
export function resample(x: usize, y: usize, g: ResampleGeometry): void {
  transfer(false, x, y, g);
}

/**
 * Adjoint of resampling: dx[iy[oy][i]][ix[ox][j]][c] += wy[oy][i] · wx[ox][j] · dy[oy][ox][c].
 *
 * @param dy  f32[samples][outH][outW][channels]
 * @param dx  f32[samples][inH][inW][channels]; zeroed here
 */
export function resampleBackward(dy: usize, dx: usize, g: ResampleGeometry): void {
  memory.fill(dx, 0, <usize>(g.samples * g.inH * g.inW * g.channels) << 2);
  transfer(true, dx, dy, g);
}

/** Both directions over the same taps: `source` is [inH][inW], `target` is [outH][outW]. */
function transfer(backward: bool, source: usize, target: usize, g: ResampleGeometry): void {
  const channels = g.channels;
  const rowBytes = <usize>(g.inW * channels) << 2;
  const tapYBytes = <usize>g.tapsY << 2;
  const tapXBytes = <usize>g.tapsX << 2;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const firstY = <usize>oy * tapYBytes;
      for (let ox = 0; ox < g.outW; ox++) {
        const firstX = <usize>ox * tapXBytes;
        for (let c = 0, step = 0; c < channels; c += step) {
          step = stepOf(channels - c);
          const plane = source + (<usize>c << 2);
          let value = backward ? loadStep(target, step) : f32x4.splat(0);
          for (let i = firstY; i < firstY + tapYBytes; i += 4) {
            const row = plane + <usize>load<i32>(g.indexY + i) * rowBytes;
            const wy = v128.load32_splat(g.weightY + i);
            for (let j = firstX; j < firstX + tapXBytes; j += 4) {
              const p = row + (<usize>(load<i32>(g.indexX + j) * channels) << 2);
              const w = f32x4.mul(wy, v128.load32_splat(g.weightX + j));
              const v = loadStep(p, step);
              if (backward) storeStep(p, madd(w, value, v), step);
              else value = madd(w, v, value);
            }
          }
          if (!backward) storeStep(target, value, step);
          target += <usize>step << 2;
        }
      }
    }
    source += <usize>g.inH * rowBytes;
  }
}
