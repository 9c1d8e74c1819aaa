import { DepthwiseGeometry } from "./geometry";
import { clamp, zeros } from "./lanes";
import { madd } from "./madd";

/**
 * The tiles of `depthwise`: four neighbouring pixels of y that see the whole width of the kernel × all whole groups of four
 * channels.
 *
 * @param x       first element the first pixel sees
 * @param weight  f32[rows][kernelW][channels]
 * @param bias    f32[channels], or 0 for none
 * @param y       first pixel
 * @param rows    rows of the kernel that lie inside x
 */

/** Any kernel. */
export function tile(
  x: usize, weight: usize, bias: usize, y: usize, rows: i32, pixelStep: usize, g: DepthwiseGeometry,
): void {
  const channelBytes = <usize>g.channels << 2;
  const weightRow = <usize>g.kernelW * channelBytes;
  const tapRow = <usize>(g.dilationH * g.inW) * channelBytes;
  const tapPixel = <usize>g.dilationW * channelBytes;
  const yPixel = <usize>g.yPixel << 2;
  const end = y + (channelBytes & ~15);
  const biasStep: usize = bias ? 16 : 0;
  if (!bias) bias = zeros;
  for (; y < end; y += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let row = x;
    let w = weight;
    for (let ky = rows; ky > 0; ky--) {
      let p = row;
      for (const rowEnd = w + weightRow; w < rowEnd; w += channelBytes) {
        const v = v128.load(w);
        let q = p;
        s0 = madd(v128.load(q), v, s0);
        q += pixelStep;
        s1 = madd(v128.load(q), v, s1);
        q += pixelStep;
        s2 = madd(v128.load(q), v, s2);
        q += pixelStep;
        s3 = madd(v128.load(q), v, s3);
        p += tapPixel;
      }
      row += tapRow;
    }
    storeTile(y, yPixel, s0, s1, s2, s3, bias, g);
    x += 16;
    weight += 16;
    bias += biasStep;
  }
}

@inline
function storeTile(
  y: usize, yPixel: usize, s0: v128, s1: v128, s2: v128, s3: v128, bias: usize, g: DepthwiseGeometry,
): void {
  const b = v128.load(bias);
  const lower = v128.load32_splat(changetype<usize>(g), offsetof<DepthwiseGeometry>("lo"));
  const upper = v128.load32_splat(changetype<usize>(g), offsetof<DepthwiseGeometry>("hi"));
  v128.store(y, clamp(f32x4.add(s0, b), lower, upper));
  y += yPixel;
  v128.store(y, clamp(f32x4.add(s1, b), lower, upper));
  y += yPixel;
  v128.store(y, clamp(f32x4.add(s2, b), lower, upper));
  y += yPixel;
  v128.store(y, clamp(f32x4.add(s3, b), lower, upper));
}

/**
 * Kernels three wide at stride = dilation: the 12 elements of a kernel row are only 6 different pixels.
 * The row of the kernel is a real loop; unrolled, its weights and pixels would not fit the registers.
 */
export function tileAtStrideOne(x: usize, weight: usize, bias: usize, y: usize, rows: i32, g: DepthwiseGeometry): void {
  const channelBytes = <usize>g.channels << 2;
  const kernelBytes = <usize>(rows * 3) * channelBytes;
  const tapRow = <usize>(g.dilationH * g.inW) * channelBytes;
  const step = <usize>g.dilationW * channelBytes;
  const yPixel = <usize>g.yPixel << 2;
  const end = y + (channelBytes & ~15);
  const biasStep: usize = bias ? 16 : 0;
  if (!bias) bias = zeros;
  for (; y < end; y += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
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
      s0 = madd(v, w0, s0);
      p += step;
      v = v128.load(p);
      s0 = madd(v, w1, s0);
      s1 = madd(v, w0, s1);
      p += step;
      v = v128.load(p);
      s0 = madd(v, w2, s0);
      s1 = madd(v, w1, s1);
      s2 = madd(v, w0, s2);
      p += step;
      v = v128.load(p);
      s1 = madd(v, w2, s1);
      s2 = madd(v, w1, s2);
      s3 = madd(v, w0, s3);
      p += step;
      v = v128.load(p);
      s2 = madd(v, w2, s2);
      s3 = madd(v, w1, s3);
      p += step;
      s3 = madd(v128.load(p), w2, s3);
      row += tapRow;
    }
    storeTile(y, yPixel, s0, s1, s2, s3, bias, g);
    x += 16;
    weight += 16;
    bias += biasStep;
  }
}

/** Kernels three wide at stride = 2·dilation: 9 different pixels. */
export function tileAtStrideTwo(x: usize, weight: usize, bias: usize, y: usize, rows: i32, g: DepthwiseGeometry): void {
  const channelBytes = <usize>g.channels << 2;
  const kernelBytes = <usize>(rows * 3) * channelBytes;
  const tapRow = <usize>(g.dilationH * g.inW) * channelBytes;
  const step = <usize>g.dilationW * channelBytes;
  const yPixel = <usize>g.yPixel << 2;
  const end = y + (channelBytes & ~15);
  const biasStep: usize = bias ? 16 : 0;
  if (!bias) bias = zeros;
  for (; y < end; y += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let row = x;
    for (let w = weight, last = weight + kernelBytes; w < last; ) {
      const w0 = v128.load(w);
      w += channelBytes;
      const w1 = v128.load(w);
      w += channelBytes;
      const w2 = v128.load(w);
      w += channelBytes;
      let p = row;
      s0 = madd(v128.load(p), w0, s0);
      p += step;
      s0 = madd(v128.load(p), w1, s0);
      p += step;
      let v = v128.load(p);
      s0 = madd(v, w2, s0);
      s1 = madd(v, w0, s1);
      p += step;
      s1 = madd(v128.load(p), w1, s1);
      p += step;
      v = v128.load(p);
      s1 = madd(v, w2, s1);
      s2 = madd(v, w0, s2);
      p += step;
      s2 = madd(v128.load(p), w1, s2);
      p += step;
      v = v128.load(p);
      s2 = madd(v, w2, s2);
      s3 = madd(v, w0, s3);
      p += step;
      s3 = madd(v128.load(p), w1, s3);
      p += step;
      s3 = madd(v128.load(p), w2, s3);
      row += tapRow;
    }
    storeTile(y, yPixel, s0, s1, s2, s3, bias, g);
    x += 16;
    weight += 16;
    bias += biasStep;
  }
}
