/**
 * How a value lies in memory. Shapes are ONNX shapes (N, C, spatial…); from rank 3 on memory is channels last
 * (N, spatial…, C), so that the kernels run over channels and an image is what it is everywhere else.
 */
import { sizeOf } from "../tensor";

export type Shape = readonly number[];

/** Logical axes in the order memory has them, outermost first. */
export function memoryOrder(rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return rank < 3 ? axes : [0, ...axes.slice(2), 1];
}

/** Extents in the order memory has them. */
const memoryShape = (shape: Shape): number[] => memoryOrder(shape.length).map((axis) => shape[axis]);

/** Floats from one index to the next along each logical axis, for the memory layout of this shape. */
export function memoryStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (const axis of memoryOrder(shape.length).reverse()) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Strides of the same shape written in plain row-major order. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** True where channels-last memory and row-major order are the same sequence of numbers. */
export function isRowMajor(shape: Shape): boolean {
  return shape.length < 3 || shape[1] === 1 || sizeOf(shape.slice(2)) === 1;
}

/** A shape as the image the kernels see; of more than two spatial axes all but the last are rows. */
export interface ImageShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
}

export function imageShape(shape: Shape): ImageShape {
  const [n, c, ...spatial] = shape;
  return { n, h: sizeOf(spatial.slice(0, -1)), w: spatial.at(-1) ?? 1, c };
}

/** The shape a Tensor of this value has: rank 4 is NHWC, every other rank stays as the file says. */
export const tensorShape = (shape: Shape): number[] => (shape.length === 4 ? memoryShape(shape) : [...shape]);

/** Rearranges row-major data of an ONNX shape into memory order. */
export function toMemoryOrder(data: Float32Array, shape: Shape): Float32Array {
  return isRowMajor(shape) ? data : permute(data, shape, rowMajorStrides(shape), memoryOrder(shape.length));
}

/** Rearranges data in memory order into the row-major order of its ONNX shape. */
export function toRowMajor(data: Float32Array, shape: Shape): Float32Array {
  const axes = Array.from({ length: shape.length }, (_, axis) => axis);
  return isRowMajor(shape) ? data : permute(data, shape, memoryStrides(shape), axes);
}

function permute(data: Float32Array, shape: Shape, strides: readonly number[], order: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from];
    for (let k = order.length - 1; k >= 0; k--) {
      const axis = order[k];
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** Nested loops with a stride per operand. */
export interface Loops {
  readonly extents: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Drops loops of one round and joins neighbours that walk memory without a gap in both operands. */
export function collapseLoops(loops: Loops): Loops {
  const extents: number[] = [];
  const a: number[] = [];
  const b: number[] = [];
  for (let i = 0; i < loops.extents.length; i++) {
    const [extent, strideA, strideB] = [loops.extents[i], loops.a[i], loops.b[i]];
    if (extent === 1) continue;
    const last = extents.length - 1;
    if (last >= 0 && a[last] === strideA * extent && b[last] === strideB * extent) {
      extents[last] *= extent;
      a[last] = strideA;
      b[last] = strideB;
    } else {
      extents.push(extent);
      a.push(strideA);
      b.push(strideB);
    }
  }
  return { extents, a, b };
}
