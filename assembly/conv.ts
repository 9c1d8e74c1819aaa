import { ConvGeometry } from "./geometry";
import { clamp, interleaveFour, storeLanes, zeros } from "./lanes";
import { madd } from "./madd";

/**
 * Convolution as taps, channels last:
 *
 *   y[p][n] = clamp(bias[n] + Σ_tap Σ_k x[pixel(p) + tap][k] · w[tap][k][n])
 *
 * Pixels outside x count as zero. The sum runs in the order of the taps, then of k, in one accumulator that starts at 0;
 * the bias comes last. The bits of an output therefore depend neither on its position in a tile nor on the batch, and
 * `dense` gives the same bits.
 *
 * A block of output pixels is gathered in fours, [taps][segment][4], and then multiplied with every panel of weights: the
 * inner loop has two pointers instead of five, which is what a core that decodes six instructions a cycle needs.
 *
 * @param x        f32[samples][inH][inW][groups·channels]
 * @param weight   f32[groups][⌈outChannels/8⌉][taps][segment][8], segment = run·channels
 * @param bias     f32[groups][⌈outChannels/8⌉·8], or 0 for none
 * @param y        f32; group i writes outChannels floats at p + i·outChannels of every output pixel
 * @param scratch  blockTiles·(16 + 4·taps·segment) + 4·segment + 8 floats
 */
export function conv(x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: ConvGeometry): void {
  const outChannels = g.outChannels;
  const segment = g.run * g.channels;
  const depth = g.taps * segment;
  const panelBytes = <usize>depth << 5;
  const biasStep: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  const block = g.blockTiles << 2;
  const reach = scratch + (<usize>block << 4);
  const staging = reach + 32;
  const packed = staging + (<usize>segment << 4);
  const pixels = g.samples * g.outH * g.outW;
  measureReach(reach, g);
  for (let first = 0; first < pixels; first += block) {
    const count = min(block, pixels - first);
    const end = locate(scratch, first, count, g, 2, 2);
    let panel = weight;
    let panelBias = bias;
    for (let group = 0; group < g.groups; group++) {
      const from = x + (<usize>(group * g.channels) << 2);
      for (let place = scratch, to = packed; place < end; place += 64) {
        gatherTile(from, place, reach, to, staging, g);
        to += <usize>depth << 4;
      }
      let out = y + (<usize>(group * outChannels) << 2);
      for (let n = 0; n < outChannels; n += 8) {
        multiplyPanel(packed, panel, panelBytes, panelBias, out, scratch, end, outChannels - n, g.lo, g.hi);
        panel += panelBytes;
        panelBias += biasStep;
        out += 32;
      }
    }
  }
}

/**
 * Places of a pixel: the byte at which its outputs lie in y, the byte in x, the row and the column of x under a tap at (0, 0).
 * Two more such vectors bound, as inclusive differences, where all taps stay inside x; bytes are always inside.
 */
export function measureReach(reach: usize, g: ConvGeometry): void {
  let top = 0, bottom = 0, left = 0, right = 0;
  const tapEnd = g.tapTable + (<usize>g.taps << 3);
  for (let tap = g.tapTable; tap < tapEnd; tap += 8) {
    top = min(top, load<i32>(tap));
    bottom = max(bottom, load<i32>(tap));
    left = min(left, load<i32>(tap, 4));
    right = max(right, load<i32>(tap, 4));
  }
  store<i32>(reach, i32.MIN_VALUE);
  store<i32>(reach, i32.MIN_VALUE, 4);
  store<i32>(reach, -top, 8);
  store<i32>(reach, -left, 12);
  store<i32>(reach, i32.MAX_VALUE, 16);
  store<i32>(reach, i32.MAX_VALUE, 20);
  store<i32>(reach, g.inH - 1 - bottom, 24);
  store<i32>(reach, g.inW - g.run - right, 28);
}

/**
 * Lists the places of `count` pixels. The last tile is filled up with its last pixel, which is then computed and stored
 * again.
 *
 * @param xShift  an element of x has 1 << xShift bytes, one of y 1 << yShift
 * @returns the end of the list
 */
export function locate(
  places: usize, first: i32, count: i32, g: ConvGeometry, xShift: i32, yShift: i32,
): usize {
  const line = first / g.outW;
  let sample = line / g.outH;
  let oy = line - sample * g.outH;
  let ox = first - line * g.outW;
  const pixel = (g.channels * g.groups) << xShift;
  const step = i32x4(g.yPixel << yShift, g.strideW * pixel, 0, g.strideW);
  let at = placeOf(sample, oy, ox, pixel, yShift, g);
  for (const end = places + (<usize>count << 4); places < end; places += 16) {
    v128.store(places, at);
    at = i32x4.add(at, step);
    if (++ox == g.outW) {
      ox = 0;
      if (++oy == g.outH) {
        oy = 0;
        sample++;
      }
      at = placeOf(sample, oy, 0, pixel, yShift, g);
    }
  }
  const last = v128.load(places - 16);
  for (; (count & 3) != 0; count++) {
    v128.store(places, last);
    places += 16;
  }
  return places;
}

function placeOf(sample: i32, oy: i32, ox: i32, pixel: i32, yShift: i32, g: ConvGeometry): v128 {
  const row = oy * g.strideH;
  const column = ox * g.strideW;
  return i32x4(
    (sample * g.ySample + oy * g.yRow + ox * g.yPixel) << yShift,
    ((sample * g.inH + row) * g.inW + column) * pixel,
    row,
    column,
  );
}

