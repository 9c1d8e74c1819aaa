/** Weighted least squares for a few features and many samples. */

export interface FitSamples {
  readonly rows: readonly ArrayLike<number>[];
  readonly targets: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
}

/** A pivot or singular value below this share of the largest is rounding. */
const rounding = 1e-12;

/**
 * Solves  minimise Σ w (t − row·β)² + λ‖β‖²  by its normal equations.
 *
 * @returns β; of several solutions the shortest
 */
export async function weightedFit({ rows, targets, weights }: FitSamples, lambda: number): Promise<Float64Array> {
  // Only who fits a model loads the linear algebra.
  const { CholeskyDecomposition, Matrix, pseudoInverse } = await import("ml-matrix");
  const n = rows[0].length;
  const gram = Matrix.zeros(n, n);
  const cross = Matrix.zeros(n, 1);
  rows.forEach((row, sample) => {
    const weight = weights[sample];
    for (let i = 0; i < n; i++) {
      if (row[i] === 0) continue;
      const share = weight * row[i];
      cross.set(i, 0, cross.get(i, 0) + share * targets[sample]);
      for (let j = 0; j <= i; j++) gram.set(i, j, gram.get(i, j) + share * row[j]);
    }
  });
  for (let i = 0; i < n; i++) {
    gram.set(i, i, gram.get(i, i) + lambda);
    for (let j = 0; j < i; j++) gram.set(j, i, gram.get(i, j));
  }
  const cholesky = new CholeskyDecomposition(gram);
  // Of a matrix without full rank rounding can leave every pivot above 0, and then any solution comes out.
  const pivots = cholesky.lowerTriangularMatrix.diagonal();
  const isFull = pivots.every((pivot, i) => pivot ** 2 > rounding * gram.get(i, i));
  const solution = isFull ? cholesky.solve(cross) : pseudoInverse(gram, rounding).mmul(cross);
  return Float64Array.from(solution.getColumn(0));
}
