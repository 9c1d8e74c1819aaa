/** Products of matrices of which none has to be a constant, of any rank: y = A·B with every axis before the last two repeated. */

import { unravel } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { blocksOf } from "../operation/correlation/direct";
import { memoryStrides } from "../operation/layout";
import { type BuildContext, type Operation, operation, type Run } from "../operation/operation";
import { broadcastStrides } from "../operation/strided";
import { panelCount, placeConstant } from "../operation/weights";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";

/** Matrices in one value: where they lie, and how one is walked. Strides in floats. */
interface Matrices {
  readonly rows: number;
  readonly columns: number;
  readonly row: number;
  readonly column: number;
  /** Floats from the begin of a sample to each matrix of the product's batch. */
  readonly offsets: readonly number[];
  /** Floats from one sample to the next; 0 for a constant. */
  readonly sample: number;
}

/** The same matrices transposed. */
const transposed = ({ rows, columns, row, column, ...rest }: Matrices): Matrices => ({
  ...rest,
  rows: columns,
  columns: rows,
  row: column,
  column: row,
});

/** Floats from the begin of a sample to each matrix. */
const offsetsAlong = (batch: Shape, strides: readonly number[]): number[] =>
  Array.from({ length: sizeOf(batch) }, (_, i) =>
    unravel(i, batch).reduce((sum, index, axis) => sum + index * strides[axis], 0),
  );

/** A value's last two axes as a matrix; a vector is a row on the left and a column on the right. */
function matricesOf(shape: Shape, batch: Shape, side: "left" | "right", sample: number): Matrices {
  const strides = memoryStrides(shape);
  const isVector = shape.length === 1;
  const [extents, steps] = !isVector
    ? [shape, strides]
    : side === "left"
      ? [
          [1, ...shape],
          [0, ...strides],
        ]
      : [
          [...shape, 1],
          [...strides, 0],
        ];
  const rank = extents.length;
  const walked = broadcastStrides(extents.slice(0, -2), steps.slice(0, -2), batch);
  const offsets = offsetsAlong(batch, walked);
  const [rows, columns] = extents.slice(rank - 2);
  const [row, column] = steps.slice(rank - 2);
  return { rows, columns, row, column, offsets, sample };
}

/** One call of the kernel: target = left·right, summed where several products share a matrix of the target. */
interface Product {
  scratchBytes(batch: number): number;
  run(run: Run, left: Pointer, right: Pointer, target: Pointer): void;
}

function product(a: Matrices, b: Matrices, c: Matrices): Product {
  // The kernel writes whole vectors where the columns of the result lie side by side; else the transposed product may do that.
  if (c.column !== 1 && c.row === 1) {
    const other = product(transposed(b), transposed(a), transposed(c));
    return { ...other, run: (run, left, right, target) => other.run(run, right, left, target) };
  }
  const { rows, columns: inner } = a;
  const { columns } = c;
  const blocks = blocksOf(rows, inner, 0);
  const entries = c.offsets.length;
  const tableBytes = (batch: number): number => Math.ceil((entries * batch * 16 + 16) / 64) * 64;
  // Matrices that share b follow one another: it is packed once for them.
  const order = Array.from({ length: entries }, (_, i) => i).sort((i, j) => b.offsets[i] - b.offsets[j] || i - j);
  return {
    scratchBytes: (batch) =>
      tableBytes(batch) + blocks.tiles * (192 + 16 * inner) + panelCount(columns) * 8 * inner * 4,
    run: (run, left, right, target) => {
      const table = new Int32Array(entries * run.batch * 4 + 4);
      let at = 4;
      for (let sample = 0; sample < run.batch; sample++) {
        const begun = new Set<number>();
        for (const i of order) {
          table[at++] = a.offsets[i] + sample * a.sample;
          table[at++] = b.offsets[i] + sample * b.sample;
          table[at++] = c.offsets[i] + sample * c.sample;
          table[at++] = begun.has(c.offsets[i]) ? 1 : 0;
          begun.add(c.offsets[i]);
        }
      }
      // In front of the entries stand zeros: the one tap of the panels is at offset 0.
      run.memory.bytes(run.scratch, table.byteLength).set(new Uint8Array(table.buffer));
      const pack = run.record("PackGeometry", {
        ...{ outChannels: columns, channels: inner, taps: 1, tapTable: run.scratch },
        ...{ outStride: b.column, channelStride: b.row },
      });
      const geometry = run.record("MatMulGeometry", {
        ...{ rows, inner, columns, aRow: a.row, aInner: a.column, cRow: c.row, cColumn: c.column },
        blockTiles: blocks.tiles,
      });
      const scratch = run.scratch + tableBytes(run.batch);
      run.kernels.matMul(left, right, target, run.scratch + 16, entries * run.batch, scratch, pack, geometry);
    },
  };
}

