/** CumSum: every element becomes the sum of those before it along an axis, and itself. */
import { numberAttribute } from "../graph/ir";
import type { RegionLoops } from "../graph/regions";
import { axisOf, type InputConstants, neededInput, type Shape, sameShapeOf } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import { type Builder, constantsOf, oneToOne, type Run } from "../operation/operation";
import { move, walking } from "../operation/strided";
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
  const [size, extent] = [sizeOf(shape), shape[axis]];
  const strides = memoryStrides(shape);
  /** Some places along the axis, from the one at `from` to the one at `to`. */
  const along = (places: number, from: number, to: number): RegionLoops =>
    walking("b", {
      extents: shape.map((all, i) => (i === axis ? places : all)),
      a: strides,
      b: strides,
      aOffset: from * strides[axis],
      bOffset: to * strides[axis],
    });
  const sum = (run: Run, x: Pointer, y: Pointer, back: boolean): void => {
    const side = (pointer: Pointer) => ({ pointer, sample: size });
    if (exclusive) {
      run.memory.bytes(y, size * run.batch * 4).fill(0);
      move(run, "copyStrided", along(extent - 1, back ? 1 : 0, back ? 0 : 1), side(x), side(y));
    } else run.memory.copy(x, y, size * run.batch * 4);
    for (let i = 1; i < extent; i++) {
      const [from, to] = back ? [extent - i, extent - i - 1] : [i - 1, i];
      move(run, "addStrided", along(1, from, to), side(y), side(y));
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
      const summed = (index: number): number[] => {
        const [first, last] = reverse ? [index + skipped, x[axis] - 1] : [0, index - skipped];
        return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
      };
      return x.map((_, i) => (i === axis ? { from: summed } : "same"));
    },
  },
  build,
  fold,
  settings: 1,
};
