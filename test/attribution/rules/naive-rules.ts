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

/** ConvTranspose as a matrix: the transpose of the convolution from its output to its input. */
export const transposed = (
  window: Window,
  weight: ArrayLike<number>,
  bias: readonly number[],
  inputs: number,
): Affine => {
  const { rows } = convolution(window, weight, new Array<number>(inputs).fill(0), inputs);
  const places = window.size[1] * window.size[2];
  return {
    rows: rows[0].map((_, i) => rows.map((row) => row[i])),
    bias: rows[0].map((_, i) => bias[Math.floor(i / places)]),
  };
};

/** A rule of LRP by its name and numbers. */
export interface NaiveRule {
  readonly rule: string;
  readonly epsilon?: number;
  readonly gamma?: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly low?: number;
  readonly high?: number;
}

const up = (value: number): number => Math.max(value, 0);
const down = (value: number): number => Math.min(value, 0);

/** What of output j's relevance goes to input i: weights of the single contributions, then each one's share. */
export function relevance(layer: Affine, x: readonly number[], above: readonly number[], given: NaiveRule): number[] {
  const below = new Array<number>(x.length).fill(0);
  const { rule, epsilon = 1e-6, gamma = 0.25, alpha = 2, beta = 1, low = 0, high = 1 } = given;
  layer.rows.forEach((row, j) => {
    const bias = layer.bias[j];
    const y = row.reduce((total, w, i) => total + w * x[i], bias);
    /** Hands `part` of the relevance out in proportion to `contribution`; the bias keeps its share. */
    const hand = (part: number, contribution: (w: number, i: number) => number, kept: number, small = 1e-6): void => {
      const z = row.reduce((total, w, i) => total + contribution(w, i), kept);
      row.forEach((w, i) => {
        below[i] += (above[j] * part * contribution(w, i)) / (z + (z < 0 ? -small : small));
      });
    };
    // Outside the kernel a layer has no weight at all.
    const under = (w: number, value: number): number => (w === 0 ? 0 : value);
    if (rule === "epsilon") hand(1, (w, i) => w * x[i], bias, epsilon);
    if (rule === "zPlus") hand(1, (w, i) => up(w * x[i]), up(bias));
    if (rule === "excitation") hand(1, (w, i) => up(w * x[i]), 0);
    if (rule === "flat") hand(1, (w) => under(w, 1), 0);
    if (rule === "wSquare") hand(1, (w) => w * w, bias * bias);
    if (rule === "zBox") hand(1, (w, i) => w * x[i] - up(w) * low - down(w) * high, 0);
    if (rule === "gamma") {
      const favoured = y > 0 ? up : down;
      hand(1, (w, i) => w * x[i] + gamma * favoured(w * x[i]), bias + gamma * favoured(bias));
    }
    if (rule === "alphaBeta") {
      hand(alpha, (w, i) => up(w * x[i]), up(bias));
      hand(-beta, (w, i) => down(w * x[i]), down(bias));
    }
  });
  return below;
}
