import { DepthwiseGeometry, IntegerGeometry } from "./geometry";
import { bounded, onGrid, storeEightShorts, toEvenPlaces, toPlaces } from "./integers";
import { storeLanes } from "./lanes";
import { endInside, firstInside } from "./window";

/**
 * Depthwise convolution of integers, channels last, with sums that are exact:
 *
 *   y[oy][ox][c] = clamp(bias[c] + Σ_ky Σ_kx x[oy·strideH + top + ky·dilationH][ox·strideW + left + kx·dilationW][c] · w[kx][ky][c])
 *
 * or instead of the bounds as places on a grid or numbers there, as `integerConv` writes them. Elements outside x count as zero. One instruction
 * multiplies pairs of two rows of four channels and adds.
 *
 * @param x        i16[samples][inH][inW][channels]
 * @param weight   i16[kernelW][⌈kernelH/2⌉][channels][2]; an odd one's second is zero
 * @param bias     i32[channels]
 * @param y        f32 or i16
 * @param scratch  8·⌈kernelH/2⌉ + 2·inW·channels + 8 bytes
 */
export function integerDepthwise(
  x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: DepthwiseGeometry, q: IntegerGeometry,
): void {
  const pixelBytes = <usize>g.channels << 1;
  const xRow = <usize>g.inW * pixelBytes;
  const outShift: usize = q.shorts ? 1 : 2;
  const yPixel = <usize>g.yPixel << outShift;
  const rows = g.kernelH + 1 & ~1;
  const nothing = scratch + (<usize>rows << 2);
  memory.fill(nothing, 0, xRow + 8);
  // Columns from `begin` to `end` see the whole width of the kernel.
  const begin = min(max((g.strideW - 1 - g.left) / g.strideW, 0), g.outW);
  const beyond = g.inW - g.left - (g.kernelW - 1) * g.dilationW - 1 + g.strideW;
  const end = max(min(beyond / g.strideW, g.outW), begin);
  const tiled =
    g.kernelW == 3 && g.kernelH == 3 && g.dilationW == 1 && g.strideW <= 2 && g.channels >= 4 && end - begin >= 4;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      for (let ky = 0; ky < rows; ky++) {
        const row = oy * g.strideH + g.top + ky * g.dilationH;
        const isThere = ky < g.kernelH && <u32>row < <u32>g.inH;
        store<u32>(scratch + (<usize>ky << 2), <u32>(isThere ? x + <usize>row * xRow : nothing));
      }
      const out = y + (<usize>(sample * g.ySample + oy * g.yRow) << outShift);
      for (let ox = 0; ox < g.outW; ox++) {
        if (tiled && ox >= begin && ox < end) {
          if ((ox - begin & 3) == 0) {
            // The last tile overlaps its neighbour and stores the same values again.
            const column = min(ox, end - 4);
            const at = <usize>(column * g.strideW + g.left) * pixelBytes;
            const r0 = at + <usize>load<u32>(scratch), r1 = at + <usize>load<u32>(scratch, 4);
            const r2 = at + <usize>load<u32>(scratch, 8);
            const to = out + <usize>column * yPixel;
            if (g.strideW == 1) tileAtStrideOne(r0, r1, r2, weight, bias, to, yPixel, g, q);
            else tileAtStrideTwo(r0, r1, r2, weight, bias, to, yPixel, g, q);
          }
        } else {
          const left = ox * g.strideW + g.left;
          const first = firstInside(left, g.dilationW);
          const columns = endInside(left, g.dilationW, g.kernelW, g.inW) - first;
          const at = <usize>(left + first * g.dilationW) * pixelBytes;
          const w = weight + (<usize>(first * rows * g.channels) << 1);
          pixel(scratch, at, w, bias, out + <usize>ox * yPixel, rows, columns, g, q);
        }
      }
    }
    x += <usize>g.inH * xRow;
  }
}

/** Four channels of two rows in pairs. */
@inline
function pairs(first: usize, second: usize): v128 {
  return v128.shuffle<i16>(v128.load64_zero(first), v128.load64_zero(second), 0, 8, 1, 9, 2, 10, 3, 11);
}

