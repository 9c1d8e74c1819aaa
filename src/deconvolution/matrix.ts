import { OptionError } from "../errors";
import type { CorrelationGeometry } from "../operation/correlation/side";
import { Tensor } from "../tensor";
import { type FormContext, wideSide } from "./planes";

/** W may hold this many numbers (64 MiB of float32). */
const maxEntries = 2 ** 24;

/** The matrix of a convolution and what its transpose makes of the input. */
export interface MatrixForm {
  /**
   * W `[M·h·w, C·H·W]`, rows and columns in the order of N, C, H, W flattened: the convolution is W·x, its deconvolution
   * Wᵀ·y.
   */
  readonly W: Tensor;
  readonly output: Tensor;
}

/** Rows and columns of W. */
const matrixShape = (g: CorrelationGeometry): readonly [rows: number, columns: number] => [
  g.outChannels * g.outH * g.outW,
  g.inChannels * g.inH * g.inW,
];

/** Why W is not written out, or nothing where it fits. */
export function tooLarge(g: CorrelationGeometry, layer: string): string | undefined {
  const [rows, columns] = matrixShape(g);
  if (rows * columns <= maxEntries) return undefined;
  const count = (value: number): string => value.toLocaleString("en-US");
  return (
    `The matrix W of "${layer}" would have ${count(rows)} rows and ${count(columns)} columns, ${count(rows * columns)} numbers ` +
    `(${count(Math.ceil((rows * columns * 4) / 2 ** 20))} MiB); at most ${count(maxEntries)} are written out. ` +
    "The other forms have no such limit; a smaller inputShape makes W smaller."
  );
}

/**
 * Writes the convolution out as a matrix: each row holds the kernel at the place where one output lies.
 *
 * @param weight  `[outChannels][inChannels / groups][kernelH][kernelW]`
 * @throws {OptionError} naming the size if it has more than 2²⁴ entries
 */
export function correlationMatrix(g: CorrelationGeometry, weight: ArrayLike<number>, layer: string): Tensor {
  const refusal = tooLarge(g, layer);
  if (refusal) throw new OptionError(refusal);
  const [rows, columns] = matrixShape(g);
  const W = new Float32Array(rows * columns);
  const inPerGroup = g.inChannels / g.groups;
  let row = 0;
  for (let n = 0; n < g.outChannels; n++) {
    const firstChannel = Math.floor(n / (g.outChannels / g.groups)) * inPerGroup;
    for (let oy = 0; oy < g.outH; oy++) {
      for (let ox = 0; ox < g.outW; ox++, row++) {
        for (let c = 0; c < inPerGroup; c++) {
          for (let ky = 0; ky < g.kernelH; ky++) {
            const iy = oy * g.strideH + ky * g.dilationH - g.padTop;
            if (iy < 0 || iy >= g.inH) continue;
            for (let kx = 0; kx < g.kernelW; kx++) {
              const ix = ox * g.strideW + kx * g.dilationW - g.padLeft;
              if (ix < 0 || ix >= g.inW) continue;
              W[row * columns + ((firstChannel + c) * g.inH + iy) * g.inW + ix] =
                weight[((n * inPerGroup + c) * g.kernelH + ky) * g.kernelW + kx];
            }
          }
        }
      }
    }
  }
  return new Tensor(W, [rows, columns]);
}

/** W·x. */
export function multiply({ data, shape: [rows, columns] }: Tensor, x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += data[row * columns + column] * x[column];
    return sum;
  });
}

/** Wᵀ·y. */
function multiplyTransposed({ data, shape: [rows, columns] }: Tensor, y: ArrayLike<number>): Float64Array {
  const out = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column] += data[row * columns + column] * y[row];
  }
  return out;
}

/** Deconvolution as Wᵀ·y. */
export function matrixForm({ geometry: g, weight, y, finish }: FormContext, layer: string): MatrixForm {
  const W = correlationMatrix(g, weight, layer);
  return { W, output: finish({ ...wideSide(g), data: multiplyTransposed(W, y.data) }) };
}
