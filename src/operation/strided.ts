/** Data movement with strides: the loops behind broadcasting, transposing, slicing and their adjoints. */

import { broadcastWalk, collapseLoops, type Loops, type RegionLoops, visitPairs, walkStrides } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import type { GeometryRecord } from "../wasm/geometry";
import type { Pointer } from "../wasm/kernels";
import type { Run } from "./operation";

const maxLoops = 6;

const namesOf = (key: string): string[] => Array.from({ length: maxLoops }, (_, i) => `${key}${i}`);
const fields = { d: /* @__PURE__ */ namesOf("d"), a: /* @__PURE__ */ namesOf("a"), b: /* @__PURE__ */ namesOf("b") };

/**
 * Calls a kernel for the loops of a sample, repeated over the batch: once where they are as many as a kernel has, else for every
 * round of those outside.
 *
 * @param call  takes the record, and how many floats further than the first round this one begins: in a, in b, and of all elements
 */
export function eachStrided(
  run: Run,
  sample: Loops,
  batch: { readonly a: number; readonly b: number },
  call: (record: Pointer, a: number, b: number, elements: number) => void,
): void {
  const { extents, a, b } = collapseLoops({
    extents: [run.batch, ...sample.extents],
    a: [batch.a, ...sample.a],
    b: [batch.b, ...sample.b],
  });
  const outside = Math.max(0, extents.length - maxLoops);
  // Plain loops and names made once: small parts are moved by the ten thousand.
  const record: Record<string, number> = {};
  let elements = 1;
  for (let loop = 0, i = extents.length - maxLoops; loop < maxLoops; loop++, i++) {
    const extent = extents[i] ?? 1;
    elements *= extent;
    record[fields.d[loop]] = extent;
    record[fields.a[loop]] = a[i] ?? 0;
    record[fields.b[loop]] = b[i] ?? 0;
  }
  const pointer = run.record("StridedGeometry", record as GeometryRecord<"StridedGeometry">);
  const outer = { extents: extents.slice(0, outside), a: a.slice(0, outside), b: b.slice(0, outside) };
  let round = 0;
  visitPairs({ ...outer, aOffset: 0, bOffset: 0 }, (atA, atB) => {
    call(pointer, atA, atB, round * elements);
    round += 1;
  });
}

/** One side of a movement. */
export interface StridedSide {
  readonly pointer: Pointer;
  /** Floats from one sample to the next; 0 for a constant. */
  readonly sample: number;
}

/** Copies (or adds) what the loops reach in `a` to where they reach in `b`. */
export function move(
  run: Run,
  kernel: "copyStrided" | "addStrided",
  loops: RegionLoops,
  a: StridedSide,
  b: StridedSide,
): void {
  if (sizeOf(loops.extents) === 0) return;
  const walked = kernel === "copyStrided" ? inSquares(loops) : loops;
  eachStrided(run, walked, { a: a.sample, b: b.sample }, (record, atA, atB) => {
    run.kernels[kernel](a.pointer + (loops.aOffset + atA) * 4, b.pointer + (loops.bOffset + atB) * 4, record);
  });
}

/**
 * The same loops with the one that `a` walks step by step just outside of the one that `b` does: the kernel copies such planes in squares,
 * as whole vectors on both sides.
 */
function inSquares(loops: RegionLoops): RegionLoops {
  const last = loops.extents.length - 1;
  const row = loops.a.indexOf(1);
  const turns =
    row >= 0 && row < last - 1 && loops.b[last] === 1 && loops.extents[row] >= 4 && loops.extents[last] >= 4;
  if (!turns) return loops;
  const order = [...loops.extents.keys()].filter((loop) => loop !== row && loop !== last).concat(row, last);
  return { ...loops, extents: inOrder(loops.extents, order), a: inOrder(loops.a, order), b: inOrder(loops.b, order) };
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
