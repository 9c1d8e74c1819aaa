/**
 * The rules a second time, in float64 and on matrices: every linear layer of a small network written out as one row of weights
 * per output, numbers in the order of ONNX (channels first). Shares nothing with the library.
 */

/** y = rows · x + bias. */
export interface Affine {
  readonly rows: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

export interface Window {
  readonly size: readonly [channels: number, height: number, width: number];
  readonly kernel: number;
  readonly stride?: number;
  readonly pad?: number;
}

/** The places a window sees, [c, y, x] of each of its elements, outputs row-major; places in the padding are left out. */
function windows({ size: [, height, width], kernel, stride = 1, pad = 0 }: Window) {
  const extent = (length: number): number => Math.floor((length + 2 * pad - kernel) / stride) + 1;
  const [rows, columns] = [extent(height), extent(width)];
  return Array.from({ length: rows * columns }, (_, p) => {
    const [top, left] = [Math.floor(p / columns) * stride - pad, (p % columns) * stride - pad];
    return Array.from({ length: kernel * kernel }, (_, k) => ({
      k,
      y: top + Math.floor(k / kernel),
      x: left + (k % kernel),
    })).filter(({ y, x }) => y >= 0 && x >= 0 && y < height && x < width);
  });
}

/** A convolution as a matrix; weight [outputs, channels / groups, kernel, kernel]. */
export function convolution(
  window: Window,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  outputs: number,
  groups = 1,
): Affine {
  const [channels, height, width] = window.size;
  const places = windows(window);
  const perGroup = channels / groups;
  const rows = Array.from({ length: outputs * places.length }, (_, j) => {
    const row = new Array<number>(channels * height * width).fill(0);
    const n = Math.floor(j / places.length);
    const first = Math.floor(n / (outputs / groups)) * perGroup;
    for (let c = 0; c < perGroup; c++) {
      for (const { k, y, x } of places[j % places.length]) {
        row[((first + c) * height + y) * width + x] = weight[(n * perGroup + c) * window.kernel ** 2 + k];
      }
    }
    return row;
  });
  return { rows, bias: rows.map((_, j) => bias[Math.floor(j / places.length)]) };
}

/** A dense layer; weight [inputs, outputs]. */
export const dense = (weight: ArrayLike<number>, bias: ArrayLike<number>): Affine => ({
  rows: Array.from(bias, (_, j) =>
    Array.from({ length: weight.length / bias.length }, (_, i) => weight[i * bias.length + j]),
  ),
  bias: Array.from(bias),
});

export const applied = ({ rows, bias }: Affine, x: readonly number[]): number[] =>
  rows.map((row, j) => row.reduce((sum, w, i) => sum + w * x[i], bias[j]));

/** What arrives at the inputs if each output hands its number to them in proportion to the weights. */
export const adjoint = ({ rows }: Affine, y: readonly number[]): number[] =>
  rows[0].map((_, i) => rows.reduce((sum, row, j) => sum + row[i] * y[j], 0));

/** For each output of a max-pool the input it takes. */
export function maxima(window: Window, x: readonly number[]): number[] {
  const [channels, height, width] = window.size;
  return Array.from({ length: channels }, (_, c) =>
    windows(window).map((places) =>
      places
        .map((place) => (c * height + place.y) * width + place.x)
        .reduce((best, index) => (x[index] > x[best] ? index : best)),
    ),
  ).flat();
}

export const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** The largest difference, as a share of the largest expected number. */
export const distance = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - found[i]))) / largest;
};
