import { DepthwiseGeometry } from "./geometry";
import { clamp, loadLanes, loadPart, storeLanes, zeros } from "./lanes";

/**
 * Depthwise convolution, channels last, on a zero-padded input:
 *
 *   y[p][c] = clamp(bias[c] + Σ_ky Σ_kx x[base(p) + ky·tapRow + kx·tapPixel + c] · w[ky][kx][c])
 *
 * Tiles of 4 pixels of a row × 4 channels; the sum runs in the order of the kernel elements, bias last.
 *
 * @param x       f32, read only at the addresses of the formula
 * @param weight  f32[kernelH][kernelW][channels]
 * @param bias    f32[channels], or 0 for none
 * @param y       f32
 */
export function depthwise(x: usize, weight: usize, bias: usize, y: usize, g: DepthwiseGeometry): void {
  const channels = g.channels;
  const xPixel = (<usize>g.xPixel) << 2;
  const yPixel = (<usize>g.yPixel) << 2;
  // Three columns at a stride of one tap: a tile's 12 elements of a kernel row are only 6 different pixels.
  const sharesColumns = g.kernelW == 3 && g.xPixel == g.tapPixel && g.outW >= 4;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const xRow = x + ((<usize>(sample * g.xSample + oy * g.xRow)) << 2);
      const yRow = y + ((<usize>(sample * g.ySample + oy * g.yRow)) << 2);
      for (let ox = 0; ox < g.outW; ox += 4) {
        let c = 0;
        if (sharesColumns) {
          // The last tile overlaps its neighbour and stores the same values again.
          const column = <usize>min(ox, g.outW - 4);
          tilesOfThree(xRow + column * xPixel, weight, bias, yRow + column * yPixel, g);
          c = channels & ~3;
        }
        const column = <usize>ox;
        tiles(c, xRow + column * xPixel, weight, bias, yRow + column * yPixel, g.outW - ox, g);
      }
    }
  }
}

/** Up to four pixels × the channels from c on, any kernel; missing pixels repeat the first one. */
function tiles(c: i32, x: usize, weight: usize, bias: usize, y: usize, pixels: i32, g: DepthwiseGeometry): void {
  const channels = g.channels;
  const kernelW = g.kernelW;
  const kernelH = g.kernelH;
  const channelBytes = <usize>channels << 2;
  const rowWeightBytes = <usize>kernelW * channelBytes;
  const tapRow = <usize>g.tapRow << 2;
  const tapPixel = <usize>g.tapPixel << 2;
  const xPixel = <usize>g.xPixel << 2;
  const yPixel = <usize>g.yPixel << 2;
  const to1: usize = pixels > 1 ? xPixel : 0;
  const to2: usize = pixels > 2 ? xPixel << 1 : 0;
  const to3: usize = pixels > 3 ? xPixel * 3 : 0;
  const lower = f32x4.splat(g.lo);
  const upper = f32x4.splat(g.hi);
  for (; c < channels; c += 4) {
    const at = <usize>c << 2;
    const lanes = channels - c;
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let row = x + at;
    let w = weight + at;
    for (let ky = kernelH; ky > 0; ky--) {
      let p = row;
      const end = w + rowWeightBytes;
      if (lanes >= 4) {
        for (; w < end; w += channelBytes) {
          const v = v128.load(w);
          s0 = f32x4.add(s0, f32x4.mul(v128.load(p), v));
          s1 = f32x4.add(s1, f32x4.mul(v128.load(p + to1), v));
          s2 = f32x4.add(s2, f32x4.mul(v128.load(p + to2), v));
          s3 = f32x4.add(s3, f32x4.mul(v128.load(p + to3), v));
          p += tapPixel;
        }
      } else {
        for (; w < end; w += channelBytes) {
          const v = loadPart(w, lanes);
          s0 = f32x4.add(s0, f32x4.mul(loadPart(p, lanes), v));
          s1 = f32x4.add(s1, f32x4.mul(loadPart(p + to1, lanes), v));
          s2 = f32x4.add(s2, f32x4.mul(loadPart(p + to2, lanes), v));
          s3 = f32x4.add(s3, f32x4.mul(loadPart(p + to3, lanes), v));
          p += tapPixel;
        }
      }
      row += tapRow;
    }
    const b = bias ? loadLanes(bias + at, lanes) : v128.load(zeros);
    let to = y + at;
    storeLanes(to, clamp(f32x4.add(s0, b), lower, upper), lanes);
    to += yPixel;
    if (pixels > 1) storeLanes(to, clamp(f32x4.add(s1, b), lower, upper), lanes);
    to += yPixel;
    if (pixels > 2) storeLanes(to, clamp(f32x4.add(s2, b), lower, upper), lanes);
    to += yPixel;
    if (pixels > 3) storeLanes(to, clamp(f32x4.add(s3, b), lower, upper), lanes);
  }
}

/**
 * Four pixels × all whole groups of four channels, for kernels three wide at stride = dilation: a pixel is loaded
 * once per
 * kernel row. The row of the kernel is a real loop; unrolled, its weights and pixels would not fit the registers.
 */
function tilesOfThree(x: usize, weight: usize, bias: usize, y: usize, g: DepthwiseGeometry): void {
  const channelBytes = <usize>g.channels << 2;
  const kernelBytes = <usize>(g.kernelH * 3) * channelBytes;
  const tapRow = <usize>g.tapRow << 2;
  const step = <usize>g.tapPixel << 2;
  const yPixel = <usize>g.yPixel << 2;
  const lower = f32x4.splat(g.lo);
  const upper = f32x4.splat(g.hi);
  const end = y + (channelBytes & ~15);
  const biasStep: usize = bias ? 16 : 0;
  if (!bias) bias = zeros;
  for (; y < end; y += 16) {
    let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
    let row = x;
    for (let w = weight, last = weight + kernelBytes; w < last; ) {
      const w0 = v128.load(w);
      w += channelBytes;
      const w1 = v128.load(w);
      w += channelBytes;
      const w2 = v128.load(w);
      w += channelBytes;
      let p = row;
      let v = v128.load(p);
      s0 = f32x4.add(s0, f32x4.mul(v, w0));
      p += step;
      v = v128.load(p);
      s0 = f32x4.add(s0, f32x4.mul(v, w1));
      s1 = f32x4.add(s1, f32x4.mul(v, w0));
      p += step;
      v = v128.load(p);
      s0 = f32x4.add(s0, f32x4.mul(v, w2));
      s1 = f32x4.add(s1, f32x4.mul(v, w1));
      s2 = f32x4.add(s2, f32x4.mul(v, w0));
      p += step;
      v = v128.load(p);
      s1 = f32x4.add(s1, f32x4.mul(v, w2));
      s2 = f32x4.add(s2, f32x4.mul(v, w1));
      s3 = f32x4.add(s3, f32x4.mul(v, w0));
      p += step;
      v = v128.load(p);
      s2 = f32x4.add(s2, f32x4.mul(v, w2));
      s3 = f32x4.add(s3, f32x4.mul(v, w1));
      p += step;
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p), w2));
      row += tapRow;
    }
    const b = v128.load(bias);
    v128.store(y, clamp(f32x4.add(s0, b), lower, upper));
    v128.store(y + yPixel, clamp(f32x4.add(s1, b), lower, upper));
    v128.store(y + 2 * yPixel, clamp(f32x4.add(s2, b), lower, upper));
    v128.store(y + 3 * yPixel, clamp(f32x4.add(s3, b), lower, upper));
    x += 16;
    weight += 16;
    bias += biasStep;
  }
}
