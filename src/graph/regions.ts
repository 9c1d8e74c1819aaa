/**
 * Which elements of an input and of an output hold the same numbers: the one description of an operator that moves elements,
 * repeats them or sums over them. Shapes, constants, the network's operations and receptive fields are all read off it.
 */
import { sizeOf } from "../tensor";
import type { Node } from "./ir";
import type { InputConstants, InputShapes, Shape } from "./shape-rule";

/** Nested loops over an input and an output; each loop moves along one axis (of the ONNX shape) on either side. */
export interface StridedRegion {
  /** Position of the input among the node's; default 0. */
  readonly input?: number;
  /** Position of the output; default 0. */
  readonly output?: number;
  /** Rounds of every loop. */
  readonly extents: readonly number[];
  readonly from?: StridedWalk;
  readonly to?: StridedWalk;
}

/** How the loops of a region move through one value. */
export interface StridedWalk {
  /** Index of the first element along every axis; default 0. */
  readonly start?: readonly number[];
  /** The axis of every loop; by default loop i moves along axis i. */
  readonly axes?: readonly number[];
  /** Elements that a round of every loop moves by; default 1. With 0 the input is repeated, or summed into the output. */
  readonly steps?: readonly number[];
}

/** What an operator that moves elements makes of its inputs. */
export interface Arrangement {
  /** Of the outputs. */
  readonly shapes: Shape[];
  /** They never write an element of an output twice, unless they sum. Made when asked for: shapes alone are asked for more often. */
  readonly regions: () => readonly StridedRegion[];
  /** What stands where no region writes; default 0. */
  readonly fill?: number;
}

export type Arrange = (node: Node, inputs: InputShapes, constants: InputConstants) => Arrangement;

/** An operator with one output, which is one region. */
export const oneRegion = (shape: Shape, region: Partial<StridedRegion>): Arrangement => ({
  shapes: [shape],
  regions: () => [{ extents: shape, ...region }],
});

/** Nested loops with a stride per operand. */
export interface Loops {
  readonly extents: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** Loops that begin somewhere. */
export interface RegionLoops extends Loops {
  readonly aOffset: number;
  readonly bOffset: number;
}

/** Strides of a value written in plain row-major order. */
export const rowMajorStrides = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** The stride of every loop in a value with these strides along its axes. */
export const walkStrides = ({ axes, steps }: StridedWalk, loops: number, strides: readonly number[]): number[] =>
  Array.from({ length: loops }, (_, i) => (steps?.[i] === 0 ? 0 : (steps?.[i] ?? 1) * strides[axes?.[i] ?? i]));

const offsetOf = ({ start = [] }: StridedWalk, strides: readonly number[]): number =>
  start.reduce((sum, index, axis) => sum + index * strides[axis], 0);

/** The loops of a region over two values that lie in memory with these strides along their axes. */
export const loopsOf = (
  { extents, from = {}, to = {} }: StridedRegion,
  a: readonly number[],
  b: readonly number[],
): RegionLoops => ({
  extents,
  a: walkStrides(from, extents.length, a),
  b: walkStrides(to, extents.length, b),
  aOffset: offsetOf(from, a),
  bOffset: offsetOf(to, b),
});

/** The same between two values in row-major order. */
export const rowMajorLoops = (region: StridedRegion, from: Shape, to: Shape): RegionLoops =>
  loopsOf(region, rowMajorStrides(from), rowMajorStrides(to));

/** Walks a value as if it had a larger shape: axes align at the right, missing ones and those of one element do not advance. */
export function broadcastWalk(shape: Shape, target: Shape): StridedWalk {
  const missing = target.length - shape.length;
  const axes = target.map((_, axis) => axis - missing);
  return { axes, steps: axes.map((axis) => (axis < 0 || shape[axis] === 1 ? 0 : 1)) };
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

/** Calls `visit` with the places of every pair of elements, the last loop innermost. */
export function visitPairs(loops: RegionLoops, visit: (a: number, b: number) => void): void {
  const { extents, a, b } = collapseLoops(loops);
  const last = extents.length - 1;
  const enter = (loop: number, atA: number, atB: number): void => {
    const [extent, stepA, stepB] = [extents[loop], a[loop], b[loop]];
    if (loop === last) for (let i = 0; i < extent; i++) visit(atA + i * stepA, atB + i * stepB);
    else for (let i = 0; i < extent; i++) enter(loop + 1, atA + i * stepA, atB + i * stepB);
  };
  if (last < 0) visit(loops.aOffset, loops.bOffset);
  else enter(0, loops.aOffset, loops.bOffset);
}

/** The index along every axis of an element of a row-major sequence. */
export function unravel(element: number, shape: Shape): number[] {
  const place = new Array<number>(shape.length).fill(0);
  let rest = element;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
}
