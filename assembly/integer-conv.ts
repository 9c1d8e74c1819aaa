import { gatherable, locate, measureReach, seen, storeFourPixels } from "./conv";
import { ConvGeometry, IntegerGeometry } from "./geometry";
import { clamp, loadPart, transposeFour, zeros } from "./lanes";
import { Grid, rounded, roundedAway } from "./round-to-grid";

/** Of what lies at the input: integers already, none of them beyond the bound. */
const ready = 8;

/** 1.5·2²³: what is added to a whole number below 2²² to have it in the last bits. */
const magic: f32 = 12582912;

/**
 * Convolution of integers as taps, channels last, with sums that are exact:
 *
 *   y[p][n] = clamp(bias[n] + Σ_tap Σ_k place(x[pixel(p) + tap][k]) · (w[tap][k][n] + offset[n]))
 *   place(x) = round(x / scale), cut off at ±bound
 *
 * or instead of the bounds as the nearest number of a grid: step[n]·clamp(round(sum·factor[n]), low, high).
 * Pixels outside x count as zero. A pixel that sees a NaN is NaN.
 *
 * Pixels are gathered in fours as in `conv`, as pairs of int16, [taps][pairs][4][2]. Each panel of weights is widened once for a block of
 * pixels; one instruction multiplies four channels by a pair and adds.
 *
 * @param x        f32[samples][inH][inW][groups·channels]
 * @param weight   i8[groups][⌈outChannels/8⌉][taps][pairs][8][2], pairs = ⌈run·channels/2⌉; an odd one's second meets zeros
 * @param bias     f32[groups][⌈outChannels/8⌉·8], whole numbers, or 0 for none
 * @param y        f32; group i writes outChannels floats at p + i·outChannels of every output pixel
 * @param scratch  32 + 16·run·channels + 32·taps·pairs + blockTiles·(80 + 16·taps·pairs) bytes
 */
export function integerConv(
  x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: ConvGeometry, q: IntegerGeometry,
): void {
  const outChannels = g.outChannels;
  const segment = g.run * g.channels;
  const pairs = g.taps * (segment + 1 >> 1);
  const biasStep: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  const block = g.blockTiles << 2;
  const reach = scratch + (<usize>block << 4);
  const staging = reach + 32;
  const panel = staging + (<usize>segment << 4);
  const marks = panel + (<usize>pairs << 5);
  const packed = marks + (<usize>block << 2);
  const pixels = g.samples * g.outH * g.outW;
  measureReach(reach, g);
  for (let first = 0; first < pixels; first += block) {
    const end = locate(scratch, first, min(block, pixels - first), g);
    let next = weight;
    let offsets = q.offsets;
    let panelBias = bias;
    let factors = q.factors;
    for (let group = 0; group < g.groups; group++) {
      const from = x + (<usize>(group * g.channels) << 2);
      for (let place = scratch, to = packed, mark = marks; place < end; place += 64) {
        packTile(from, place, reach, to, mark, staging, g, q);
        to += <usize>pairs << 4;
        mark += 16;
      }
      let out = y + (<usize>(group * outChannels) << 2);
      for (let n = 0; n < outChannels; n += 8) {
        widen(next, offsets, panel, pairs);
        multiply(packed, panel, pairs, panelBias, factors, out, scratch, end, outChannels - n, g, q);
        next += <usize>pairs << 4;
        offsets += 16;
        panelBias += biasStep;
        factors += 32;
        out += 32;
      }
      // Panels are filled up to eight channels, the table is not.
      factors -= <usize>((outChannels + 7 & ~7) - outChannels) << 2;
      passNaN(marks, y + (<usize>(group * outChannels) << 2), scratch, end, outChannels);
    }
  }
}

