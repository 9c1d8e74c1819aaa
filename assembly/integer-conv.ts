import { gatherable, locate, measureReach, seen, storeEight } from "./conv";
import { ConvGeometry, IntegerGeometry } from "./geometry";
import { bounded, onGrid, storeEightShorts, toEvenPlaces, toPlaces } from "./integers";

/**
 * Convolution of integers as taps, channels last, with sums that are exact:
 *
 *   y[p][n] = clamp(bias[n] + Σ_tap Σ_k x[pixel(p) + tap][k] · (w[tap][k][n] + offset[n]))
 *
 * or instead of the bounds as the place on a grid, clamp(round(sum·factor[n]), low, high), or as the number there, step[n] times that.
 * Pixels outside x count as zero.
 *
 * What the taps of a pixel see is gathered in a row, or read where it lies if that is one row already. Each panel of weights is widened once
 * for a block of pixels; one instruction multiplies four channels by a pair of integers and adds.
 *
 * @param x        i16[samples][inH][inW][groups·channels]
 * @param weight   i8[groups][⌈outChannels/8⌉][taps][pairs][8][2], pairs = ⌈run·channels/2⌉; an odd one's second is zero, with its offset
 * @param bias     i32[groups][⌈outChannels/8⌉·8]
 * @param y        f32 or i16; group i writes outChannels of them at p + i·outChannels of every output pixel
 * @param scratch  32 + 2·run·channels + 32·taps·pairs + blockTiles·(80 + 16·taps·pairs) bytes
 */
export function integerConv(
  x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: ConvGeometry, q: IntegerGeometry,
): void {
  const outChannels = g.outChannels;
  const segment = g.run * g.channels;
  const pairs = g.taps * (segment + 1 >> 1);
  const outShift: usize = q.shorts ? 1 : 2;
  const block = g.blockTiles << 2;
  const reach = scratch + (<usize>block << 4);
  const rows = reach + 32;
  const panel = rows + (<usize>block << 2);
  const gathered = panel + (<usize>pairs << 5);
  const staging = gathered + (<usize>(pairs * block) << 2);
  const pixels = g.samples * g.outH * g.outW;
  measureReach(reach, g);
  const there = liesThere(reach, segment, g);
  for (let first = 0; first < pixels; first += block) {
    const end = locate(scratch, first, min(block, pixels - first), g, 1, <i32>outShift);
    let next = weight;
    let offsets = q.offsets;
    let factors = q.factors;
    for (let group = 0; group < g.groups; group++) {
      const from = x + (<usize>(group * g.channels) << 1);
      if (there) point(from, rows, scratch, end, g);
      else gather(from, rows, gathered, scratch, end, reach, staging, g);
      let out = y + (<usize>(group * outChannels) << outShift);
      for (let n = 0; n < outChannels; n += 8) {
        widen(next, offsets, panel, pairs);
        multiply(rows, panel, pairs, bias, factors, out, scratch, end, outChannels - n, g, q);
        next += <usize>pairs << 4;
        offsets += 16;
        bias += 32;
        factors += 32;
        out += <usize>8 << outShift;
      }
      // Panels are filled up to eight channels, the table is not.
      factors -= <usize>((outChannels + 7 & ~7) - outChannels) << 2;
    }
    bias -= <usize>(g.groups * (outChannels + 7 & ~7)) << 2;
  }
}

/** Whether what a pixel sees is one row of pairs that lies inside x, for every pixel. */
function liesThere(reach: usize, segment: i32, g: ConvGeometry): bool {
  return (
    g.taps == 1 && (segment & 1) == 0 &&
    (load<i32>(reach, 8) | load<i32>(reach, 12)) == 0 &&
    (g.outH - 1) * g.strideH <= load<i32>(reach, 24) &&
    (g.outW - 1) * g.strideW <= load<i32>(reach, 28)
  );
}

/** Where the rows of pixels lie: in x itself. */
function point(x: usize, rows: usize, place: usize, end: usize, g: ConvGeometry): void {
  const tap = g.tapTable;
  x += <usize>((load<i32>(tap) * g.inW + load<i32>(tap, 4)) * g.channels * g.groups << 1);
  for (; place < end; place += 16) {
    store<u32>(rows, <u32>x + load<u32>(place, 4));
    rows += 4;
  }
}

/** Rows of what the taps of pixels see, i16[taps][pairs][2] each. */
function gather(
  x: usize, rows: usize, to: usize, place: usize, end: usize, reach: usize, staging: usize, g: ConvGeometry,
): void {
  const segment = <usize>(g.run * g.channels) << 1;
  const pixel = <usize>(g.channels * g.groups) << 1;
  const tapEnd = g.tapTable + (<usize>g.taps << 3);
  for (; place < end; place += 64) {
    const whole = gatherable(place, reach);
    for (let p = place; p < place + 64; p += 16) {
      store<u32>(rows, <u32>to);
      rows += 4;
      const from = x + <usize>load<u32>(p, 4);
      for (let tap = g.tapTable; tap < tapEnd; tap += 8) {
        let at = from + <usize>(load<i32>(tap) * g.inW + load<i32>(tap, 4)) * pixel;
        if (!whole) at = seen(at, p, tap, staging, g, 1);
        to = copyPairs(at, to, segment);
      }
    }
  }
}

/** Copies int16, filled up to pairs. Calls of `memory.copy` would take longer than what they do. */
@inline
function copyPairs(from: usize, to: usize, bytes: usize): usize {
  const end = from + bytes;
  for (; from + 16 <= end; from += 16) {
    v128.store(to, v128.load(from));
    to += 16;
  }
  for (; from + 4 <= end; from += 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
  }
  if (from < end) {
    store<u32>(to, load<u16>(from));
    to += 4;
  }
  return to;
}