/** One side of a product. */
interface Factor {
  readonly shape: Shape;
  /** Absent for a constant. */
  readonly name?: string;
  readonly address: (run: Run) => Pointer;
  readonly prepare: () => void;
}

function factorOf(context: BuildContext, name: string): Factor {
  const constant = context.constant(name);
  if (!constant) {
    return { shape: context.shape(name), name, address: (run) => run.value(name), prepare: () => {} };
  }
  const { shape } = constant;
  const place = placeConstant(context.memory, constant, shape, "Constant matrix");
  return { shape, address: place, prepare: place };
}

/** MatMul of two values, or of a value and a constant that is not a matrix of weights behind it. */
export function products(context: BuildContext): Operation {
  const { node } = context;
  const [output] = node.outputs;
  const [left, right] = node.inputs.map((name) => factorOf(context, name));
  const shape = context.shape(output);
  const vectors = [left, right].filter(({ shape: own }) => own.length === 1).length;
  const batch = shape.slice(0, shape.length - 2 + vectors);
  const sampleOf = ({ name, shape: own }: Factor): number => (name === undefined ? 0 : sizeOf(own));
  const a = matricesOf(left.shape, batch, "left", sampleOf(left));
  const b = matricesOf(right.shape, batch, "right", sampleOf(right));
  const outStrides = memoryStrides(shape);
  const c: Matrices = {
    rows: a.rows,
    columns: b.columns,
    row: left.shape.length === 1 ? 0 : outStrides[batch.length],
    column: right.shape.length === 1 ? 0 : outStrides[shape.length - 1],
    offsets: offsetsAlong(batch, outStrides),
    sample: sizeOf(shape),
  };
  const forward = product(a, b, c);
  // dA = dC·Bᵀ and dB = Aᵀ·dC.
  const toLeft = product(c, transposed(b), a);
  const toRight = product(transposed(a), c, b);
  const [leftName, rightName] = [left.name, right.name];
  const inputs = [...new Set([leftName, rightName].flatMap((name) => name ?? []))];
  const dynamic = leftName !== undefined && rightName !== undefined;
  const weights = dynamic ? 0 : sizeOf(leftName === undefined ? left.shape : right.shape);
  return operation({
    node,
    inputs,
    outputs: [output],
    saved: dynamic ? inputs : [],
    linear: !dynamic,
    parameters: weights,
    macs: sizeOf(batch) * a.rows * a.columns * b.columns,
    weightBytes: { forward: weights * 4, backward: 0 },
    scratchBytes: (samples, direction) =>
      direction === "forward"
        ? forward.scratchBytes(samples)
        : Math.max(
            leftName === undefined ? 0 : toLeft.scratchBytes(samples),
            rightName === undefined ? 0 : toRight.scratchBytes(samples),
          ),
    prepare: () => {
      left.prepare();
      right.prepare();
    },
    forward: (run) => forward.run(run, left.address(run), right.address(run), run.value(output)),
    backward: (run) => {
      const dy = run.gradient(output);
      if (leftName !== undefined) run.contribute(leftName, (dx) => toLeft.run(run, dy, right.address(run), dx));
      if (rightName !== undefined) run.contribute(rightName, (dx) => toRight.run(run, left.address(run), dy, dx));
    },
  });
}
