/** 1: see the note on constants in exp.ts. */
const one: usize = memory.data<f64>([1]);

/**
 * Instance normalisation, per sample and channel over the pixels:
 *
 *   y = scale·(x − mean)·r + bias,  r = 1/√(variance + epsilon)
 *
 * Two channels at a time in float64, statistics in two passes: x − mean cancels where the mean is large.
 *
 * @param x      f32[samples][pixels][channels]
 * @param scale  f32[channels]
 * @param bias   f32[channels]
 * @param y      f32[samples][pixels][channels]; may be x
 */
export function instanceNorm(
  x: usize, scale: usize, bias: usize, y: usize, samples: i32, pixels: i32, channels: i32, epsilon: f32,
): void {
  const pixelBytes = <usize>channels << 2;
  const imageBytes = <usize>pixels * pixelBytes;
  for (; samples > 0; samples--) {
    for (let c = 0; c < channels; c += 2) {
      const single = c + 1 == channels;
      const at = <usize>c << 2;
      const mean = meanOf(x + at, pixels, pixelBytes, single);
      const deviation = inverseDeviation(x + at, mean, pixels, pixelBytes, single, epsilon);
      const factor = f64x2.mul(deviation, loadPair(scale + at, single));
      const shift = loadPair(bias + at, single);
      for (let p = at; p < imageBytes; p += pixelBytes) {
        const centred = f64x2.sub(loadPair(x + p, single), mean);
        storePair(y + p, f64x2.add(f64x2.mul(centred, factor), shift), single);
      }
    }
    x += imageBytes;
    y += imageBytes;
  }
}

/**
 * Adjoint of the derivative of `instanceNorm`, with the normalised h = (x − mean)·r and means over the pixels:
 *
 *   dx = scale·r·(dy − mean(dy) − h·mean(dy·h))
 *
 * @param x      f32[samples][pixels][channels]
 * @param scale  f32[channels]
 * @param dy     f32[samples][pixels][channels]
 * @param dx     f32[samples][pixels][channels]; may be dy
 */
export function instanceNormBackward(
  x: usize, scale: usize, dy: usize, dx: usize, samples: i32, pixels: i32, channels: i32, epsilon: f32,
): void {
  const pixelBytes = <usize>channels << 2;
  const imageBytes = <usize>pixels * pixelBytes;
  const count = f64x2.splat(<f64>pixels);
  for (; samples > 0; samples--) {
    for (let c = 0; c < channels; c += 2) {
      const single = c + 1 == channels;
      const at = <usize>c << 2;
      const mean = meanOf(x + at, pixels, pixelBytes, single);
      const deviation = inverseDeviation(x + at, mean, pixels, pixelBytes, single, epsilon);
      const dyMean = meanOf(dy + at, pixels, pixelBytes, single);
      let correlation = f64x2.splat(0);
      for (let p = at; p < imageBytes; p += pixelBytes) {
        const h = f64x2.mul(f64x2.sub(loadPair(x + p, single), mean), deviation);
        correlation = f64x2.add(correlation, f64x2.mul(loadPair(dy + p, single), h));
      }
      correlation = f64x2.div(correlation, count);
      const factor = f64x2.mul(deviation, loadPair(scale + at, single));
      for (let p = at; p < imageBytes; p += pixelBytes) {
        const h = f64x2.mul(f64x2.sub(loadPair(x + p, single), mean), deviation);
        const centred = f64x2.sub(loadPair(dy + p, single), dyMean);
        storePair(dx + p, f64x2.mul(factor, f64x2.sub(centred, f64x2.mul(h, correlation))), single);
      }
    }
    x += imageBytes;
    dy += imageBytes;
    dx += imageBytes;
  }
}

function meanOf(x: usize, pixels: i32, pixelBytes: usize, single: bool): v128 {
  let sum = f64x2.splat(0);
  for (const end = x + <usize>pixels * pixelBytes; x < end; x += pixelBytes) {
    sum = f64x2.add(sum, loadPair(x, single));
  }
  return f64x2.div(sum, f64x2.splat(<f64>pixels));
}

/** 1/√(variance + epsilon), the variance divided by the number of pixels. */
function inverseDeviation(x: usize, mean: v128, pixels: i32, pixelBytes: usize, single: bool, epsilon: f32): v128 {
  let sum = f64x2.splat(0);
  for (const end = x + <usize>pixels * pixelBytes; x < end; x += pixelBytes) {
    const centred = f64x2.sub(loadPair(x, single), mean);
    sum = f64x2.add(sum, f64x2.mul(centred, centred));
  }
  const variance = f64x2.div(sum, f64x2.splat(<f64>pixels));
  return f64x2.div(v128.load64_splat(one), f64x2.sqrt(f64x2.add(variance, f64x2.splat(<f64>epsilon))));
}

/** Two floats as float64; only the first where the channel is the last one. */
@inline
function loadPair(source: usize, single: bool): v128 {
  return f64x2.promote_low_f32x4(single ? v128.load32_zero(source) : v128.load64_zero(source));
}

@inline
function storePair(target: usize, v: v128, single: bool): void {
  const floats = f32x4.demote_f64x2_zero(v);
  if (single) v128.store32_lane(target, floats, 0);
  else v128.store64_lane(target, floats, 0);
}
