import { Random } from "../../random/random";

/** Steps in a row change the vector, of length 1, by less than this when it has converged. */
const settled = 1e-10;
/** Enough for a second singular value 0.1 % below the first; of values closer than that any mixture explains as much. */
const mostSteps = 10_000;

/**
 * The first principal component of pixels with channels: each pixel's coordinate along the direction in which they vary most.
 * Its largest magnitude is positive.
 *
 * Power iteration on the smaller of the two Gram matrices, in float64 and one fixed order: additions, products and square
 * roots, which have the same bits on every runtime.
 *
 * @param data  `[pixels][channels]`
 */
export function principalComponent(data: Float32Array, channels: number): Float32Array {
  const pixels = data.length / channels;
  const centred = centredRows(data, channels);
  const rows = pixels <= channels ? centred : transposed(centred, channels);
  const [vector, variance] = dominant(gram(rows, Math.min(pixels, channels)), Math.min(pixels, channels));
  // X v = σ u: among the pixels it is the left singular vector that was found, among the channels the right one.
  const scale = Math.sqrt(variance);
  const component = pixels <= channels ? vector.map((value) => value * scale) : times(centred, vector, pixels);
  let largest = 0;
  for (const value of component) if (Math.abs(value) > Math.abs(largest)) largest = value;
  return Float32Array.from(component, (value) => (largest < 0 ? -value : value));
}

/** Takes the mean over the pixels off each channel. */
function centredRows(data: Float32Array, channels: number): Float64Array {
  const means = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) means[i % channels] += data[i];
  const pixels = data.length / channels;
  return Float64Array.from(data, (value, i) => value - means[i % channels] / pixels);
}

function transposed(matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}

/** M Mᵀ of a matrix with `count` rows. */
function gram(matrix: Float64Array, count: number): Float64Array {
  const length = matrix.length / count;
  const products = new Float64Array(count * count);
  for (let a = 0; a < count; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let i = 0; i < length; i++) sum += matrix[a * length + i] * matrix[b * length + i];
      products[a * count + b] = sum;
      products[b * count + a] = sum;
    }
  }
  return products;
}

/** The eigenvector of length 1 with the largest eigenvalue of a positive semidefinite matrix; zeros if there is none. */
function dominant(matrix: Float64Array, count: number): [vector: Float64Array, eigenvalue: number] {
  // A random start is orthogonal to no eigenvector; a start made of the matrix may be.
  const random = new Random(0);
  let vector: Float64Array = Float64Array.from({ length: count }, () => random.uniform() - 0.5);
  let eigenvalue = 0;
  for (let step = 0; step < mostSteps; step++) {
    const next = times(matrix, vector, count);
    eigenvalue = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0));
    if (eigenvalue === 0) return [next, 0];
    let change = 0;
    for (let i = 0; i < count; i++) {
      next[i] /= eigenvalue;
      change = Math.max(change, Math.abs(next[i] - vector[i]));
    }
    vector = next;
    if (change < settled) break;
  }
  return [vector, eigenvalue];
}

function times(matrix: Float64Array, vector: Float64Array, rows: number): Float64Array {
  const columns = vector.length;
  const products = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += matrix[row * columns + column] * vector[column];
    products[row] = sum;
  }
  return products;
}
