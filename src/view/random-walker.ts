/** Which of two labels a pixel belongs to, by what speaks for each and by how alike neighbours are. */

export interface WalkField {
  readonly width: number;
  readonly height: number;
  /** How much each pixel speaks for the first label and for the second, not negative. */
  readonly first: Float64Array;
  readonly second: Float64Array;
  /** Likeness of two neighbours, above 0. */
  readonly likeness: (pixel: number, neighbour: number) => number;
}

/** The residual falls by this factor before the result counts as solved. */
const precision = 1e-6;
const mostSteps = 500;

/**
 * The probability of the first label for every pixel: that a random walker, who prefers alike neighbours, meets it before the second.
 *
 *   minimise  Σ_edges w_ij (u_i − u_j)² + Σ_i first_i (u_i − 1)² + second_i u_i²
 *
 * Grady 2006, https://doi.org/10.1109/TPAMI.2006.233, with priors (Grady 2005, "Multilabel random walker image segmentation using
 * prior models", equation 9). The linear system is solved by conjugate gradients with a diagonal preconditioner.
 */
export function randomWalk({ width, height, first, second, likeness }: WalkField): Float64Array {
  const pixels = width * height;
  const right = new Float64Array(pixels);
  const below = new Float64Array(pixels);
  const diagonal = first.map((value, pixel) => value + second[pixel]);
  for (let pixel = 0; pixel < pixels; pixel++) {
    if (pixel % width < width - 1) {
      right[pixel] = likeness(pixel, pixel + 1);
      diagonal[pixel] += right[pixel];
      diagonal[pixel + 1] += right[pixel];
    }
    if (pixel < pixels - width) {
      below[pixel] = likeness(pixel, pixel + width);
      diagonal[pixel] += below[pixel];
      diagonal[pixel + width] += below[pixel];
    }
  }
  const apply = (u: Float64Array): Float64Array => {
    const out = u.map((value, pixel) => value * diagonal[pixel]);
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (right[pixel] > 0) {
        out[pixel] -= right[pixel] * u[pixel + 1];
        out[pixel + 1] -= right[pixel] * u[pixel];
      }
      if (below[pixel] > 0) {
        out[pixel] -= below[pixel] * u[pixel + width];
        out[pixel + width] -= below[pixel] * u[pixel];
      }
    }
    return out;
  };
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const u = new Float64Array(pixels);
  const residual = first.slice();
  const scaled = (): Float64Array => residual.map((value, pixel) => value / diagonal[pixel]);
  let direction = scaled();
  let energy = dot(residual, direction);
  const solved = energy * precision ** 2;
  for (let step = 0; step < mostSteps && energy > solved; step++) {
    const applied = apply(direction);
    const length = energy / dot(direction, applied);
    for (let i = 0; i < pixels; i++) {
      u[i] += length * direction[i];
      residual[i] -= length * applied[i];
    }
    const next = scaled();
    const turn = dot(residual, next) / energy;
    energy *= turn;
    direction = next.map((value, i) => value + turn * direction[i]);
  }
  return u;
}
