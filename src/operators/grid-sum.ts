/** The sum of two quantised values, in the steps in which processors with fused arithmetic compute it. */
import { type Node, numberAttribute } from "../graph/ir";
import { inputShape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { type Builder, operation, type Run } from "../operation/operation";
import { placeOnce } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import type { Operator } from "./operator";
import { roundedHalf } from "./round-to-grid";

const f = Math.fround;

const gridSumShape: ShapeRule = (node, inputs) => {
  const [a, b] = [inputShape(node, inputs), inputShape(node, inputs, 1)];
  if (showShape(a) !== showShape(b)) shapeError(node, `it adds ${showShape(a)} and ${showShape(b)}.`);
  return [a];
};

/** The grids of a sum and of what it adds, and the integer of a sum before it is rounded and cut off: what is fused is rounded once. */
function placing(node: Node) {
  const read = (key: string): number => f(numberAttribute(node, key));
  const [stepA, zeroA, stepB, zeroB, step, zero] = ["stepA", "zeroA", "stepB", "zeroB", "step", "zero"].map(read);
  const [ratioA, ratioB] = [f(stepA / step), f(stepB / step)];
  const fixed = f(zero - f(ratioA * zeroA + f(ratioB * zeroB)));
  const [low, high] = [read("low"), read("high")];
  const integer = (value: number, unit: number, at: number): number => roundedHalf(f(value / unit), false) + at;
  // A product of a byte and a float32 is exact in float64, and hardly ever is its sum with a float32 not.
  const place = (a: number, b: number): number =>
    f(integer(a, stepA, zeroA) * ratioA + f(integer(b, stepB, zeroB) * ratioB + fixed));
  const grids = Float32Array.of(stepA, zeroA, ratioA, stepB, zeroB, ratioB, fixed, step, zero, low, high);
  return { place, grids, step, zero, low, high };
}

const build: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [first, second] = node.inputs;
  if (context.constant(first) || context.constant(second)) context.refuse("one of its values is a constant");
  const [output] = node.outputs;
  const size = sizeOf(context.shape(output));
  const { place, grids, step, zero, low, high } = placing(node);
  const table = placeOnce(memory, grids, "grids of a sum");
  const values = (run: Run, at: number): Float32Array => run.memory.floats(at, size * run.batch);
  const back = (run: Run, dx: number): void => {
    const [a, b, dy] = [run.value(first), run.value(second), run.gradient(output)].map((at) => values(run, at));
    const to = values(run, dx);
    for (let i = 0; i < to.length; i++) {
      const at = run.rounds ? roundedHalf(place(a[i], b[i]), false) : f((a[i] + b[i]) / step) + zero;
      to[i] = at >= low && at <= high ? dy[i] : 0;
    }
  };
  return operation({
    node,
    inputs: [...new Set([first, second])],
    outputs: [output],
    saved: [...new Set([first, second])],
    linear: true,
    forward: (run) => {
      if (run.rounds) {
        kernels.gridSum(run.value(first), run.value(second), run.value(output), size * run.batch, table());
        return;
      }
      const [a, b, y] = [run.value(first), run.value(second), run.value(output)].map((at) => values(run, at));
      for (let i = 0; i < y.length; i++) {
        const at = f((a[i] + b[i]) / step) + zero;
        y[i] = (Math.min(Math.max(at, low), high) - zero) * step;
      }
    },
    weightBytes: { forward: grids.byteLength, backward: 0 },
    prepare: () => table(),
    backward: (run) => {
      for (const input of [first, second]) run.contribute(input, (dx) => back(run, dx));
    },
  });
};

/** y = the nearest number of a grid to a + b, of which each lies on a grid of its own. The derivative is 1, and 0 beyond the grid. */
export const gridSum: Operator = { nature: "sum", internal: true, shape: gridSumShape, reach: "same", build };