/** Whether all taps of four pixels stay inside x. */
@inline
export function gatherable(place: usize, reach: usize): bool {
  const p = v128.load(place), q = v128.load(place, 16), r = v128.load(place, 32), s = v128.load(place, 48);
  const least = i32x4.min_s(i32x4.min_s(p, q), i32x4.min_s(r, s));
  const most = i32x4.max_s(i32x4.max_s(p, q), i32x4.max_s(r, s));
  const inside = v128.and(i32x4.ge_s(least, v128.load(reach)), i32x4.le_s(most, v128.load(reach, 16)));
  return i32x4.all_true(inside);
}

/** What the taps of four pixels see, f32[taps][segment][4]; zero outside x. */
function gatherTile(x: usize, place: usize, reach: usize, to: usize, staging: usize, g: ConvGeometry): void {
  const segment = g.run * g.channels;
  const segmentBytes = <usize>segment << 2;
  const pixel = <usize>(g.channels * g.groups) << 2;
  const tapEnd = g.tapTable + (<usize>g.taps << 3);
  const x0 = x + load<u32>(place, 4);
  const x1 = x + load<u32>(place, 20);
  const x2 = x + load<u32>(place, 36);
  const x3 = x + load<u32>(place, 52);
  const whole = gatherable(place, reach);
  for (let tap = g.tapTable; tap < tapEnd; tap += 8) {
    const offset = <usize>(load<i32>(tap) * g.inW + load<i32>(tap, 4)) * pixel;
    let p0 = x0 + offset, p1 = x1 + offset, p2 = x2 + offset, p3 = x3 + offset;
    if (!whole) {
      p0 = seen(p0, place, tap, staging, g, 2);
      p1 = seen(p1, place + 16, tap, staging + segmentBytes, g, 2);
      p2 = seen(p2, place + 32, tap, staging + 2 * segmentBytes, g, 2);
      p3 = seen(p3, place + 48, tap, staging + 3 * segmentBytes, g, 2);
    }
    interleaveFour(p0, p1, p2, p3, to, segment);
    to += segmentBytes << 2;
  }
}

/** The segment one tap sees from one pixel, elements of 1 << shift bytes: in x itself, `at`, or in `staging` with zeros where it juts out. */
export function seen(at: usize, place: usize, tap: usize, staging: usize, g: ConvGeometry, shift: usize): usize {
  const row = load<i32>(place, 8) + load<i32>(tap);
  const column = load<i32>(place, 12) + load<i32>(tap, 4);
  const run = g.run;
  const pixel = <usize>(g.groups * g.channels) << shift;
  const inRows = <u32>row < <u32>g.inH;
  if (inRows && column >= 0 && column + run <= g.inW) return at;
  const channelBytes = <usize>g.channels << shift;
  memory.fill(staging, 0, <usize>run * channelBytes);
  if (inRows) {
    const begin = max(-column, 0);
    const end = min(run, g.inW - column);
    if (begin < end) {
      memory.copy(staging + <usize>begin * channelBytes, at + <usize>begin * pixel, <usize>(end - begin) * channelBytes);
    }
  }
  return staging;
}

/**
 * Eight output channels of gathered tiles: tiles of 4 pixels × 8 channels over one panel of weights, which stays in the
 * L1 or L2 cache.
 *
 * @param packed  f32[tiles][depth][4]
 * @param panel   f32[depth][8], `panelBytes` long
 * @param bias    f32[8]
 * @param places  where each pixel's outputs lie from y on, in bytes, one every 16 bytes, up to `end`
 * @param lanes   channels to write; 8 or more writes all eight
 */
export function multiplyPanel(
  packed: usize, panel: usize, panelBytes: usize, bias: usize, y: usize, places: usize, end: usize, lanes: i32,
  lo: f32, hi: f32,
): void {
  const panelEnd = panel + panelBytes;
  for (; places < end; places += 64) {
    let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
    let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
    let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
    let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
    // Not unrolled: the compiler hoists every load of a basic block, and twice the loads no longer fit the registers. Where it begins and
    // ends is written so that neither bound is a copy of what another loop needs: V8 then keeps both pointers where they are.
    const tileEnd = packed + (panelBytes >> 1);
    for (let w = panelEnd - panelBytes; packed < tileEnd; ) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let v = v128.load32_splat(packed);
      s00 = madd(v, w0, s00);
      s01 = madd(v, w1, s01);
      v = v128.load32_splat(packed, 4);
      s10 = madd(v, w0, s10);
      s11 = madd(v, w1, s11);
      v = v128.load32_splat(packed, 8);
      s20 = madd(v, w0, s20);
      s21 = madd(v, w1, s21);
      v = v128.load32_splat(packed, 12);
      s30 = madd(v, w0, s30);
      s31 = madd(v, w1, s31);
      w += 32;
      packed += 16;
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
    storeFourPixels(y, places, lanes, s00, s01, s10, s11, s20, s21, s30, s31);
  }
}

/** Writes eight outputs of each of four pixels, whose places in bytes from y on stand every 16 bytes. */
@inline
export function storeFourPixels(
  y: usize, places: usize, lanes: i32,
  s00: v128, s01: v128, s10: v128, s11: v128, s20: v128, s21: v128, s30: v128, s31: v128,
): void {
  const y0 = y + <usize>load<u32>(places);
  const y1 = y + <usize>load<u32>(places, 16);
  const y2 = y + <usize>load<u32>(places, 32);
  const y3 = y + <usize>load<u32>(places, 48);
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
