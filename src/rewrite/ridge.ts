/** A linear map fitted by least squares with a penalty, from sums that one pass over the samples leaves. */
import { InputError } from "../errors";

/** Sums over samples of features f and targets t, in float64. */
export interface FitMoments {
  samples: number;
  readonly features: Float64Array;
  readonly targets: Float64Array;
  /** Σ f·fᵀ, the lower triangle. */
  readonly gram: Float64Array;
  /** Σ f·tᵀ, row by feature. */
  readonly cross: Float64Array;
  /** Σ ‖t‖². */
  squares: number;
}

export const noMoments = (features: number, targets: number): FitMoments => ({
  samples: 0,
  features: new Float64Array(features),
  targets: new Float64Array(targets),
  gram: new Float64Array(features * features),
  cross: new Float64Array(features * targets),
  squares: 0,
});

/** Adds one sample. */
export function addSample(moments: FitMoments, f: Float64Array, t: ArrayLike<number>): void {
  const { features, targets, gram, cross } = moments;
  const [n, m] = [features.length, targets.length];
  moments.samples++;
  for (let i = 0; i < n; i++) {
    features[i] += f[i];
    for (let j = 0; j <= i; j++) gram[i * n + j] += f[i] * f[j];
    for (let k = 0; k < m; k++) cross[i * m + k] += f[i] * t[k];
  }
  for (let k = 0; k < m; k++) {
    targets[k] += t[k];
    moments.squares += t[k] * t[k];
  }
}

export interface RidgeFit {
  /** Row by target: `weights[k * features + i]`. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  readonly lambda: number;
}

/**
 * Ridge regression t ≈ W·f + b; the bias is not penalised.
 *
 *   minimise  1/n Σ ‖t − W·f − b‖² + λ‖W‖²        W = (S + λI)⁻¹ C,  S and C the covariances of f with f and with t
 *
 * Hoerl & Kennard 1970. Without λ it is chosen by generalised cross-validation (Golub, Heath & Wahba 1979): the smallest
 * of  (residual / n) / (1 − d/n)²  with d = 1 + Σ sᵢ/(sᵢ + λ) degrees of freedom, sᵢ the eigenvalues of S, over 37 values
 * from 1e-6 to 1e3 times their mean. The sums alone give the residual of each.
 *
 * @throws {InputError} if the features are the same for all samples
 */
export async function fitRidge(moments: FitMoments, lambda?: number): Promise<RidgeFit> {
  // Only who fits a head loads the linear algebra.
  const { CholeskyDecomposition, EigenvalueDecomposition, Matrix } = await import("ml-matrix");
  const { samples, features, targets, gram, cross, squares } = moments;
  const [n, m] = [features.length, targets.length];
  const covariance = new Matrix(n, n);
  const withTargets = new Matrix(n, m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = gram[i * n + j] / samples - (features[i] / samples) * (features[j] / samples);
      covariance.set(i, j, value);
      covariance.set(j, i, value);
    }
    for (let k = 0; k < m; k++) {
      withTargets.set(i, k, cross[i * m + k] / samples - (features[i] / samples) * (targets[k] / samples));
    }
  }
  const spread = covariance.diag().reduce((total, value) => total + value, 0);
  if (!(spread > 1e-12 * (sum(Array.from(features, (total) => (total / samples) ** 2)) || 1))) {
    throw new InputError(
      "The head cannot be refitted: the pooled features are the same for all images. Pass images that differ, several per class.",
    );
  }
  let chosen = lambda;
  if (chosen === undefined) {
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
    const along = eigenvectorMatrix.transpose().mmul(withTargets);
    const explained = realEigenvalues.map((_, i) => sum(along.getRow(i).map((value) => value * value)));
    const variance = squares / samples - sum(Array.from(targets, (total) => (total / samples) ** 2));
    chosen = generalisedCrossValidation(realEigenvalues, explained, variance, samples);
  }
  const penalised = Matrix.add(covariance, Matrix.eye(n).mul(chosen));
  const solution = new CholeskyDecomposition(penalised).solve(withTargets);
  const weights = new Float64Array(m * n);
  const bias = new Float64Array(m);
  for (let k = 0; k < m; k++) {
    let constant = targets[k] / samples;
    for (let i = 0; i < n; i++) {
      weights[k * n + i] = solution.get(i, k);
      constant -= (solution.get(i, k) * features[i]) / samples;
    }
    bias[k] = constant;
  }
  return { weights, bias, lambda: chosen };
}

const candidates = /* @__PURE__ */ Array.from({ length: 37 }, (_, i) => 10 ** (-6 + i / 4));

/**
 * @param eigenvalues  of the features' covariance
 * @param explained    squared covariance of the targets with each eigenvector
 * @param variance     of the targets, summed
 */
function generalisedCrossValidation(
  eigenvalues: readonly number[],
  explained: readonly number[],
  variance: number,
  samples: number,
): number {
  // Rounding leaves eigenvalues a little below zero where features depend on each other.
  const spectrum = eigenvalues.map((value) => Math.max(value, 0));
  const mean = sum(spectrum) / spectrum.length;
  let best = { lambda: mean || 1, loss: Number.POSITIVE_INFINITY };
  for (const share of candidates) {
    const lambda = share * mean;
    const degrees = 1 + sum(spectrum.map((value) => value / (value + lambda)));
    const residual =
      variance - sum(explained.map((e, i) => (e * (spectrum[i] + 2 * lambda)) / (spectrum[i] + lambda) ** 2));
    const loss = Math.max(residual, 0) / (1 - degrees / samples) ** 2;
    if (degrees < samples && loss < best.loss) best = { lambda, loss };
  }
  return best.lambda;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
