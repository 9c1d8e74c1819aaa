import { storeEight } from "./conv";
import { WinogradGeometry } from "./geometry";
import { transposeFour, zeros } from "./lanes";
import { madd } from "./madd";
import { transformInput, transformOutput, transformSmallOutput } from "./winograd-transforms";

/**
 * Convolution with stride and dilation 1 as Winograd's F(4×4, 3×3), where 36 products per channel pair give 16 outputs that
 * would take 144, as F(3×3, 4×4), where they give 9 that would take 144, or as F(2×2, 5×5), where they give 4 that would take 100.
 * All look at 6×6 pixels and transform them alike.
 *
 *   y[oy][ox][n] = clamp(bias[n] + Σ_ky Σ_kx Σ_c x[oy − padTop + ky][ox − padLeft + kx][c] · w[n][c][ky][kx])
 *
 * Pixels outside x count as zero and are not read. A block of output tiles passes through all three steps while it is in
 * the L2 cache. Every tile is computed alone and sums in the order of c: neither the block nor the batch changes a bit.
 *
 * @param x        f32[samples][inH][inW][channels]
 * @param weight   f32[⌈outChannels/8⌉][36][channels][8], as `winogradWeights` writes it; from the panel of firstOut on
 * @param bias     f32[⌈outChannels/8⌉·8], or 0 for none; from firstOut on
 * @param y        f32[samples][outH][outW][outChannels]
 * @param scratch  36·(blockTiles·(channels + 8) + 4·channels + 72) floats
 */
export function winograd(x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: WinogradGeometry): void {
  const block = g.blockTiles;
  const position = (<usize>(block * g.channels) << 2) + 128; // off a power of two: 36 positions share no cache set
  const productPosition = (<usize>block << 5) + 64;
  const products = scratch + 36 * position;
  const patches = products + 36 * productPosition;
  const work = patches + (<usize>(144 * g.channels) << 2);
  const panelBytes = (<usize>g.channels << 5) * 36;
  const biasStep: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  for (let tile = g.firstTile; tile < g.endTile; tile += block) {
    const count = min(block, g.endTile - tile);
    let v = scratch;
    for (let i = 0; i < count; i += 4) {
      gatherTiles(x, tile + i, min(count - i, 4), v, position, patches, work, g);
      v += <usize>g.channels << 4;
    }
    let panel = weight;
    let panelBias = bias;
    for (let n = g.firstOut; n < g.endOut; n += 8) {
      multiply(scratch, position, panel, products, productPosition, count, <usize>g.channels << 5);
      scatterTiles(products, productPosition, panelBias, y, n, tile, count, patches, work, g);
      panel += panelBytes;
      panelBias += biasStep;
    }
  }
}

/** Tiles that cover an extent of y. */
@inline
function tilesAlong(extent: i32, g: WinogradGeometry): i32 {
  return (extent + g.tile - 1) / g.tile;
}

/**
 * Transforms the input of four tiles from `first` on into v, f32[36][channels][4]. A tile at the edge is first copied into a
 * patch with zeros around; where there are less than four, the last one stands in for the missing.
 *
 * @param work  f32[36][4] and f32[36][4][4]
 */
function gatherTiles(
  x: usize, first: i32, count: i32, v: usize, position: usize, patches: usize, work: usize, g: WinogradGeometry,
): void {
  const pixel = <usize>g.channels << 2;
  const row = <usize>g.inW * pixel;
  const patchRow = pixel * 6;
  const patch = patchRow * 6;
  const last = count - 1;
  let d0 = tileAt(x, first, patches, g);
  let d1 = tileAt(x, first + min(1, last), patches + patch, g);
  let d2 = tileAt(x, first + min(2, last), patches + 2 * patch, g);
  let d3 = tileAt(x, first + min(3, last), patches + 3 * patch, g);
  const row0 = d0 == patches ? patchRow : row;
  const row1 = d1 == patches + patch ? patchRow : row;
  const row2 = d2 == patches + 2 * patch ? patchRow : row;
  const row3 = d3 == patches + 3 * patch ? patchRow : row;
  const transformed = work + 576;
  for (const channelEnd = d0 + pixel; d0 < channelEnd; d0 += 16) {
    transformInput(d0, row0, pixel, transformed, work);
    transformInput(d1, row1, pixel, transformed + 16, work);
    transformInput(d2, row2, pixel, transformed + 32, work);
    transformInput(d3, row3, pixel, transformed + 48, work);
    d1 += 16;
    d2 += 16;
    d3 += 16;
    let to = v;
    for (let from = transformed; from < transformed + 2304; from += 64) {
      transposeFour(v128.load(from), v128.load(from, 16), v128.load(from, 32), v128.load(from, 48), to, 16);
      to += position;
    }
    v += 64;
  }
}