/** Four channels of the last of three rows, each beside a zero. */
@inline
function single(row: usize): v128 {
  return v128.load16x4_u(row);
}

@inline
function added(sum: v128, two: v128, one: v128, weightTwo: v128, weightOne: v128): v128 {
  return i32x4.add(i32x4.add(sum, i32x4.dot_i16x8_s(two, weightTwo)), i32x4.dot_i16x8_s(one, weightOne));
}

/** Four neighbouring pixels of y, of which those of x that they see are six. */
function tileAtStrideOne(
  r0: usize, r1: usize, r2: usize, weight: usize, bias: usize, y: usize, yPixel: usize, g: DepthwiseGeometry, q: IntegerGeometry,
): void {
  const channels = g.channels;
  const step = <usize>channels << 1;
  const weightStep = <usize>channels << 2;
  for (let c = 0; c < channels; c += 4) {
    // The last vector overlaps the one before it and stores the same values again.
    c = min(c, channels - 4);
    let w = weight + (<usize>c << 2);
    const w0 = v128.load(w);
    w += weightStep;
    const v0 = v128.load(w);
    w += weightStep;
    const w1 = v128.load(w);
    w += weightStep;
    const v1 = v128.load(w);
    w += weightStep;
    const w2 = v128.load(w);
    w += weightStep;
    const v2 = v128.load(w);
    let s0 = v128.load(bias + (<usize>c << 2)), s1 = s0, s2 = s0, s3 = s0;
    let at = <usize>c << 1;
    let two = pairs(r0 + at, r1 + at), one = single(r2 + at);
    s0 = added(s0, two, one, w0, v0);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s0 = added(s0, two, one, w1, v1);
    s1 = added(s1, two, one, w0, v0);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s0 = added(s0, two, one, w2, v2);
    s1 = added(s1, two, one, w1, v1);
    s2 = added(s2, two, one, w0, v0);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s1 = added(s1, two, one, w2, v2);
    s2 = added(s2, two, one, w1, v1);
    s3 = added(s3, two, one, w0, v0);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s2 = added(s2, two, one, w2, v2);
    s3 = added(s3, two, one, w1, v1);
    at += step;
    s3 = added(s3, pairs(r0 + at, r1 + at), single(r2 + at), w2, v2);
    storeTile(y, yPixel, c, s0, s1, s2, s3, g, q);
  }
}

/** Four neighbouring pixels of y, of which those of x that they see are nine. */
function tileAtStrideTwo(
  r0: usize, r1: usize, r2: usize, weight: usize, bias: usize, y: usize, yPixel: usize, g: DepthwiseGeometry, q: IntegerGeometry,
): void {
  const channels = g.channels;
  const step = <usize>channels << 1;
  const weightStep = <usize>channels << 2;
  for (let c = 0; c < channels; c += 4) {
    c = min(c, channels - 4);
    let w = weight + (<usize>c << 2);
    const w0 = v128.load(w);
    w += weightStep;
    const v0 = v128.load(w);
    w += weightStep;
    const w1 = v128.load(w);
    w += weightStep;
    const v1 = v128.load(w);
    w += weightStep;
    const w2 = v128.load(w);
    w += weightStep;
    const v2 = v128.load(w);
    let s0 = v128.load(bias + (<usize>c << 2)), s1 = s0, s2 = s0, s3 = s0;
    let at = <usize>c << 1;
    s0 = added(s0, pairs(r0 + at, r1 + at), single(r2 + at), w0, v0);
    at += step;
    s0 = added(s0, pairs(r0 + at, r1 + at), single(r2 + at), w1, v1);
    at += step;
    let two = pairs(r0 + at, r1 + at), one = single(r2 + at);
    s0 = added(s0, two, one, w2, v2);
    s1 = added(s1, two, one, w0, v0);
    at += step;
    s1 = added(s1, pairs(r0 + at, r1 + at), single(r2 + at), w1, v1);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s1 = added(s1, two, one, w2, v2);
    s2 = added(s2, two, one, w0, v0);
    at += step;
    s2 = added(s2, pairs(r0 + at, r1 + at), single(r2 + at), w1, v1);
    at += step;
    two = pairs(r0 + at, r1 + at);
    one = single(r2 + at);
    s2 = added(s2, two, one, w2, v2);
    s3 = added(s3, two, one, w0, v0);
    at += step;
    s3 = added(s3, pairs(r0 + at, r1 + at), single(r2 + at), w1, v1);
    at += step;
    s3 = added(s3, pairs(r0 + at, r1 + at), single(r2 + at), w2, v2);
    storeTile(y, yPixel, c, s0, s1, s2, s3, g, q);
  }
}

