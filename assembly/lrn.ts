import { loadStep, stepOf, storeStep } from "./lanes";
import { madd } from "./madd";
import { powerOfLanes } from "./scalar-lanes";

/** 1: see the note on constants in exp.ts. */
const one: usize = memory.data<f32>([1]);

/**
 * Local response normalisation across channels (ONNX LRN):
 *
 *   y[c] = x[c]·s[c]^−beta,  s[c] = k + alpha/size · Σ_{j ∈ W(c)} x[j]²,  W(c) = c − ⌊(size−1)/2⌋ … c + ⌈(size−1)/2⌉
 *
 * @param x  f32[pixels][channels]
 * @param y  f32[pixels][channels]; not x
 */
export function lrn(
  x: usize, y: usize, pixels: i32, channels: i32, size: i32, alpha: f32, beta: f32, k: f32,
): void {
  const before = (size - 1) >> 1;
  const factor = f32x4.splat(alpha / <f32>size);
  const bias = f32x4.splat(k);
  for (; pixels > 0; pixels--) {
    for (let c = 0, step = 0; c < channels; c += step) {
      step = stepOf(channels - c);
      const at = <usize>c << 2;
      const s = scaleOf(x, c, channels, before, size, factor, bias);
      storeStep(y + at, f32x4.mul(loadStep(x + at, step), inversePower(s, beta)), step);
    }
    x += <usize>channels << 2;
    y += <usize>channels << 2;
  }
}

/**
 * Adjoint of the derivative of `lrn`:
 *
 *   dx[i] = dy[i]·s[i]^−beta − 2·alpha·beta/size · x[i] · Σ_{c: i ∈ W(c)} dy[c]·x[c]·s[c]^(−beta−1)
 *
 * The s of every neighbour is computed again rather than kept: it costs `size` times more of little, and no scratch
 * memory.
 *
 * @param x   f32[pixels][channels]
 * @param dy  f32[pixels][channels]
 * @param dx  f32[pixels][channels]; neither x nor dy
 */
export function lrnBackward(
  x: usize, dy: usize, dx: usize, pixels: i32, channels: i32, size: i32, alpha: f32, beta: f32, k: f32,
): void {
  const before = (size - 1) >> 1;
  const after = size - 1 - before;
  const factor = f32x4.splat(alpha / <f32>size);
  const bias = f32x4.splat(k);
  const outer = f32x4.splat((2 * alpha * beta) / <f32>size);
  for (; pixels > 0; pixels--) {
    for (let i = 0, step = 0; i < channels; i += step) {
      step = stepOf(channels - i);
      let direct = f32x4.splat(0);
      let cross = f32x4.splat(0);
      // i ∈ W(c) exactly where c runs from i − after to i + before.
      for (let c = i - after; c <= i + before; c++) {
        const s = scaleOf(x, c, channels, before, size, factor, bias);
        const inverse = inversePower(s, beta);
        if (c == i) direct = inverse;
        const product = f32x4.mul(loadWithin(dy, c, channels), loadWithin(x, c, channels));
        cross = madd(product, f32x4.div(inverse, s), cross);
      }
      const at = <usize>i << 2;
      const indirect = f32x4.mul(f32x4.mul(outer, loadStep(x + at, step)), cross);
      storeStep(dx + at, f32x4.sub(f32x4.mul(loadStep(dy + at, step), direct), indirect), step);
    }
    x += <usize>channels << 2;
    dy += <usize>channels << 2;
    dx += <usize>channels << 2;
  }
}

/** s for channels c … c + 3. */
@inline
function scaleOf(x: usize, c: i32, channels: i32, before: i32, size: i32, factor: v128, bias: v128): v128 {
  const first = c - before;
  let sum = f32x4.splat(0);
  if (first >= 0 && first + size + 3 <= channels) {
    const end = x + (<usize>(first + size) << 2);
    for (let p = x + (<usize>first << 2); p < end; p += 4) {
      const v = v128.load(p);
      sum = madd(v, v, sum);
    }
  } else {
    for (let j = first; j < first + size; j++) {
      const v = loadWithin(x, j, channels);
      sum = madd(v, v, sum);
    }
  }
  return madd(factor, sum, bias);
}

/** Channels c … c + 3 of a pixel, zero where there is no such channel. */
@inline
function loadWithin(pixel: usize, c: i32, channels: i32): v128 {
  return c >= 0 && c + 4 <= channels ? v128.load(pixel + (<usize>c << 2)) : loadAtEdge(pixel, c, channels);
}

function loadAtEdge(pixel: usize, c: i32, channels: i32): v128 {
  return f32x4(
    channelOrZero(pixel, c, channels),
    channelOrZero(pixel, c + 1, channels),
    channelOrZero(pixel, c + 2, channels),
    channelOrZero(pixel, c + 3, channels),
  );
}

@inline
function channelOrZero(pixel: usize, c: i32, channels: i32): f32 {
  return <u32>c < <u32>channels ? load<f32>(pixel + (<usize>c << 2)) : 0;
}

/** s^−beta; every published network uses beta = ¾, which is two square roots. */
function inversePower(s: v128, beta: f32): v128 {
  if (beta == 0.75) {
    const root = f32x4.sqrt(s);
    return f32x4.div(v128.load32_splat(one), f32x4.mul(root, f32x4.sqrt(root)));
  }
  return powerOfLanes(s, f32x4.splat(-beta));
}
