/** Data movement with strides: the loops behind broadcasting, transposing, slicing and their adjoints. */
import { ShapeError } from "../errors";
import type { GeometryRecord } from "../wasm/geometry";
import type { Pointer } from "../wasm/kernels";
import { collapseLoops, type Loops, type Shape } from "./layout";
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

/**
 * Strides that walk a value as if it had a larger shape, by the broadcasting rule of ONNX and NumPy: axes are aligned at
 * the right, missing axes and axes of one element do not advance.
 */
export function broadcastStrides(shape: Shape, strides: readonly number[], target: Shape): number[] {
  const missing = target.length - shape.length;
  return target.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : strides[axis - missing]));
}

/** Picks the entries of an array in a given order. */
export const inOrder = (values: readonly number[], order: readonly number[]): number[] =>
  order.map((axis) => values[axis]);
