/** Spectral clustering, loaded on demand: the linear algebra is larger than the rest of an audit. */
import { kmeans } from "ml-kmeans";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

export interface Clustering {
  /** Of each point its cluster, 0 the largest. */
  readonly clusters: readonly number[];
  /** Of the normalised Laplacian, from the least on. */
  readonly eigenvalues: readonly number[];
}

/** The most clusters that a gap can speak for. */
const mostClusters = 8;
/** The neighbour whose distance is a point's own scale: the seventh of two hundred points, as Zelnik-Manor and Perona have it, of few an earlier one. */
const scaleNeighbour = (points: number): number => Math.min(points - 1, Math.max(3, Math.round(Math.sqrt(points) / 2)));
/** Fewer points have no clusters. */
const leastPoints = 6;

/**
 * Normalised spectral clustering, the number of clusters by the largest gap between neighbouring eigenvalues.
 *
 *   W_ij = exp(−d_ij² / (σ_i σ_j))     σ_i the distance of one of i's neighbours
 *   L = I − D^−½ W D^−½                its k least eigenvectors, rows scaled to length 1, into k-means
 *
 * Ng, Jordan & Weiss 2002; von Luxburg 2007, https://arxiv.org/abs/0711.0189, section 8.3 (eigengap); Zelnik-Manor & Perona 2004 (σ).
 *
 * @param seed  of k-means' first centres
 */
export function spectralClusters(points: readonly ArrayLike<number>[], seed: number): Clustering {
  const n = points.length;
  const one = { clusters: points.map(() => 0), eigenvalues: [] };
  if (n < leastPoints) return one;
  const distances = pairDistances(points);
  const scales = distances.map((row) => row.slice().sort()[scaleNeighbour(n)] || 1e-12);
  const affinity = (i: number, j: number): number =>
    i === j ? 0 : Math.exp(-(distances[i][j] ** 2) / (scales[i] * scales[j]));
  const weights = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => affinity(i, j)));
  const degrees = weights.map((row) =>
    Math.max(
      row.reduce((a, b) => a + b, 0),
      1e-12,
    ),
  );
  const laplacian = new Matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      laplacian.set(i, j, (i === j ? 1 : 0) - weights[i][j] / Math.sqrt(degrees[i] * degrees[j]));
    }
  }
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(laplacian, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[a] - realEigenvalues[b]);
  const eigenvalues = order.slice(0, mostClusters + 1).map((i) => Math.max(0, realEigenvalues[i]));
  const k = countByGap(eigenvalues, n);
  if (k === 1) return { ...one, eigenvalues };
  const rows = points.map((_, i) => {
    const row = order.slice(0, k).map((column) => eigenvectorMatrix.get(i, column));
    const length = Math.hypot(...row) || 1;
    return row.map((value) => value / length);
  });
  const { clusters } = kmeans(rows, k, { seed, initialization: "kmeans++", maxIterations: 200 });
  return { clusters: bySize(clusters), eigenvalues };
}

/** The number before the largest gap; clusters shall have three points on average at least. */
function countByGap(eigenvalues: readonly number[], points: number): number {
  let [count, widest] = [1, 0];
  for (let k = 1; k <= Math.min(mostClusters, Math.floor(points / 3), eigenvalues.length - 1); k++) {
    const gap = eigenvalues[k] - eigenvalues[k - 1];
    if (gap > widest) [count, widest] = [k, gap];
  }
  return count;
}

function pairDistances(points: readonly ArrayLike<number>[]): Float64Array[] {
  const all = points.map(() => new Float64Array(points.length));
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      let sum = 0;
      for (let k = 0; k < points[i].length; k++) sum += (points[i][k] - points[j][k]) ** 2;
      all[i][j] = Math.sqrt(sum);
      all[j][i] = all[i][j];
    }
  }
  return all;
}

/** Numbers clusters by falling size; of equal ones the first point decides. */
function bySize(clusters: readonly number[]): number[] {
  const names = [...new Set(clusters)];
  const size = (name: number): number => clusters.filter((each) => each === name).length;
  const order = [...names].sort((a, b) => size(b) - size(a) || names.indexOf(a) - names.indexOf(b));
  return clusters.map((each) => order.indexOf(each));
}
