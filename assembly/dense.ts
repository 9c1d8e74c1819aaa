import { storeEight } from "./conv";
import { clamp, zeros } from "./lanes";
import { madd } from "./madd";

/**
 * A fully connected layer of one sample: y[n] = clamp(bias[n] + Σ_k x[k] · w[k][n]), summed in the order of k, bias last, as
 * `conv` sums one tap.
 *
 * @param x       f32[inputs]
 * @param weight  f32[⌈outputs/8⌉][inputs][8]
 * @param bias    f32[⌈outputs/8⌉·8], or 0 for none
 * @param y       f32[outputs]
 */
export function dense(
  x: usize, weight: usize, bias: usize, y: usize, inputs: i32, outputs: i32, lo: f32, hi: f32,
): void {
  const xBytes = <usize>inputs << 2;
  const panelBytes = <usize>inputs << 5;
  const biasBytes: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  let n = 0;
  for (; n + 16 < outputs; n += 24) {
    threePanels(x, xBytes, weight, bias, biasBytes, y, outputs - n, lo, hi);
    weight += panelBytes * 3;
    bias += biasBytes * 3;
    y += 96;
  }
  for (; n < outputs; n += 8) {
    onePanel(x, xBytes, weight, bias, y, outputs - n, lo, hi);
    weight += panelBytes;
    bias += biasBytes;
    y += 32;
  }
}

/** 17 to 24 outputs: three streams of weights; two more vectors would not fit the registers. */
function threePanels(
  x: usize, xBytes: usize, weight: usize, bias: usize, biasBytes: usize, y: usize, lanes: i32, lo: f32, hi: f32,
): void {
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
  const panel = xBytes << 3;
  for (const end = x + xBytes; x < end; x += 4) {
    const v = v128.load32_splat(x);
    let w = weight;
    s00 = madd(v, v128.load(w), s00);
    s01 = madd(v, v128.load(w, 16), s01);
    w += panel;
    s10 = madd(v, v128.load(w), s10);
    s11 = madd(v, v128.load(w, 16), s11);
    w += panel;
    s20 = madd(v, v128.load(w), s20);
    s21 = madd(v, v128.load(w, 16), s21);
    weight += 32;
  }
  storeSums(y, s00, s01, bias, 8, lo, hi);
  bias += biasBytes;
  storeSums(y + 32, s10, s11, bias, 8, lo, hi);
  bias += biasBytes;
  storeSums(y + 64, s20, s21, bias, lanes - 16, lo, hi);
}

/** One to eight outputs. */
function onePanel(
  x: usize, xBytes: usize, weight: usize, bias: usize, y: usize, lanes: i32, lo: f32, hi: f32,
): void {
  let s0 = f32x4.splat(0), s1 = s0;
  for (const end = x + xBytes; x < end; x += 4) {
    const v = v128.load32_splat(x);
    s0 = madd(v, v128.load(weight), s0);
    s1 = madd(v, v128.load(weight, 16), s1);
    weight += 32;
  }
  storeSums(y, s0, s1, bias, lanes, lo, hi);
}

function storeSums(y: usize, low: v128, high: v128, bias: usize, lanes: i32, lo: f32, hi: f32): void {
  const lower = f32x4.splat(lo), upper = f32x4.splat(hi);
  low = clamp(f32x4.add(low, v128.load(bias)), lower, upper);
  high = clamp(f32x4.add(high, v128.load(bias, 16)), lower, upper);
  storeEight(y, low, high, lanes);
}
