import { ShapeError } from "./errors";

/** Number of elements of a shape. A scalar (rank 0) has one. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** `[1, 3, 224, 224]` as people read it: `1×3×224×224`. */
export const showShape = (shape: readonly number[]): string => (shape.length === 0 ? "scalar" : shape.join("×"));

/**
 * A dense float32 array with a shape, row-major.
 *
 * Rank 4 is `[N, H, W, C]` (channels last, as an `ImageData` is). Every other rank keeps the order of the ONNX file.
 */
export class Tensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];

  /**
   * @param data   the elements, row-major; kept, not copied
   * @param shape  extents; rank 4 is `[N, H, W, C]`
   * @throws {ShapeError} if the number of elements is not the product of the shape
   */
  constructor(data: Float32Array, shape: readonly number[]) {
    if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
      throw new ShapeError(`Tensor: every extent must be a whole number of at least 0, got [${shape.join(", ")}].`);
    }
    if (sizeOf(shape) !== data.length) {
      throw new ShapeError(
        `Tensor: shape ${showShape(shape)} holds ${sizeOf(shape)} values, the data has ${data.length}.`,
      );
    }
    this.data = data;
    this.shape = [...shape];
  }

  /**
   * Makes a channels-last tensor from data in the order PyTorch and ONNX use.
   *
   * @param data   N·C·H·W values, row-major
   * @param shape  `[N, C, H, W]`
   * @returns a tensor of shape `[N, H, W, C]`
   */
  static fromNCHW(data: Float32Array, shape: readonly number[]): Tensor {
    if (shape.length !== 4) {
      throw new ShapeError(`Tensor.fromNCHW: expected a shape [N, C, H, W], got ${showShape(shape)}.`);
    }
    const [n, c, h, w] = shape as [number, number, number, number];
    if (sizeOf(shape) !== data.length) {
      throw new ShapeError(
        `Tensor.fromNCHW: shape ${showShape(shape)} holds ${sizeOf(shape)} values, the data has ${data.length}.`,
      );
    }
    return new Tensor(swapPlanes(data, n, c, h * w), [n, h, w, c]);
  }

  /** What `JSON.stringify` writes: plain lists. `new Tensor(Float32Array.from(data), shape)` reads them, to the bit. */
  toJSON(): { shape: number[]; data: number[] } {
    return { shape: [...this.shape], data: Array.from(this.data) };
  }

  /** @returns the values in the order `[N, C, H, W]`, a new array. Only for rank 4. */
  toNCHW(): Float32Array {
    if (this.shape.length !== 4) {
      throw new ShapeError(`Tensor.toNCHW: expected rank 4 [N, H, W, C], this tensor is ${showShape(this.shape)}.`);
    }
    const [n, h, w, c] = this.shape as [number, number, number, number];
    return swapPlanes(this.data, n, h * w, c);
  }
}

/** Transposes each of `n` matrices `[rows][columns]` to `[columns][rows]`. */
function swapPlanes(data: Float32Array, n: number, rows: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < n; i++) {
    const base = i * rows * columns;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[base + c * rows + r] = data[base + r * columns + c];
    }
  }
  return out;
}
