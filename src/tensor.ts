import { isFloat32Array } from "./bytes";
import { InputError, ShapeError } from "./errors";

/** Number of elements of a shape. A scalar (rank 0) has one. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** `[1, 3, 224, 224]` as people read it: `1×3×224×224`. */
export function showShape(shape: readonly number[]): string {
  if (!isList(shape)) return `${typeof shape} in place of a shape`;
  if (shape.length === 0) return "scalar";
  return `${Array.from({ length: Math.min(shape.length, longestShown) }, (_, i) => shownExtent(shape[i])).join("×")}${shape.length > longestShown ? "×…" : ""}`;
}

const longestShown = 64;

const mostAxes = 1024;

const shownExtent = (extent: unknown): string => (typeof extent === "number" ? String(extent) : typeof extent);

const isList = (shape: unknown): boolean => Array.isArray(shape) || (ArrayBuffer.isView(shape) && "every" in shape);

function checkFloats(where: string, data: unknown): void {
  if (isFloat32Array(data)) return;
  throw new InputError(
    `${where}: the data must be a Float32Array, got ${data === null ? "null" : typeof data}. Float32Array.from(list) makes one.`,
  );
}

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
   * @throws {ShapeError} if the number of elements is not the product of the shape; {InputError} if the data are no Float32Array
   */
  constructor(data: Float32Array, shape: readonly number[]) {
    if (!isList(shape)) throw new ShapeError(`Tensor: the shape must be a list of extents, got ${typeof shape}.`);
    if (shape.length > mostAxes)
      throw new ShapeError(`Tensor: ${shape.length} axes, and at most ${mostAxes} are taken.`);
    checkFloats("Tensor", data);
    if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
      throw new ShapeError(`Tensor: every extent must be a whole number of at least 0, got ${showShape(shape)}.`);
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
    checkFloats("Tensor.fromNCHW", data);
    if (!isList(shape) || shape.length !== 4 || !shape.every(Number.isInteger)) {
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
