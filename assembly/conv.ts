import { ConvGeometry } from "./geometry";
import { clamp, storeLanes, zeros } from "./lanes";

/**
 * Convolution as taps, channels last:
 *
 *   y[p][n] = clamp(bias[n] + Σ_tap Σ_k x[base(p) + offset(tap) + k] · w[tap][k][n])
 *
 * The sum runs in the order of the taps, then of k, in one accumulator that starts at 0; the bias comes last. The bits
 * of an output therefore do not depend on its position in a tile nor on the batch, and `dense` gives the same bits.
 *
 * @param x       f32, read only at base(p) + offset(tap) + k
 * @param weight  f32[groups][⌈outChannels/8⌉][taps][segment][8]
 * @param bias    f32[groups][⌈outChannels/8⌉·8], or 0 for none
 * @param y       f32; group i writes outChannels floats at p + i·outChannels of every output pixel
 */
export function conv(x: usize, weight: usize, bias: usize, y: usize, g: ConvGeometry): void {
  const outChannels = g.outChannels;
  const panelBytes = <usize>(g.taps * g.segment) << 5;
  const biasBytes: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  for (let group = 0; group < g.groups; group++) {
    // Samples outside the panels: one image's rows stay in the cache for all its panels.
    for (let sample = 0; sample < g.samples; sample++) {
      const image = x + (<usize>(sample * g.xSample) << 2);
      let panel = weight;
      let panelBias = bias;
      let out = y + (<usize>(sample * g.ySample) << 2);
      for (let n = 0; n < outChannels; n += 8) {
        convolvePanel(
          image, <usize>g.xRow << 2, <usize>g.xPixel << 2,
          panel, panelBias,
          out, <usize>g.yRow << 2, <usize>g.yPixel << 2,
          g.outH * g.outW, g.outW, outChannels - n,
          g.tapTable, g.taps, <usize>g.segment << 2, g.lo, g.hi,
        );
        panel += panelBytes;
        panelBias += biasBytes;
        out += 32;
      }
    }
    const panels = <usize>(outChannels + 7) >> 3;
    weight += panels * panelBytes;
    bias += panels * biasBytes;
    x += <usize>g.xGroup << 2;
    y += <usize>outChannels << 2;
  }
}

/**
 * Eight output channels of one image: tiles of 4 pixels × 8 channels over one panel of weights, which stays in the L1
 * or L2 cache.
 *
 * Distances end in the unit of the pointer: rows and pixels here are bytes apart.
 *
 * @param panel  f32[taps][segment][8]
 * @param bias   f32[8]
 * @param lanes  channels to write; 8 or more writes all eight
 */
