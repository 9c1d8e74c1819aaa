/** Data movement with strides: the loops behind broadcasting, transposing, slicing and their adjoints. */
import { ShapeError } from "../errors";
import { broadcastWalk, collapseLoops, type Loops, type RegionLoops, walkStrides } from "../graph/regions";
import { sizeOf } from "../tensor";
import type { GeometryRecord } from "../wasm/geometry";
import type { Pointer } from "../wasm/kernels";
import type { Shape } from "./layout";
import type { Run } from "./operation";

const maxLoops = 6;

/** Encodes loops of a sample, repeated over the batch, as the kernels read them. */
export function stridedRecord(run: Run, sample: Loops, batch: { readonly a: number; readonly b: number }): Pointer {
  const loops = collapseLoops({
    extents: [run.batch, ...sample.extents],
    a: [batch.a, ...sample.a],
    b: [batch.b, ...sample.b],
  });
  const missing = maxLoops - loops.extents.length;
  if (missing < 0)
    throw new ShapeError(`A rearrangement over ${loops.extents.length} axes is more than the ${maxLoops} supported.`);
  const extents = [...new Array<number>(missing).fill(1), ...loops.extents];
  const a = [...new Array<number>(missing).fill(0), ...loops.a];
  const b = [...new Array<number>(missing).fill(0), ...loops.b];
  const record: Record<string, number> = {};
  for (let i = 0; i < maxLoops; i++) {
    record[`d${i}`] = extents[i];
    record[`a${i}`] = a[i];
    record[`b${i}`] = b[i];
  }
  return run.record("StridedGeometry", record as GeometryRecord<"StridedGeometry">);
}

/** One side of a movement. */
export interface Side {
  readonly pointer: Pointer;
  /** Floats from one sample to the next; 0 for a constant. */
  readonly sample: number;
}

/** Copies (or adds) what the loops reach in `a` to where they reach in `b`. */
export function move(run: Run, kernel: "copyStrided" | "addStrided", loops: RegionLoops, a: Side, b: Side): void {
  if (sizeOf(loops.extents) === 0) return;
  const record = stridedRecord(run, loops, { a: a.sample, b: b.sample });
  run.kernels[kernel](a.pointer + loops.aOffset * 4, b.pointer + loops.bOffset * 4, record);
}

/** The same loops the other way. */
export const flipped = ({ extents, a, b, aOffset, bOffset }: RegionLoops): RegionLoops => ({
  extents,
  a: b,
  b: a,
  aOffset: bOffset,
  bOffset: aOffset,
});

/**
 * The same loops so that one side is walked in the order of its memory, biggest stride outermost: where every element is visited
 * once that is the quicker side to write, where several are added to one it is the order of the sum.
 */
export function walking(side: "a" | "b", loops: RegionLoops): RegionLoops {
  const strides = loops[side].map(Math.abs);
  const order = strides.map((_, i) => i).sort((left, right) => strides[right] - strides[left] || left - right);
  return {
    ...loops,
    extents: inOrder(loops.extents, order),
    a: inOrder(loops.a, order),
    b: inOrder(loops.b, order),
  };
}

/**
 * Strides that walk a value as if it had a larger shape, by the broadcasting rule of ONNX and NumPy: axes are aligned at
 * the right, missing axes and axes of one element do not advance.
 */
export const broadcastStrides = (shape: Shape, strides: readonly number[], target: Shape): number[] =>
  walkStrides(broadcastWalk(shape, target), target.length, strides);

/** Picks the entries of an array in a given order. */
export const inOrder = (values: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => values[axis]);
