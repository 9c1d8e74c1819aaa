interface Grid {
  readonly width: number;
  readonly channels: number;
}

/**
 * λ‖x‖² + τ·TV(x): what an input costs.
 *
 * @param x         f32[height][width][channels]
 * @param gradient  the derivative is subtracted from it
 */
export function penalties(
  x: Float32Array,
  grid: Grid,
  { l2, totalVariation }: { readonly l2: number; readonly totalVariation: number },
  gradient: Float64Array,
): number {
  for (let i = 0; i < x.length; i++) gradient[i] -= 2 * l2 * x[i];
  const size = l2 * x.reduce((total, value) => total + value * value, 0);
  return totalVariation === 0 ? size : size + totalVariation * subtractVariation(x, grid, totalVariation, gradient);
}

/**
 * Anisotropic total variation, Σ|x[y+1][x] − x[y][x]| + |x[y][x+1] − x[y][x]| over all channels, as
 * `tf.image.total_variation`; where neighbours are equal its slope is taken as 0.
 */
function subtractVariation(x: Float32Array, { width, channels }: Grid, weight: number, gradient: Float64Array): number {
  const row = width * channels;
  let total = 0;
  const pair = (here: number, there: number): void => {
    const difference = x[there] - x[here];
    total += Math.abs(difference);
    gradient[there] -= weight * Math.sign(difference);
    gradient[here] += weight * Math.sign(difference);
  };
  for (let i = 0; i < x.length; i++) {
    if (i + row < x.length) pair(i, i + row);
    if ((i % row) + channels < row) pair(i, i + channels);
  }
  return total;
}
