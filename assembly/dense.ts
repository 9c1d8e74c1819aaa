import { convolvePanel, storeEight } from "./conv";
import { zeros } from "./lanes";

/**
 * A fully connected layer: y[s][n] = bias[n] + Σ_k x[s][k] · w[k][n], summed in the order of k, bias last, as `conv`
 * sums one tap.
 *
 * @param x       f32[samples][inputs]
 * @param weight  f32[⌈outputs/8⌉][inputs][8]
 * @param bias    f32[⌈outputs/8⌉·8], or 0 for none
 * @param y       f32[samples][outputs]
 */
export function dense(x: usize, weight: usize, bias: usize, y: usize, samples: i32, inputs: i32, outputs: i32): void {
  const xSample = (<usize>inputs) << 2;
  const ySample = (<usize>outputs) << 2;
  const panelBytes = (<usize>inputs) << 5;
  const biasBytes: usize = bias ? 32 : 0;
  if (!bias) bias = zeros;
  let n = 0;
  if (samples >= 4) {
    // Enough rows to fill a tile: arithmetic decides, not the reading of the weights.
    for (; n < outputs; n += 8) {
      convolvePanel(
        x,
        0,
        xSample,
        weight,
        bias,
        y,
        0,
        ySample,
        samples,
        samples,
        outputs - n,
        zeros,
        1,
        xSample,
        -Infinity,
        Infinity,
      );
      weight += panelBytes;
      bias += biasBytes;
      y += 32;
    }
    return;
  }
  // The panels of a few samples are read once for all of them while they are in the cache.
  for (; n + 16 < outputs; n += 24) {
    for (let s = 0; s < samples; s++) {
      threePanels(x + <usize>s * xSample, xSample, weight, bias, biasBytes, y + <usize>s * ySample, outputs - n);
    }
    weight += panelBytes * 3;
    bias += biasBytes * 3;
    y += 96;
  }
  for (; n < outputs; n += 8) {
    for (let s = 0; s < samples; s++) {
      onePanel(x + <usize>s * xSample, xSample, weight, bias, y + <usize>s * ySample, outputs - n);
    }
    weight += panelBytes;
    bias += biasBytes;
    y += 32;
  }
}

/** 17 to 24 outputs of one sample: three streams of weights; two more vectors would not fit the registers. */
function threePanels(x: usize, xBytes: usize, weight: usize, bias: usize, biasBytes: usize, y: usize, lanes: i32): void {
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
  const panel = xBytes << 3;
  for (const end = x + xBytes; x < end; x += 4) {
    const v = v128.load32_splat(x);
    let w = weight;
    s00 = f32x4.add(s00, f32x4.mul(v, v128.load(w)));
    s01 = f32x4.add(s01, f32x4.mul(v, v128.load(w, 16)));
    w += panel;
    s10 = f32x4.add(s10, f32x4.mul(v, v128.load(w)));
    s11 = f32x4.add(s11, f32x4.mul(v, v128.load(w, 16)));
    w += panel;
    s20 = f32x4.add(s20, f32x4.mul(v, v128.load(w)));
    s21 = f32x4.add(s21, f32x4.mul(v, v128.load(w, 16)));
    weight += 32;
  }
  storeEight(y, f32x4.add(s00, v128.load(bias)), f32x4.add(s01, v128.load(bias, 16)), 8);
  bias += biasBytes;
  storeEight(y + 32, f32x4.add(s10, v128.load(bias)), f32x4.add(s11, v128.load(bias, 16)), 8);
  bias += biasBytes;
  storeEight(y + 64, f32x4.add(s20, v128.load(bias)), f32x4.add(s21, v128.load(bias, 16)), lanes - 16);
}

/** One to eight outputs of one sample. */
function onePanel(x: usize, xBytes: usize, weight: usize, bias: usize, y: usize, lanes: i32): void {
  let s0 = f32x4.splat(0),
    s1 = f32x4.splat(0);
  for (const end = x + xBytes; x < end; x += 4) {
    const v = v128.load32_splat(x);
    s0 = f32x4.add(s0, f32x4.mul(v, v128.load(weight)));
    s1 = f32x4.add(s1, f32x4.mul(v, v128.load(weight, 16)));
    weight += 32;
  }
  storeEight(y, f32x4.add(s0, v128.load(bias)), f32x4.add(s1, v128.load(bias, 16)), lanes);
}
