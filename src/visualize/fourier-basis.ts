import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { MatrixProduct } from "./matrix-product";

/**
 * The orthonormal real Fourier basis of n points: a constant, then cosine and sine of 1, 2, … waves, for even n at last
 * the fastest alternation.
 *
 * @returns f32[n waves][n points]
 */
export function fourierBasis(n: number): Float32Array {
  const basis = new Float32Array(n * n);
  for (let k = 0; k < n; k++) {
    const waves = Math.ceil(k / 2);
    const single = k === 0 || 2 * waves === n;
    for (let x = 0; x < n; x++) {
      // The angle is reduced first, so that equal angles give equal bits.
      const angle = (2 * Math.PI * ((waves * x) % n)) / n;
      basis[k * n + x] = Math.sqrt((single ? 1 : 2) / n) * (k % 2 === 1 || k === 0 ? Math.cos(angle) : Math.sin(angle));
    }
  }
  return basis;
}

/** Waves per pixel of the rows of `fourierBasis`. */
export const frequency = (k: number, n: number): number => Math.ceil(k / 2) / n;

/**
 * Pictures as sums of waves: two matrix products per picture, one along each axis. No fast transform: 224 is no power of
 * two, and at such sizes the kernels' product costs a fraction of the network's pass.
 */
export class FourierPlanes {
  readonly #planes: number;
  readonly #height: number;
  readonly #width: number;
  readonly #alongX: readonly [synthesis: MatrixProduct, analysis: MatrixProduct];
  readonly #alongY: readonly [synthesis: MatrixProduct, analysis: MatrixProduct];

  constructor(kernels: Kernels, memory: KernelMemory, planes: number, height: number, width: number) {
    this.#planes = planes;
    this.#height = height;
    this.#width = width;
    const axis = (n: number, lines: number) => {
      const basis = fourierBasis(n);
      const size = { inputs: n, outputs: n, rows: planes * lines };
      return [
        new MatrixProduct(kernels, memory, basis, size),
        new MatrixProduct(kernels, memory, transposed(basis, 1, n, n), size),
      ] as const;
    };
    this.#alongX = axis(width, height);
    this.#alongY = height === width ? this.#alongX : axis(height, width);
  }

  /** @returns f32[planes][width][height] (columns first) from f32[planes][ky][kx] */
  synthesise(spectrum: Float32Array): Float32Array {
    const rows = this.#alongX[0].apply(spectrum);
    return this.#alongY[0].apply(transposed(rows, this.#planes, this.#height, this.#width));
  }

  /** The adjoint of `synthesise`, and its inverse, because the basis is orthonormal. */
  analyse(columns: Float32Array): Float32Array {
    const rows = transposed(this.#alongY[1].apply(columns), this.#planes, this.#width, this.#height);
    return this.#alongX[1].apply(rows);
  }

  dispose(): void {
    for (const product of new Set([...this.#alongX, ...this.#alongY])) product.dispose();
  }
}

/** Transposes each of `planes` matrices [rows][columns]. */
function transposed(matrices: Float32Array, planes: number, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrices.length);
  for (let plane = 0; plane < planes; plane++) {
    const start = plane * rows * columns;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[start + c * rows + r] = matrices[start + r * columns + c];
    }
  }
  return out;
}
