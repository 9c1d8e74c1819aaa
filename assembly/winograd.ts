import { storeEight } from "./conv";
import { WinogradGeometry } from "./geometry";
import { zeros } from "./lanes";
import { transformInput, transformOutput } from "./winograd-transforms";

/**
 * Convolution 3×3 with stride and dilation 1, as Winograd's F(4×4, 3×3): 36 products per channel pair give 16 outputs that
 * would take 144.
 *
 *   y[oy][ox][n] = clamp(bias[n] + Σ_ky Σ_kx Σ_c x[oy − padTop + ky][ox − padLeft + kx][c] · w[n][c][ky][kx])
 *
 * Pixels outside x count as zero and are not read. A block of output tiles passes through all three steps while it is in
 * the L2 cache. Every tile is computed alone and sums in the order of c: neither the block nor the batch changes a bit.
 *
 * @param x        f32[samples][inH][inW][channels]
 * @param weight   f32[⌈outChannels/8⌉][36][channels][8], as `winogradWeights` writes it
 * @param bias     f32[⌈outChannels/8⌉·8], or 0 for none
 * @param y        f32[samples][outH][outW][outChannels]
 * @param scratch  36·(blockTiles·(channels + 8) + channels + 52) floats
 */
export function winograd(x: usize, weight: usize, bias: usize, y: usize, scratch: usize, g: WinogradGeometry): void {
  const block = g.blockTiles;
  const position = (<usize>(block * g.channels) << 2) + 128; // off a power of two: 36 positions share no cache set
  const productPosition = (<usize>block << 5) + 64;
  const products = scratch + 36 * position;
  const patch = products + 36 * productPosition;
  const work = patch + (<usize>(36 * g.channels) << 2);
  const tiles = g.samples * ((g.outH + 3) >> 2) * ((g.outW + 3) >> 2);
  const panelBytes = (<usize>g.channels << 5) * 36;
  const biasStep: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  for (let tile = 0; tile < tiles; tile += block) {
    const count = min(block, tiles - tile);
    gatherTiles(x, tile, count, scratch, position, patch, work, g);
    let panel = weight;
    let panelBias = bias;
    for (let n = 0; n < g.outChannels; n += 8) {
      multiply(scratch, position, panel, products, productPosition, count, <usize>g.channels << 2);
      scatterTiles(products, productPosition, panelBias, y, n, tile, count, patch, work, g);
      panel += panelBytes;
      panelBias += biasStep;
    }
  }
}

/** Transforms the input of tiles `first` … `first + count − 1`; a tile at the edge goes through a patch with zeros around. */
function gatherTiles(
  x: usize, first: i32, count: i32, v: usize, position: usize, patch: usize, work: usize, g: WinogradGeometry,
): void {
  const tilesX = (g.outW + 3) >> 2;
  const tilesY = (g.outH + 3) >> 2;
  const pixel = <usize>g.channels << 2;
  const row = <usize>g.inW * pixel;
  for (let tile = first; tile < first + count; tile++) {
    const line = tile / tilesX;
    const sample = line / tilesY;
    const top = ((line - sample * tilesY) << 2) - g.padTop;
    const left = ((tile - line * tilesX) << 2) - g.padLeft;
    const image = x + <usize>(sample * g.inH) * row;
    if (top >= 0 && left >= 0 && top + 6 <= g.inH && left + 6 <= g.inW) {
      transformInput(image + <usize>top * row + <usize>left * pixel, row, pixel, v, position, g.channels, work);
    } else {
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
      transformInput(patch, patchRow, pixel, v, position, g.channels, work);
    }
    v += pixel;
  }
}

/**
 * For each of 36 positions: m[tile][0…7] = Σ_c v[tile][c] · u[c][0…7], in tiles of four; the loop of `convolvePanel`.
 * A last group of less than four computes what nobody reads.
 */
function multiply(
  v: usize, position: usize, u: usize, m: usize, productPosition: usize, count: i32, channelBytes: usize,
): void {
  const uBytes = channelBytes << 3;
  for (const last = m + 36 * productPosition; m < last; m += productPosition) {
    let x0 = v;
    const end = u + uBytes;
    const mEnd = m + (<usize>count << 5);
    for (let out = m; out < mEnd; out += 128) {
      let x1 = x0 + channelBytes;
      let x2 = x1 + channelBytes;
      let x3 = x2 + channelBytes;
      const next = x3 + channelBytes;
      let s00 = f32x4.splat(0), s01 = f32x4.splat(0);
      let s10 = f32x4.splat(0), s11 = f32x4.splat(0);
      let s20 = f32x4.splat(0), s21 = f32x4.splat(0);
      let s30 = f32x4.splat(0), s31 = f32x4.splat(0);
      let w = u;
      do {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        w += 32;
        let a = v128.load32_splat(x0);
        s00 = f32x4.add(s00, f32x4.mul(a, w0));
        s01 = f32x4.add(s01, f32x4.mul(a, w1));
        x0 += 4;
        a = v128.load32_splat(x1);
        s10 = f32x4.add(s10, f32x4.mul(a, w0));
        s11 = f32x4.add(s11, f32x4.mul(a, w1));
        x1 += 4;
        a = v128.load32_splat(x2);
        s20 = f32x4.add(s20, f32x4.mul(a, w0));
        s21 = f32x4.add(s21, f32x4.mul(a, w1));
        x2 += 4;
        a = v128.load32_splat(x3);
        s30 = f32x4.add(s30, f32x4.mul(a, w0));
        s31 = f32x4.add(s31, f32x4.mul(a, w1));
        x3 += 4;
      } while (w < end);
      v128.store(out, s00);
      v128.store(out, s01, 16);
      v128.store(out, s10, 32);
      v128.store(out, s11, 48);
      v128.store(out, s20, 64);
      v128.store(out, s21, 80);
      v128.store(out, s30, 96);
      v128.store(out, s31, 112);
      x0 = next;
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
  const tilesX = (g.outW + 3) >> 2;
  const tilesY = (g.outH + 3) >> 2;
  const pixel = <usize>g.outChannels << 2;
  const row = <usize>g.outW * pixel;
  const lanes = g.outChannels - n;
  for (let tile = first; tile < first + count; tile++) {
    const line = tile / tilesX;
    const sample = line / tilesY;
    const top = (line - sample * tilesY) << 2;
    const left = (tile - line * tilesX) << 2;
    const to = y + <usize>(sample * g.outH + top) * row + <usize>left * pixel + (<usize>n << 2);
    if (lanes >= 8 && top + 4 <= g.outH && left + 4 <= g.outW) {
      transformOutput(m, position, bias, to, row, pixel, g.lo, g.hi, work);
    } else {
      transformOutput(m, position, bias, patch, 128, 32, g.lo, g.hi, work);
      for (let i = 0; i < min(4, g.outH - top); i++) {
        for (let j = 0; j < min(4, g.outW - left); j++) {
          const from = patch + (<usize>(i * 4 + j) << 5);
          storeEight(to + <usize>i * row + <usize>j * pixel, v128.load(from), v128.load(from, 16), lanes);
        }
      }
    }
    m += 32;
  }
}