/** The 6×6 pixels under a tile: in x itself, or copied into `patch`, f32[6][6][channels], where they jut out. */
function tileAt(x: usize, tile: i32, patch: usize, g: WinogradGeometry): usize {
  const tilesX = tilesAlong(g.outW, g);
  const tilesY = tilesAlong(g.outH, g);
  const line = tile / tilesX;
  const sample = line / tilesY;
  const top = (line - sample * tilesY) * g.tile - g.padTop;
  const left = (tile - line * tilesX) * g.tile - g.padLeft;
  const pixel = <usize>g.channels << 2;
  const row = <usize>g.inW * pixel;
  const image = x + <usize>(sample * g.inH) * row;
  if (top >= 0 && left >= 0 && top + 6 <= g.inH && left + 6 <= g.inW) {
    return image + <usize>top * row + <usize>left * pixel;
  }
  const begin = min(max(left, 0), g.inW);
  const end = max(min(left + 6, g.inW), begin);
  const patchRow = pixel * 6;
  memory.fill(patch, 0, 6 * patchRow);
  for (let i = max(-top, 0); i < min(6, g.inH - top); i++) {
    memory.copy(
      patch + <usize>i * patchRow + <usize>(begin - left) * pixel,
      image + <usize>(top + i) * row + <usize>begin * pixel,
      <usize>(end - begin) * pixel,
    );
  }
  return patch;
}

/** For each of 36 positions: m[tile][0…7] = Σ_c v[c][tile] · u[c][0…7], in tiles of four; the loop of `multiplyPanel`. */
function multiply(
  v: usize, position: usize, u: usize, m: usize, productPosition: usize, count: i32, uBytes: usize,
): void {
  const last = m + 36 * productPosition;
  const productBytes = <usize>count << 5;
  for (; m < last; m += productPosition) {
    const end = u + uBytes;
    let packed = v;
    for (let out = m; out < m + productBytes; out += 128) {
      let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
      let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
      let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
      let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
      let w = u;
      do {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        w += 32;
        let a = v128.load32_splat(packed);
        s00 = madd(a, w0, s00);
        s01 = madd(a, w1, s01);
        a = v128.load32_splat(packed, 4);
        s10 = madd(a, w0, s10);
        s11 = madd(a, w1, s11);
        a = v128.load32_splat(packed, 8);
        s20 = madd(a, w0, s20);
        s21 = madd(a, w1, s21);
        a = v128.load32_splat(packed, 12);
        s30 = madd(a, w0, s30);
        s31 = madd(a, w1, s31);
        packed += 16;
      } while (w < end);
      v128.store(out, s00);
      v128.store(out, s01, 16);
      v128.store(out, s10, 32);
      v128.store(out, s11, 48);
      v128.store(out, s20, 64);
      v128.store(out, s21, 80);
      v128.store(out, s30, 96);
      v128.store(out, s31, 112);
    }
    u = end;
    v += position;
  }
}

/** Transforms the products of eight output channels into y; a tile or a panel that juts out goes through a patch. */
function scatterTiles(
  m: usize, position: usize, bias: usize, y: usize, n: i32, first: i32, count: i32, patch: usize, work: usize,
  g: WinogradGeometry,
): void {
  const tilesX = tilesAlong(g.outW, g);
  const tilesY = tilesAlong(g.outH, g);
  const pixel = <usize>g.outChannels << 2;
  const row = <usize>g.outW * pixel;
  const lanes = g.outChannels - n;
  const side = g.tile;
  for (let tile = first; tile < first + count; tile++) {
    const line = tile / tilesX;
    const sample = line / tilesY;
    const top = (line - sample * tilesY) * side;
    const left = (tile - line * tilesX) * side;
    const to = y + <usize>(sample * g.outH + top) * row + <usize>left * pixel + (<usize>n << 2);
    const whole = lanes >= 8 && top + side <= g.outH && left + side <= g.outW;
    const target = whole ? to : patch;
    const rowStep: usize = whole ? row : 128;
    const pixelStep: usize = whole ? pixel : 32;
    if (side == 4) transformOutput(m, position, bias, target, rowStep, pixelStep, g.lo, g.hi, work);
    else transformSmallOutput(side, m, position, bias, target, rowStep, pixelStep, g.lo, g.hi, work);
    if (!whole) {
      for (let i = 0; i < min(side, g.outH - top); i++) {
        for (let j = 0; j < min(side, g.outW - left); j++) {
          const from = patch + (<usize>(i * 4 + j) << 5);
          storeEight(to + <usize>i * row + <usize>j * pixel, v128.load(from), v128.load(from, 16), lanes);
        }
      }
    }
    m += 32;
  }
}
