import { tile, tileAtStrideOne, tileAtStrideTwo } from "./depthwise-tiles";
import { DepthwiseGeometry } from "./geometry";
import { clamp, loadLanes, storeLanes, zeros } from "./lanes";
import { madd } from "./madd";
import { endInside, firstInside } from "./window";

/**
 * Depthwise convolution, channels last:
 *
 *   y[oy][ox][c] = clamp(bias[c] + Σ_ky Σ_kx x[oy·strideH + top + ky·dilationH][ox·strideW + left + kx·dilationW][c] · w[ky][kx][c])
 *
 * Elements outside x count as zero and are not read. The sum runs in the order of the kernel elements, bias last. Where
 * the kernel's columns lie inside x, tiles of 4 pixels of a row × 4 channels; elsewhere pixel by pixel, 16 channels at a time.
 *
 * @param x       f32[samples][inH][inW][channels]
 * @param weight  f32[kernelH][kernelW][channels]
 * @param bias    f32[channels], or 0 for none
 * @param y       f32
 */
export function depthwise(x: usize, weight: usize, bias: usize, y: usize, g: DepthwiseGeometry): void {
  const channelBytes = <usize>g.channels << 2;
  const xRow = <usize>g.inW * channelBytes;
  const yPixel = <usize>g.yPixel << 2;
  const tileStep = <usize>g.strideW * channelBytes;
  // Columns from `begin` to `end` see the whole width of the kernel.
  const begin = min(max((g.strideW - 1 - g.left) / g.strideW, 0), g.outW);
  const beyond = g.inW - g.left - (g.kernelW - 1) * g.dilationW - 1 + g.strideW;
  const end = max(min(beyond / g.strideW, g.outW), begin);
  const tiled = g.kernelW && end - begin >= 4;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const top = oy * g.strideH + g.top;
      const kyFirst = firstInside(top, g.dilationH);
      const rows = max(endInside(top, g.dilationH, g.kernelH, g.inH) - kyFirst, 0);
      const row = x + <usize>(top + kyFirst * g.dilationH) * xRow;
      const rowWeight = weight + <usize>(kyFirst * g.kernelW) * channelBytes;
      const out = y + (<usize>(sample * g.ySample + oy * g.yRow) << 2);
      let first = 0; // channels that the tiles do not cover
      for (let ox = 0; ox < g.outW; ox++) {
        if (tiled && ox >= begin && ox < end) {
          if ((ox - begin & 3) == 0) {
            // The last tile overlaps its neighbour and stores the same values again.
            const column = min(ox, end - 4);
            const at = row + <usize>(column * g.strideW + g.left) * channelBytes;
            const to = out + <usize>column * yPixel;
            if (g.kernelW == 3 && g.strideW == g.dilationW) tileAtStrideOne(at, rowWeight, bias, to, rows, g);
            else if (g.kernelW == 3 && g.strideW == g.dilationW << 1) tileAtStrideTwo(at, rowWeight, bias, to, rows, g);
            else tile(at, rowWeight, bias, to, rows, tileStep, g);
          }
          first = g.channels & ~3;
        } else {
          first = 0;
        }
        if (first < g.channels) {
          const left = ox * g.strideW + g.left;
          const kxFirst = firstInside(left, g.dilationW);
          const columns = max(endInside(left, g.dilationW, g.kernelW, g.inW) - kxFirst, 0);
          const at = row + <usize>(left + kxFirst * g.dilationW) * channelBytes;
          const w = rowWeight + <usize>kxFirst * channelBytes;
          pixel(first, at, w, bias, out + <usize>ox * yPixel, rows, columns, g);
        }
      }
    }
    x += <usize>g.inH * xRow;
  }
}

/** One pixel × the channels from c on, with what is inside x of any kernel. */
function pixel(
  c: i32, x: usize, weight: usize, bias: usize, y: usize, rows: i32, columns: i32, g: DepthwiseGeometry,
): void {
  const channelBytes = <usize>g.channels << 2;
  const weightRow = <usize>g.kernelW * channelBytes;
  const tapRow = <usize>(g.dilationH * g.inW) * channelBytes;
  const tapPixel = <usize>g.dilationW * channelBytes;
  const columnBytes = <usize>columns * channelBytes;
  const lower = f32x4.splat(g.lo), upper = f32x4.splat(g.hi);
  let at = <usize>c << 2;
  for (; at + 64 <= channelBytes; at += 64) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let row = x + at;
    let weights = weight + at;
    for (let ky = rows; ky > 0; ky--) {
      let p = row;
      for (let w = weights, end = weights + columnBytes; w < end; w += channelBytes) {
        s0 = madd(v128.load(p), v128.load(w), s0);
        s1 = madd(v128.load(p, 16), v128.load(w, 16), s1);
        s2 = madd(v128.load(p, 32), v128.load(w, 32), s2);
        s3 = madd(v128.load(p, 48), v128.load(w, 48), s3);
        p += tapPixel;
      }
      row += tapRow;
      weights += weightRow;
    }
    const b = bias ? bias + at : zeros;
    v128.store(y + at, clamp(f32x4.add(s0, v128.load(b)), lower, upper));
    v128.store(y + at, clamp(f32x4.add(s1, v128.load(b, 16)), lower, upper), 16);
    v128.store(y + at, clamp(f32x4.add(s2, v128.load(b, 32)), lower, upper), 32);
    v128.store(y + at, clamp(f32x4.add(s3, v128.load(b, 48)), lower, upper), 48);
  }
  const lanes = g.channels;
  for (; at < channelBytes; at += 16) {
    // The last vector overlaps the one before it and stores the same values again; only up to three channels are a part.
    if (lanes >= 4) at = min(at, channelBytes - 16);
    let s = f32x4.splat(0);
    let row = x + at;
    let weights = weight + at;
    for (let ky = rows; ky > 0; ky--) {
      let p = row;
      for (let w = weights, end = weights + columnBytes; w < end; w += channelBytes) {
        s = madd(loadLanes(p, lanes), loadLanes(w, lanes), s);
        p += tapPixel;
      }
      row += tapRow;
      weights += weightRow;
    }
    storeLanes(y + at, clamp(f32x4.add(s, bias ? loadLanes(bias + at, lanes) : v128.load(zeros)), lower, upper), lanes);
  }
}
