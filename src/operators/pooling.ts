/** Max and average pooling with their adjoints, and max-unpooling through recorded switches. */
import { type Node, numberAttribute } from "../graph/ir";
import { constantInput, inputShape, type Shape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { poolKernel, transposeGeometry, windowGeometry } from "../graph/window";
import { imageShape } from "../operation/layout";
import { type BuildContext, type Builder, oneToOne, type Run } from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { type AxesReach, type AxisReach, type Operator, tapsOf, type Use } from "./operator";
import { maxPoolRefusal, type PoolWindow, poolGeometry, poolWindow, switchBytes } from "./pool-window";
import { volumePool } from "./volume-pooling";

function spatialInput(node: Node, x: Shape): Shape {
  if (x.length < 3) shapeError(node, `the input must have the axes N, C and at least one more, it is ${showShape(x)}.`);
  return x.slice(2);
}

const poolShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const spatial = spatialInput(node, x);
  return [[x[0], x[1], ...windowGeometry(node, spatial, poolKernel(node, spatial)).out]];
};

/** The second output holds the positions of the maxima. */
const maxPoolShape: ShapeRule = (...given) => {
  const [shape] = poolShape(...given);
  return [shape, shape];
};

const maxUnpoolShape: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const spatial = spatialInput(node, x);
  if (showShape(x) !== showShape(indices)) {
    shapeError(node, `values and indices must have one shape, they are ${showShape(x)} and ${showShape(indices)}.`);
  }
  const wanted = constantInput(node, constants, 2, "output shape");
  if (wanted) {
    if (wanted.length !== x.length || !wanted.every((n) => Number.isSafeInteger(n) && n >= 1)) {
      shapeError(node, `the output shape [${wanted.join(", ")}] does not fit an input ${showShape(x)}.`);
    }
    return [wanted];
  }
  const kernel = poolKernel(node, spatial);
  // The inverse of pooling: as far as the windows of the pooling reach.
  return [[x[0], x[1], ...transposeGeometry(node, spatial, kernel).out]];
};

const globalShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  return [[x[0], x[1], ...spatialInput(node, x).map(() => 1)]];
};

function windowOf(context: BuildContext): PoolWindow {
  const { node } = context;
  const spatial = context.shape(node.inputs[0]).slice(2);
  if (spatial.length < 1 || spatial.length > 2) context.refuse(`pooling over ${spatial.length} axes is not supported`);
  const window = poolWindow(node, spatial);
  const looks = sizeOf(context.shape(node.outputs[0])) * sizeOf(window.kernel);
  if (looks > mostLooks) {
    context.refuse(
      `its windows look at ${looks.toLocaleString("en-US")} elements, and at most ${mostLooks.toLocaleString("en-US")} are looked at`,
    );
  }
  return window;
}

/** A pass cannot be stopped inside a kernel: no pooling of a real network comes near this. */
const mostLooks = 2 ** 30;

/** The record writer of a pool between two values. */
function poolRecord(context: BuildContext, input: string, output: string, window: PoolWindow, countIncludePad: number) {
  const from = imageShape(context.shape(input));
  const to = imageShape(context.shape(output));
  return (run: Run): Pointer =>
    run.record("PoolGeometry", poolGeometry(from, to, window, from.n * run.batch, countIncludePad));
}

const isVolume = ({ node, shape }: BuildContext): boolean => shape(node.inputs[0]).length === 5;

const buildMax: Builder = (context) => {
  if (isVolume(context)) return volumePool(context, "max");
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const window = windowOf(context);
  const refusal = maxPoolRefusal(window, imageShape(context.shape(input)), imageShape(context.shape(output)));
  if (refusal !== undefined) context.refuse(refusal);
  const record = poolRecord(context, input, output, window, 0);
  return oneToOne(context, {
    stateBytes: sizeOf(context.shape(output)) * switchBytes(window),
    forward: (run, x, y) => kernels.maxPool(x, y, run.state(node.name), record(run)),
    backward: (run, dy, dx) => kernels.maxPoolBackward(dy, run.state(node.name), dx, record(run)),
  });
};

const buildAverage: Builder = (context) => {
  if (isVolume(context)) return volumePool(context, "average");
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const record = poolRecord(context, input, output, windowOf(context), numberAttribute(node, "count_include_pad", 0));
  return oneToOne(context, {
    linear: true,
    forward: (run, x, y) => kernels.averagePool(x, y, record(run)),
    backward: (run, dy, dx) => kernels.averagePoolBackward(dy, dx, record(run)),
  });
};

/** MaxUnpool puts each value back where the paired MaxPool found its maximum; everything else is zero. */
const buildUnpool: Builder = (context) => {
  const { node, kernels } = context;
  const [input, indices] = node.inputs;
  const [output] = node.outputs;
  const pool = context.producer(indices);
  if (pool?.op !== "MaxPool" || pool.outputs[1] !== indices) {
    return context.refuse(`its indices "${indices}" do not come straight from a MaxPool`);
  }
  const [pooledFrom, restored] = [context.shape(pool.inputs[0]), context.shape(output)];
  if (showShape(pooledFrom) !== showShape(restored)) {
    context.refuse(
      `its output ${showShape(restored)} differs from what MaxPool "${pool.name}" pooled, ${showShape(pooledFrom)}`,
    );
  }
  const window = windowOf({ ...context, node: pool });
  const record = poolRecord(context, output, input, window, 0);
  return oneToOne(context, {
    linear: true,
    stateOf: pool.name,
    forward: (run, x, y) => kernels.maxUnpool(x, run.state(pool.name), y, record(run)),
    backward: (run, dy, dx) => kernels.maxUnpoolBackward(dy, run.state(pool.name), dx, record(run)),
  });
};

const windows = ({ node, shapes: [x = []] }: Use): AxisReach[] => {
  const spatial = x.slice(2);
  const g = windowGeometry(node, spatial, poolKernel(node, spatial));
  return ["same", "same", ...spatial.map((_, axis) => ({ under: tapsOf(g, axis) }))];
};

const everyPlace: AxesReach = {
  axes: ({ shapes: [x = []] }) => x.map((_, axis) => (axis < 2 ? "same" : "whole")),
};

/** The second output of a max-pool holds positions. */
export const maxPool: Operator = {
  nature: "maximum",
  shape: maxPoolShape,
  reach: { axes: windows, border: Number.NEGATIVE_INFINITY },
  build: buildMax,
  kind: (_, output) => (output === 1 ? "int" : undefined),
};

export const globalMaxPool: Operator = { nature: "maximum", shape: globalShape, reach: everyPlace, build: buildMax };

/** What an average is divided by changes at the border, so nothing stands for what lies around. */
export const averagePool: Operator = {
  nature: "mean",
  shape: poolShape,
  reach: { axes: windows },
  build: buildAverage,
};

export const globalAveragePool: Operator = {
  nature: "mean",
  shape: globalShape,
  reach: everyPlace,
  build: buildAverage,
};

/** A value may come out anywhere in the window it was pooled from; where, the places decide. */
export const maxUnpool: Operator = {
  nature: "unpooling",
  shape: maxUnpoolShape,
  reach: {
    axes: ({ node, shapes: [x = []] }) => {
      const spatial = x.slice(2);
      const g = transposeGeometry(node, spatial, poolKernel(node, spatial));
      return ["same", "same", ...spatial.map((_, axis) => ({ over: tapsOf(g, axis) }))];
    },
    inputs: 2,
  },
  build: buildUnpool,
};
