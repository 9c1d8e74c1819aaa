/**
 * How a value lies in memory. Shapes are ONNX shapes (N, C, spatial…); from rank 3 on memory is channels last
 * (N, spatial…, C), so that the kernels run over channels and an image is what it is everywhere else.
 */
import { loopsOf, rowMajorStrides, visitPairs } from "../graph/regions";
import { filled, type Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";

/** A shape with at least this rank, as broadcasting has it: axes align at the right. */
export const withRank = (shape: Shape, rank: number): Shape => [
  ...filled(Math.max(0, rank - shape.length), 1),
  ...shape,
];

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
export const toMemoryOrder = (data: Float32Array, shape: Shape): Float32Array =>
  rearranged(data, shape, rowMajorStrides(shape), memoryStrides(shape));

/** Rearranges data in memory order into the row-major order of its ONNX shape. */
export const toRowMajor = (data: Float32Array, shape: Shape): Float32Array =>
  rearranged(data, shape, memoryStrides(shape), rowMajorStrides(shape));

function rearranged(data: Float32Array, shape: Shape, from: readonly number[], to: readonly number[]): Float32Array {
  if (isRowMajor(shape)) return data;
  const out = new Float32Array(data.length);
  visitPairs(loopsOf({ extents: shape }, from, to), (a, b) => {
    out[b] = data[a];
  });
  return out;
}
