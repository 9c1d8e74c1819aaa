import { convolvePanel } from "./conv";
import { Col2imGeometry } from "./geometry";
import { zeros } from "./lanes";

/**
 * Input gradient of a convolution with few input channels, as a GEMM followed by a scatter:
 *
 *   columns[p][(ky, kx, c)] = Σ_n dy[p][n] · w[n][ky][kx][c]
 *   dx[oy·strideH − padTop + ky·dilationH][ox·strideW − padLeft + kx·dilationW][c] += columns[oy, ox][(ky, kx, c)]
 *
 * The sub-pixel phases would fill only `channels` of the eight output channels of a tile; here the kernel fills them.
 *
 * @param dy       f32[samples][outH][outW][outChannels]
 * @param weight   f32[⌈N/8⌉][outChannels][8], N = kernelH·kernelW·channels
 * @param scratch  f32[blockRows·outW][⌈N/8⌉·8]
 * @param dx       f32[samples][height][width][channels]; zeroed here
 */
export function convBackwardFewChannels(dy: usize, weight: usize, scratch: usize, dx: usize, g: Col2imGeometry): void {
  const columns = g.kernelH * g.kernelW * g.channels;
  const panels = (columns + 7) >> 3;
  const columnBytes = <usize>panels << 5;
  const dyPixel = <usize>g.outChannels << 2;
  const dxImage = <usize>(g.height * g.width * g.channels) << 2;
  memory.fill(dx, 0, <usize>g.samples * dxImage);
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy += g.blockRows) {
      const rows = min(g.blockRows, g.outH - oy);
      const pixels = rows * g.outW;
      for (let i = 0; i < panels; i++) {
        // All eight lanes: scratch is as wide as the panels, and the padding of the panels is zero.
        convolvePanel(
          dy, 0, dyPixel, weight + <usize>i * (dyPixel << 3), zeros, scratch + (<usize>i << 5), 0, columnBytes,
          pixels, pixels, 8, zeros, 1, dyPixel, -Infinity, Infinity,
        );
      }
      let column = scratch;
      for (let r = oy; r < oy + rows; r++) {
        for (let ox = 0; ox < g.outW; ox++) {
          scatter(column, dx, r * g.strideH - g.padTop, ox * g.strideW - g.padLeft, g);
          column += columnBytes;
        }
      }
      dy += <usize>pixels * dyPixel;
    }
    dx += dxImage;
  }
}

/** Adds one column to the window of dx whose first element is (top, left), leaving out what falls into the padding. */
function scatter(column: usize, dx: usize, top: i32, left: i32, g: Col2imGeometry): void {
  const channels = g.channels;
  const whole = g.dilationW == 1 && left >= 0 && left + g.kernelW <= g.width;
  for (let ky = 0; ky < g.kernelH; ky++) {
    const iy = top + ky * g.dilationH;
    if (<u32>iy < <u32>g.height) {
      const row = iy * g.width;
      if (whole) {
        // Neighbouring kernel elements are neighbouring pixels: one run of kernelW·channels floats.
        addRun(column, dx + (<usize>((row + left) * channels) << 2), g.kernelW * channels);
      } else {
        for (let kx = 0; kx < g.kernelW; kx++) {
          const ix = left + kx * g.dilationW;
          if (<u32>ix < <u32>g.width) {
            addRun(column + (<usize>(kx * channels) << 2), dx + (<usize>((row + ix) * channels) << 2), channels);
          }
        }
      }
    }
    column += <usize>(g.kernelW * channels) << 2;
  }
}

/** Runs are short, and mostly not a multiple of four: 9 floats for a 3×3 kernel over RGB, 21 for 7×7. */
@inline
function addRun(from: usize, to: usize, count: i32): void {
  const end = to + (<usize>count << 2);
  for (; to + 16 <= end; to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    from += 4;
  }
}