/** Pixels that saw a NaN are NaN. */
function passNaN(marks: usize, y: usize, places: usize, end: usize, channels: i32): void {
  for (; places < end; places += 16) {
    const mark = load<f32>(marks);
    if (mark != mark) {
      const out = y + <usize>load<u32>(places);
      for (let c = 0; c < channels; c++) store<f32>(out + (<usize>c << 2), mark);
    }
    marks += 4;
  }
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

/** What the taps of four pixels see, i16[taps][pairs][4][2], and for each of them 0, or NaN if it sees one. */
function packTile(
  x: usize, place: usize, reach: usize, to: usize, mark: usize, staging: usize, g: ConvGeometry, q: IntegerGeometry,
): void {
  const segment = g.run * g.channels;
  const segmentBytes = <usize>segment << 2;
  const pixel = <usize>(g.channels * g.groups) << 2;
  const tapEnd = g.tapTable + (<usize>g.taps << 3);
  const x0 = x + load<u32>(place, 4);
  const x1 = x + load<u32>(place, 20);
  const x2 = x + load<u32>(place, 36);
  const x3 = x + load<u32>(place, 52);
  const whole = gatherable(place, reach);
  v128.store(mark, f32x4.splat(0));
  for (let tap = g.tapTable; tap < tapEnd; tap += 8) {
    const offset = <usize>(load<i32>(tap) * g.inW + load<i32>(tap, 4)) * pixel;
    let p0 = x0 + offset, p1 = x1 + offset, p2 = x2 + offset, p3 = x3 + offset;
    if (!whole) {
      p0 = seen(p0, place, tap, staging, g);
      p1 = seen(p1, place + 16, tap, staging + segmentBytes, g);
      p2 = seen(p2, place + 32, tap, staging + 2 * segmentBytes, g);
      p3 = seen(p3, place + 48, tap, staging + 3 * segmentBytes, g);
    }
    to = packFour(p0, p1, p2, p3, to, segment, mark, q);
  }
}

/** Integers of four floats, as they lie in the last bits of x + 1.5·2²³. */
@inline
function shifted(x: v128, scale: v128, bound: v128, mode: i32): v128 {
  if (mode == ready) return f32x4.add(x, f32x4.splat(magic));
  const place = mode & Grid.unrounded ? x : rounded(f32x4.div(x, scale), mode);
  return f32x4.add(clamp(place, f32x4.neg(bound), bound), f32x4.splat(magic));
}

@inline
function narrow(low: v128, high: v128): v128 {
  const base = f32x4.splat(magic);
  return i16x8.narrow_i32x4_s(i32x4.sub(low, base), i32x4.sub(high, base));
}

/** One segment of four pixels in pairs. */
function packFour(
  r0: usize, r1: usize, r2: usize, r3: usize, to: usize, segment: i32, mark: usize, q: IntegerGeometry,
): usize {
  const scale = f32x4.splat(q.scale);
  const bound = f32x4.splat(q.bound);
  const mode = q.inMode;
  let m0 = f32x4.splat(0), m1 = m0, m2 = m0, m3 = m0;
  const end = r0 + (<usize>(segment & ~7) << 2);
  while (r0 < end) {
    let low = shifted(v128.load(r0), scale, bound, mode), high = shifted(v128.load(r0, 16), scale, bound, mode);
    m0 = f32x4.add(m0, f32x4.add(low, high));
    const v0 = narrow(low, high);
    low = shifted(v128.load(r1), scale, bound, mode);
    high = shifted(v128.load(r1, 16), scale, bound, mode);
    m1 = f32x4.add(m1, f32x4.add(low, high));
    const v1 = narrow(low, high);
    low = shifted(v128.load(r2), scale, bound, mode);
    high = shifted(v128.load(r2, 16), scale, bound, mode);
    m2 = f32x4.add(m2, f32x4.add(low, high));
    const v2 = narrow(low, high);
    low = shifted(v128.load(r3), scale, bound, mode);
    high = shifted(v128.load(r3, 16), scale, bound, mode);
    m3 = f32x4.add(m3, f32x4.add(low, high));
    transposeFour(v0, v1, v2, narrow(low, high), to, 16);
    r0 += 32;
    r1 += 32;
    r2 += 32;
    r3 += 32;
    to += 64;
  }
  for (let rest = segment & 7; rest > 0; rest -= 2) {
    const part = min(rest, 2);
    const v0 = shifted(loadPart(r0, part), scale, bound, mode);
    const v1 = shifted(loadPart(r1, part), scale, bound, mode);
    const v2 = shifted(loadPart(r2, part), scale, bound, mode);
    const v3 = shifted(loadPart(r3, part), scale, bound, mode);
    m0 = f32x4.add(m0, v0);
    m1 = f32x4.add(m1, v1);
    m2 = f32x4.add(m2, v2);
    m3 = f32x4.add(m3, v3);
    const v01 = v128.shuffle<i64>(v0, v1, 0, 2), v23 = v128.shuffle<i64>(v2, v3, 0, 2);
    v128.store(to, narrow(v01, v23));
    r0 += 8;
    r1 += 8;
    r2 += 8;
    r3 += 8;
    to += 16;
  }
  // Sums of whole numbers are finite, so that what is taken off leaves zero, or NaN.
  const m01 = f32x4.add(v128.shuffle<i32>(m0, m1, 0, 4, 1, 5), v128.shuffle<i32>(m0, m1, 2, 6, 3, 7));
  const m23 = f32x4.add(v128.shuffle<i32>(m2, m3, 0, 4, 1, 5), v128.shuffle<i32>(m2, m3, 2, 6, 3, 7));
  const m = f32x4.add(v128.shuffle<i64>(m01, m23, 0, 2), v128.shuffle<i64>(m01, m23, 1, 3));
  v128.store(mark, f32x4.add(v128.load(mark), f32x4.sub(m, m)));
  return to;
}

/** The nearest number of a grid. No sum is NaN, and a grid that begins at zero has no negative zero. */
@inline
function settled(sum: v128, factor: v128, step: v128, mode: i32, q: IntegerGeometry): v128 {
  const v = f32x4.mul(f32x4.convert_i32x4_s(sum), factor);
  const place = mode ? roundedAway(v) : f32x4.nearest(v);
  const low = v128.load32_splat(changetype<usize>(q), offsetof<IntegerGeometry>("low"));
  const high = v128.load32_splat(changetype<usize>(q), offsetof<IntegerGeometry>("high"));
  return f32x4.mul(f32x4.pmin(f32x4.pmax(low, place), high), step);
}

@inline
function bounded(sum: v128, g: ConvGeometry): v128 {
  return clamp(f32x4.convert_i32x4_s(sum), f32x4.splat(g.lo), f32x4.splat(g.hi));
}

/**
 * Eight output channels of gathered tiles, 4 pixels × 8 channels at a time.
 *
 * @param packed   i16[tiles][pairs][4][2]
 * @param panel    i16[pairs][8][2]
 * @param bias     f32[8]
 * @param factors  f32[8], and steps as many bytes behind as q says
 * @param places   where each pixel's outputs lie from y on, in bytes, one every 16 bytes, up to `end`
 * @param lanes    channels to write; 8 or more writes all eight
 */
function multiply(
  packed: usize, panel: usize, pairs: i32, bias: usize, factors: usize, y: usize, places: usize, end: usize, lanes: i32,
  g: ConvGeometry, q: IntegerGeometry,
): void {
  const panelEnd = panel + (<usize>pairs << 5);
  const b0 = i32x4.trunc_sat_f32x4_s(v128.load(bias));
  const b1 = i32x4.trunc_sat_f32x4_s(v128.load(bias, 16));
  const steps = factors + <usize>q.steps;
  const mode = q.mode;
  for (; places < end; places += 64) {
    let s00 = b0, s01 = b1, s10 = b0, s11 = b1, s20 = b0, s21 = b1, s30 = b0, s31 = b1;
    // Not unrolled: the compiler hoists every load of a basic block, and twice the loads no longer fit the registers.
    for (let w = panel; w < panelEnd; w += 32) {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      let v = v128.load32_splat(packed);
      s00 = i32x4.add(s00, i32x4.dot_i16x8_s(v, w0));
      s01 = i32x4.add(s01, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(packed, 4);
      s10 = i32x4.add(s10, i32x4.dot_i16x8_s(v, w0));
      s11 = i32x4.add(s11, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(packed, 8);
      s20 = i32x4.add(s20, i32x4.dot_i16x8_s(v, w0));
      s21 = i32x4.add(s21, i32x4.dot_i16x8_s(v, w1));
      v = v128.load32_splat(packed, 12);
      s30 = i32x4.add(s30, i32x4.dot_i16x8_s(v, w0));
      s31 = i32x4.add(s31, i32x4.dot_i16x8_s(v, w1));
      packed += 16;
    }
    if (q.factors) {
      const f0 = v128.load(factors), t0 = v128.load(steps);
      s00 = settled(s00, f0, t0, mode, q);
      s10 = settled(s10, f0, t0, mode, q);
      s20 = settled(s20, f0, t0, mode, q);
      s30 = settled(s30, f0, t0, mode, q);
      const f1 = v128.load(factors, 16), t1 = v128.load(steps, 16);
      s01 = settled(s01, f1, t1, mode, q);
      s11 = settled(s11, f1, t1, mode, q);
      s21 = settled(s21, f1, t1, mode, q);
      s31 = settled(s31, f1, t1, mode, q);
    } else {
      s00 = bounded(s00, g);
      s01 = bounded(s01, g);
      s10 = bounded(s10, g);
      s11 = bounded(s11, g);
      s20 = bounded(s20, g);
      s21 = bounded(s21, g);
      s30 = bounded(s30, g);
      s31 = bounded(s31, g);
    }
    storeFourPixels(y, places, lanes, s00, s01, s10, s11, s20, s21, s30, s31);
  }
}
