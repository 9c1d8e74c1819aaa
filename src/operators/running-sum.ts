/** CumSum: every element becomes the sum of those before it along an axis, and itself. */
import { numberAttribute } from "../graph/ir";
import { axisOf, type InputConstants, neededInput, type Shape, sameShapeOf } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import { type Builder, constantsOf, oneToOne, type Run } from "../operation/operation";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { filledRoom, room, valuesOf } from "./folding";
import type { Fold, Operator, Use } from "./operator";

interface Sums {
  readonly axis: number;
  /** Without the element itself. */
  readonly exclusive: boolean;
  /** From the end. */
  readonly reverse: boolean;
}

function sumsOf({ node }: Pick<Use, "node">, x: Shape, constants: InputConstants): Sums {
  const [exclusive, reverse] = ["exclusive", "reverse"].map((key) => numberAttribute(node, key, 0) !== 0);
  return { axis: axisOf(node, neededInput(node, constants, 1, "axis")[0], x.length), exclusive, reverse };
}

const build: Builder = (context) => {
  const { node } = context;
  const shape = context.shape(node.inputs[0]);
  const { axis, exclusive, reverse } = sumsOf(context, shape, constantsOf(context));
  // In memory the axis lies between what is before it and what is behind.
  const [size, step] = [sizeOf(shape), memoryStrides(shape)[axis]];
  const length = shape[axis] * step;
  const sum = (run: Run, from: Pointer, to: Pointer, back: boolean): void => {
    const count = size * run.batch;
    const [x, y] = [run.memory.floats(from, count), run.memory.floats(to, count)];
    const next = back ? -step : step;
    const read = exclusive ? -next : 0;
    for (let block = 0; block < count; block += length) {
      const first = back ? block + length - step : block;
      for (let i = first; i < first + step; i++) y[i] = exclusive ? 0 : x[i];
      for (let row = first + next; row >= block && row < block + length; row += next)
        for (let i = row; i < row + step; i++) y[i] = y[i - next] + x[i + read];
    }
  };
  return oneToOne(context, {
    linear: true,
    forward: (run, x, y) => sum(run, x, y, reverse),
    backward: (run, dy, dx) => sum(run, dy, dx, !reverse),
  });
};

const fold: Fold = ({ node, inputs, known: [x], out }) => {
  const { axis, exclusive, reverse } = sumsOf({ node }, out, inputs);
  const [extent, step] = [out[axis], sizeOf(out.slice(axis + 1))];
  const values = valuesOf(x);
  const result = room(x.kind, out);
  for (let i = 0; i < result.length; i++) {
    if (Math.floor(i / step) % extent !== 0) continue;
    let sum = 0;
    for (let k = 0; k < extent; k++) {
      const at = i + (reverse ? extent - 1 - k : k) * step;
      if (exclusive) result[at] = sum;
      sum += values[at];
      if (!exclusive) result[at] = sum;
    }
  }
  return filledRoom(x.kind, result, out);
};

export const cumSum: Operator = {
  nature: "total",
  shape: /* @__PURE__ */ sameShapeOf(2),
  reach: {
    axes: ({ node, shapes: [x = []], constants }) => {
      const { axis, exclusive, reverse } = sumsOf({ node }, x, constants);
      const skipped = Number(exclusive);
      const summed = (index: number) =>
        reverse ? ([index + skipped, x[axis]] as const) : ([0, index + 1 - skipped] as const);
      return x.map((_, i) => (i === axis ? { span: summed } : "same"));
    },
  },
  build,
  fold,
  settings: 1,
};