/** i16[pairs][8][2] of i8[pairs][8][2], each plus the offset of its channel. */
function widen(weight: usize, offsets: usize, panel: usize, pairs: i32): void {
  const o = v128.load(offsets);
  const low = v128.shuffle<i16>(o, o, 0, 0, 1, 1, 2, 2, 3, 3);
  const high = v128.shuffle<i16>(o, o, 4, 4, 5, 5, 6, 6, 7, 7);
  for (const end = weight + (<usize>pairs << 4); weight < end; weight += 16) {
    v128.store(panel, i16x8.add(v128.load8x8_s(weight), low));
    v128.store(panel, i16x8.add(v128.load8x8_s(weight, 8), high), 16);
    panel += 32;
  }
}

/**
 * Eight output channels of pixels, 4 pixels × 8 channels at a time.
 *
 * @param rows     u32[pixels]  where i16[pairs][2] of each lie
 * @param panel    i16[pairs][8][2]
 * @param bias     i32[8]
 * @param factors  f32[8], and steps as many bytes behind as q says
 * @param places   where each pixel's outputs lie from y on, in bytes, one every 16 bytes, up to `end`
 * @param lanes    channels to write; 8 or more writes all eight
 */
function multiply(
  rows: usize, panel: usize, pairs: i32, bias: usize, factors: usize, y: usize, places: usize, end: usize, lanes: i32,
  g: ConvGeometry, q: IntegerGeometry,
): void {
  const panelEnd = panel + (<usize>pairs << 5);
  const steps = factors + <usize>q.steps;
  const low = f32x4.splat(q.low), high = f32x4.splat(q.high);
  const mode = q.mode;
  const plain = q.shorts != 0 && mode == 0 && lanes >= 8;
  const most = i16x8.splat(<i16>q.high);
  for (; places < end; places += 64) {
    const b0 = v128.load(bias), b1 = v128.load(bias, 16);
    let s00 = b0, s01 = b1, s10 = b0, s11 = b1, s20 = b0, s21 = b1, s30 = b0, s31 = b1;
    let r0 = <usize>load<u32>(rows), r1 = <usize>load<u32>(rows, 4);
    let r2 = <usize>load<u32>(rows, 8), r3 = <usize>load<u32>(rows, 12);
    rows += 16;
    // Not unrolled: the compiler hoists every load of a basic block, and twice the loads no longer fit the registers.
    for (let w = panel; w < panelEnd; w += 32) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let v = v128.load32_splat(r0);
      s00 = i32x4.add(s00, i32x4.dot_i16x8_s(v, w0));
      s01 = i32x4.add(s01, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(r1);
      s10 = i32x4.add(s10, i32x4.dot_i16x8_s(v, w0));
      s11 = i32x4.add(s11, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(r2);
      s20 = i32x4.add(s20, i32x4.dot_i16x8_s(v, w0));
      s21 = i32x4.add(s21, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(r3);
      s30 = i32x4.add(s30, i32x4.dot_i16x8_s(v, w0));
      s31 = i32x4.add(s31, i32x4.dot_i16x8_s(v, w1));
      r0 += 4;
      r1 += 4;
      r2 += 4;
      r3 += 4;
    }
    const y0 = y + <usize>load<u32>(places), y1 = y + <usize>load<u32>(places, 16);
    const y2 = y + <usize>load<u32>(places, 32), y3 = y + <usize>load<u32>(places, 48);
    if (plain) {
      const f0 = v128.load(factors), f1 = v128.load(factors, 16);
      v128.store(y0, toEvenPlaces(s00, s01, f0, f1, low, most));
      v128.store(y1, toEvenPlaces(s10, s11, f0, f1, low, most));
      v128.store(y2, toEvenPlaces(s20, s21, f0, f1, low, most));
      v128.store(y3, toEvenPlaces(s30, s31, f0, f1, low, most));
    } else if (q.shorts) {
      const f0 = v128.load(factors), f1 = v128.load(factors, 16);
      storeEightShorts(y0, toPlaces(s00, s01, f0, f1, low, high, mode), lanes);
      storeEightShorts(y1, toPlaces(s10, s11, f0, f1, low, high, mode), lanes);
      storeEightShorts(y2, toPlaces(s20, s21, f0, f1, low, high, mode), lanes);
      storeEightShorts(y3, toPlaces(s30, s31, f0, f1, low, high, mode), lanes);
    } else if (q.factors) {
      const f0 = v128.load(factors), f1 = v128.load(factors, 16);
      const t0 = v128.load(steps), t1 = v128.load(steps, 16);
      storeEight(y0, onGrid(s00, f0, t0, low, high, mode), onGrid(s01, f1, t1, low, high, mode), lanes);
      storeEight(y1, onGrid(s10, f0, t0, low, high, mode), onGrid(s11, f1, t1, low, high, mode), lanes);
      storeEight(y2, onGrid(s20, f0, t0, low, high, mode), onGrid(s21, f1, t1, low, high, mode), lanes);
      storeEight(y3, onGrid(s30, f0, t0, low, high, mode), onGrid(s31, f1, t1, low, high, mode), lanes);
    } else {
      storeEight(y0, bounded(s00, g.lo, g.hi), bounded(s01, g.lo, g.hi), lanes);
      storeEight(y1, bounded(s10, g.lo, g.hi), bounded(s11, g.lo, g.hi), lanes);
      storeEight(y2, bounded(s20, g.lo, g.hi), bounded(s21, g.lo, g.hi), lanes);
      storeEight(y3, bounded(s30, g.lo, g.hi), bounded(s31, g.lo, g.hi), lanes);
    }
  }
}
