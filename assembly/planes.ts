import { multiplyPanel } from "./conv";
import { transposeFour, zeros } from "./lanes";

/**
 * Dense layers of tokens that lie side by side, one number after the other:
 *
 *   y[plane][n][p] = clamp(bias[n] + Σ_k x[plane][k][p] · w[k][n])
 *
 * Four tokens that are neighbours are gathered as whole vectors and written as such; no value is turned round in memory before or
 * after. Sums have the bits of `conv` with one tap.
 *
 * @param x        f32[rows/span][inner][span]
 * @param panels   f32[⌈columns/8⌉][inner][8]
 * @param bias     f32[⌈columns/8⌉·8], or 0 for none
 * @param y        f32[rows/span][columns][span]
 * @param scratch  blockTiles·(48 + 4·inner) floats
 * @param rows     tokens, a multiple of `span`
 * @param blockTiles  groups of four tokens that are gathered together
 */
export function multiplyPlanes(
  x: usize, panels: usize, bias: usize, y: usize, scratch: usize,
  rows: i32, span: i32, inner: i32, columns: i32, blockTiles: i32, lo: f32, hi: f32,
): void {
  const block = blockTiles << 2;
  const staging = scratch + (<usize>block << 4);
  const packed = staging + (<usize>block << 5);
  const panelBytes = <usize>inner << 5;
  const biasStep: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  for (let first = 0; first < rows; first += block) {
    const count = min(block, rows - first);
    let end = scratch;
    for (let row = 0; row < count; row += 4, end += 64) {
      for (let i = 0; i < 4; i++) store<i32>(end + (<usize>i << 4), (row + i) << 5);
      gatherTokens(x, packed + ((<usize>row * inner) << 2), first + row, rows, span, inner);
    }
    let panel = panels;
    let panelBias = bias;
    for (let n = 0; n < columns; n += 8) {
      multiplyPanel(packed, panel, panelBytes, panelBias, staging, scratch, end, 8, lo, hi);
      scatterTokens(staging, y, first, count, span, n, columns);
      panel += panelBytes;
      panelBias += biasStep;
    }
  }
}

/** Four tokens from one on, f32[inner][4]; behind the last one it is repeated. */
function gatherTokens(x: usize, to: usize, token: i32, rows: i32, span: i32, inner: i32): void {
  const step = <usize>span << 2;
  const place = token % span;
  let p0 = x + placeOf(token, span, inner);
  const end = to + (<usize>inner << 4);
  if (place + 4 <= span) {
    for (; to < end; to += 16) {
      v128.store(to, v128.load(p0));
      p0 += step;
    }
    return;
  }
  let p1 = x + placeOf(min(token + 1, rows - 1), span, inner);
  let p2 = x + placeOf(min(token + 2, rows - 1), span, inner);
  let p3 = x + placeOf(min(token + 3, rows - 1), span, inner);
  for (; to < end; to += 16) {
    store<f32>(to, load<f32>(p0));
    store<f32>(to, load<f32>(p1), 4);
    store<f32>(to, load<f32>(p2), 8);
    store<f32>(to, load<f32>(p3), 12);
    p0 += step;
    p1 += step;
    p2 += step;
    p3 += step;
  }
}

/** Bytes to a token's first number. */
@inline
function placeOf(token: i32, span: i32, numbers: i32): usize {
  const plane = token / span;
  return <usize>(plane * numbers * span + (token - plane * span)) << 2;
}

/** Eight numbers of every token of a block, f32[count][8], to their planes. */
function scatterTokens(from: usize, y: usize, first: i32, count: i32, span: i32, n: i32, columns: i32): void {
  const step = <usize>span << 2;
  const lanes = min(columns - n, 8);
  const before = <usize>(n * span) << 2;
  for (let row = 0; row < count; row += 4, from += 128) {
    const token = first + row;
    if (row + 4 <= count && (token % span) + 4 <= span && lanes == 8) {
      let to = y + placeOf(token, span, columns) + before;
      transposeFour(v128.load(from), v128.load(from, 32), v128.load(from, 64), v128.load(from, 96), to, step);
      to += step << 2;
      transposeFour(v128.load(from, 16), v128.load(from, 48), v128.load(from, 80), v128.load(from, 112), to, step);
      continue;
    }
    for (let i = 0; i < min(4, count - row); i++) {
      let to = y + placeOf(token + i, span, columns) + before;
      for (let lane = from + (<usize>i << 5), last = lane + (<usize>lanes << 2); lane < last; lane += 4) {
        store<f32>(to, load<f32>(lane));
        to += step;
      }
    }
  }
}
