/**
 * Gaussian blur of interleaved pixels, edges repeated; a picture one pixel high is blurred along its width alone.
 *
 * @param sigma  standard deviation in pixels
 */
export function gaussianBlur(
  data: Float32Array,
  height: number,
  width: number,
  channels: number,
  sigma: number,
): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    exponentialDecay((i - radius) ** 2 / (2 * sigma * sigma)),
  );
  const total = kernel.reduce((a, b) => a + b, 0);
  const along = (
    source: Float32Array,
    lines: number,
    extent: number,
    stride: number,
    startOf: (line: number) => number,
  ): Float32Array => {
    const out = new Float32Array(source.length);
    for (let line = 0; line < lines; line++) {
      const start = startOf(line);
      for (let i = 0; i < extent; i++) {
        let sum = 0;
        for (let k = -radius; k <= radius; k++) {
          sum += kernel[k + radius] * source[start + Math.min(Math.max(i + k, 0), extent - 1) * stride];
        }
        out[start + i * stride] = sum / total;
      }
    }
    return out;
  };
  const row = width * channels;
  const rowStart = (line: number): number => Math.floor(line / channels) * row + (line % channels);
  const horizontal = along(data, height * channels, width, channels, rowStart);
  return height === 1 ? horizontal : along(horizontal, row, height, row, (line) => line);
}

/** e^−t by its series: `Math.exp` may differ in the last bit from one runtime to the next. */
export function exponentialDecay(t: number): number {
  let [sum, term] = [1, 1];
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= t / n;
    sum += term;
  }
  return 1 / sum;
}
