/**
 * How alike the images of a batch look to a layer, Σᵢ Σ_{j≠i} ⟨Ĝᵢ, Ĝⱼ⟩ with Ĝ = AᵀA / ‖AᵀA‖ over the places of each
 * image: the cosines between their Gram matrices. Lucid's `diversity`, times the number of images.
 *
 * @param activations  f32[images][places][channels]
 * @param gradient     zeros of the same size; the derivative is added. None: only the value is computed
 */
export function similarity(
  activations: Float32Array,
  images: number,
  channels: number,
  gradient?: Float32Array,
): number {
  const size = activations.length / images;
  const samples = Array.from({ length: images }, (_, i) => activations.subarray(i * size, (i + 1) * size));
  const grams = samples.map((sample) => gram(sample, channels));
  const norms = grams.map((matrix) => Math.sqrt(Math.max(dot(matrix, matrix), smallest)));
  grams.forEach((matrix, i) => {
    for (let k = 0; k < matrix.length; k++) matrix[k] /= norms[i];
  });
  const total = new Float64Array(channels * channels);
  for (const matrix of grams) for (let k = 0; k < total.length; k++) total[k] += matrix[k];
  let alike = 0;
  grams.forEach((matrix, i) => {
    const others = total.map((value, k) => value - matrix[k]);
    const cosines = dot(others, matrix);
    alike += cosines;
    if (!gradient) return;
    // d/dĜᵢ counts every pair twice; the normalisation takes the part along Ĝᵢ away; d(AᵀA) = 2·A·(…) for a symmetric (…).
    const inner = others.map((value, k) => (4 * (value - cosines * matrix[k])) / norms[i]);
    addProduct(samples[i], inner, channels, gradient.subarray(i * size, (i + 1) * size));
  });
  return alike;
}

/** Lucid's smallest squared norm of a Gram matrix: one of nothing stays nothing. */
const smallest = 1e-10;

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** AᵀA of f32[places][channels]. */
function gram(sample: Float32Array, channels: number): Float64Array {
  const matrix = new Float64Array(channels * channels);
  for (let start = 0; start < sample.length; start += channels) {
    for (let a = 0; a < channels; a++) {
      const value = sample[start + a];
      if (value === 0) continue;
      for (let b = 0; b < channels; b++) matrix[a * channels + b] += value * sample[start + b];
    }
  }
  return matrix;
}

/** out += A·matrix */
function addProduct(sample: Float32Array, matrix: Float64Array, channels: number, out: Float32Array): void {
  for (let start = 0; start < sample.length; start += channels) {
    for (let a = 0; a < channels; a++) {
      const value = sample[start + a];
      if (value === 0) continue;
      for (let b = 0; b < channels; b++) out[start + b] += value * matrix[a * channels + b];
    }
  }
}