export function convolvePanel(
  x: usize, xRow: usize, xPixel: usize,
  panel: usize, bias: usize,
  y: usize, yRow: usize, yPixel: usize,
  pixels: i32, outW: i32, lanes: i32,
  tapTable: usize, taps: i32, segmentBytes: usize, lo: f32, hi: f32,
): void {
  const last = pixels - 1;
  const tapEnd = segmentBytes ? tapTable + (<usize>taps << 2) : tapTable;
  const segmentPanelBytes = segmentBytes << 3;
  let tileRow = 0;
  let tileColumn = 0;
  for (let tile = 0; tile < pixels; tile += 4) {
    let row = <usize>tileRow;
    let column = <usize>tileColumn;
    let x0 = x + row * xRow + column * xPixel;
    let x1 = x0 + xPixel;
    let x2 = x1 + xPixel;
    let x3 = x2 + xPixel;
    const y0 = y + row * yRow + column * yPixel;
    let y1 = y0 + yPixel;
    let y2 = y1 + yPixel;
    let y3 = y2 + yPixel;
    if (tileColumn + 4 > outW) {
      // The tile continues in the next rows; past the last pixel it repeats it, which stores the same value again.
      let pixel = min(tile + 1, last);
      row = <usize>(pixel / outW);
      column = <usize>pixel - row * outW;
      x1 = x + row * xRow + column * xPixel;
      y1 = y + row * yRow + column * yPixel;
      pixel = min(tile + 2, last);
      row = <usize>(pixel / outW);
      column = <usize>pixel - row * outW;
      x2 = x + row * xRow + column * xPixel;
      y2 = y + row * yRow + column * yPixel;
      pixel = min(tile + 3, last);
      row = <usize>(pixel / outW);
      column = <usize>pixel - row * outW;
      x3 = x + row * xRow + column * xPixel;
      y3 = y + row * yRow + column * yPixel;
    }
    tileColumn += 4;
    while (tileColumn >= outW) {
      tileColumn -= outW;
      tileRow++;
    }

    let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
    let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
    let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
    let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
    let w = panel;
    let position: usize = 0; // how far the pixel pointers stand from their base
    for (let tap = tapTable; tap < tapEnd; tap += 4) {
      const offset = <usize>load<i32>(tap) << 2;
      const step = offset - position;
      x0 += step;
      x1 += step;
      x2 += step;
      x3 += step;
      position = offset + segmentBytes;
      const end = w + segmentPanelBytes;
      // Not unrolled: the compiler hoists every load of a basic block, and twice the loads no longer fit the registers.
      do {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        w += 32;
        let v = v128.load32_splat(x0);
        s00 = f32x4.add(s00, f32x4.mul(v, w0));
        s01 = f32x4.add(s01, f32x4.mul(v, w1));
        x0 += 4;
        v = v128.load32_splat(x1);
        s10 = f32x4.add(s10, f32x4.mul(v, w0));
        s11 = f32x4.add(s11, f32x4.mul(v, w1));
        x1 += 4;
        v = v128.load32_splat(x2);
        s20 = f32x4.add(s20, f32x4.mul(v, w0));
        s21 = f32x4.add(s21, f32x4.mul(v, w1));
        x2 += 4;
        v = v128.load32_splat(x3);
        s30 = f32x4.add(s30, f32x4.mul(v, w0));
        s31 = f32x4.add(s31, f32x4.mul(v, w1));
        x3 += 4;
      } while (w < end);
    }

    const b0 = v128.load(bias);
    const b1 = v128.load(bias, 16);
    const lower = f32x4.splat(lo);
    const upper = f32x4.splat(hi);
    s00 = clamp(f32x4.add(s00, b0), lower, upper);
    s01 = clamp(f32x4.add(s01, b1), lower, upper);
    s10 = clamp(f32x4.add(s10, b0), lower, upper);
    s11 = clamp(f32x4.add(s11, b1), lower, upper);
    s20 = clamp(f32x4.add(s20, b0), lower, upper);
    s21 = clamp(f32x4.add(s21, b1), lower, upper);
    s30 = clamp(f32x4.add(s30, b0), lower, upper);
    s31 = clamp(f32x4.add(s31, b1), lower, upper);
    if (lanes >= 8) {
      v128.store(y0, s00);
      v128.store(y0, s01, 16);
      v128.store(y1, s10);
      v128.store(y1, s11, 16);
      v128.store(y2, s20);
      v128.store(y2, s21, 16);
      v128.store(y3, s30);
      v128.store(y3, s31, 16);
    } else {
      storeEight(y0, s00, s01, lanes);
      storeEight(y1, s10, s11, lanes);
      storeEight(y2, s20, s21, lanes);
      storeEight(y3, s30, s31, lanes);
    }
  }
}

/** Writes the first min(lanes, 8) of eight floats. */
export function storeEight(target: usize, low: v128, high: v128, lanes: i32): void {
  if (lanes >= 8) {
    v128.store(target, low);
    v128.store(target, high, 16);
  } else {
    storeLanes(target, low, lanes);
    if (lanes > 4) storeLanes(target + 16, high, lanes - 4);
  }
}