@inline
function storeTile(
  y: usize, yPixel: usize, c: i32, s0: v128, s1: v128, s2: v128, s3: v128, g: DepthwiseGeometry, q: IntegerGeometry,
): void {
  const factors = q.factors + (<usize>c << 2);
  if (q.shorts) {
    const low = v128.load32_splat(changetype<usize>(q), offsetof<IntegerGeometry>("low"));
    const high = v128.load32_splat(changetype<usize>(q), offsetof<IntegerGeometry>("high"));
    y += <usize>c << 1;
    const f = v128.load(factors);
    let first: v128, second: v128;
    if (q.mode) {
      first = toPlaces(s0, s1, f, f, low, high, q.mode);
      second = toPlaces(s2, s3, f, f, low, high, q.mode);
    } else {
      const most = i16x8.splat(<i16>q.high);
      first = toEvenPlaces(s0, s1, f, f, low, most);
      second = toEvenPlaces(s2, s3, f, f, low, most);
    }
    v128.store64_lane(y, first, 0);
    y += yPixel;
    v128.store64_lane(y, first, 1);
    y += yPixel;
    v128.store64_lane(y, second, 0);
    y += yPixel;
    v128.store64_lane(y, second, 1);
  } else {
    y += <usize>c << 2;
    v128.store(y, numbers(s0, factors, g, q));
    y += yPixel;
    v128.store(y, numbers(s1, factors, g, q));
    y += yPixel;
    v128.store(y, numbers(s2, factors, g, q));
    y += yPixel;
    v128.store(y, numbers(s3, factors, g, q));
  }
}

function numbers(sum: v128, factors: usize, g: DepthwiseGeometry, q: IntegerGeometry): v128 {
  if (!q.factors) return bounded(sum, g.lo, g.hi);
  const low = f32x4.splat(q.low), high = f32x4.splat(q.high);
  return onGrid(sum, v128.load(factors), v128.load(factors + <usize>q.steps), low, high, q.mode);
}

/**
 * One pixel with what is inside x of any kernel.
 *
 * @param rows    u32[height]  where the rows of x begin that the kernel sees, or zeros do
 * @param at      bytes in a row before what the first column sees
 * @param weight  of that column
 */
function pixel(
  rows: usize, at: usize, weight: usize, bias: usize, y: usize, height: i32, columns: i32, g: DepthwiseGeometry, q: IntegerGeometry,
): void {
  const channels = g.channels;
  const step = <usize>(g.dilationW * channels) << 1;
  const weightStep = <usize>channels << 2;
  const end = rows + (<usize>height << 2);
  for (let c = 0; c < channels; c += 4) {
    // Of fewer than four channels the others are computed, of whatever lies there, and not written.
    c = max(min(c, channels - 4), 0);
    let s = v128.load(bias + (<usize>c << 2));
    let w = weight + (<usize>c << 2);
    let column = at + (<usize>c << 1);
    for (let kx = 0; kx < columns; kx++) {
      for (let row = rows; row < end; row += 8) {
        const two = pairs(column + <usize>load<u32>(row), column + <usize>load<u32>(row, 4));
        s = i32x4.add(s, i32x4.dot_i16x8_s(two, v128.load(w)));
        w += weightStep;
      }
      column += step;
    }
    const factors = q.factors + (<usize>c << 2);
    const lanes = min(channels, 4);
    if (q.shorts) {
      const f = v128.load(factors);
      const places = toPlaces(s, s, f, f, f32x4.splat(q.low), f32x4.splat(q.high), q.mode);
      const to = y + (<usize>c << 1);
      if (lanes == 4) v128.store64_lane(to, places, 0);
      else storeEightShorts(to, places, lanes);
    } else storeLanes(y + (<usize>c << 2), numbers(s, factors, g, q), lanes);
  }
}
