/** Normalisations: batch (folded statistics), instance, local response, and softmax. */
import { ModelError } from "../errors";
import { type Node, numberAttribute } from "../graph/ir";
import { axisOf, inputShape, label, type Shape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { imageShape } from "../operation/layout";
import { type BuildContext, type Builder, oneToOne } from "../operation/operation";
import { rowsAlong } from "../operation/rows";
import { placeOnce } from "../operation/weights";
import { showShape } from "../tensor";
import type { Nature, Operator } from "./operator";
import { steadyBackward } from "./steady";

/** As the node names it: by default axis 1, since set 13 the last. */
const softmaxAxis = (node: Node, opset: number): number => numberAttribute(node, "axis", opset < 13 ? 1 : -1);

/**
 * The axes that Softmax and LogSoftmax normalise together. Up to opset 12 the operator flattens all axes from `axis` (by default
 * 1) on into one; since 13 it normalises one axis, by default the last.
 */
export function softmaxAxes(node: Node, shape: Shape, opset: number): readonly number[] {
  const given = softmaxAxis(node, opset);
  const axis = given < 0 ? given + shape.length : given;
  return opset < 13 ? shape.map((_, i) => i).slice(axis) : [axis];
}

const softmaxShape: ShapeRule = (node, inputs, _constants, opset) => {
  const x = inputShape(node, inputs);
  const axis = softmaxAxis(node, opset);
  // Before operator set 13 the axis only splits the value into a matrix, and may lie behind the last axis.
  if (opset >= 13 || axis !== x.length) axisOf(node, axis, x.length);
  return [x];
};

/** Scale, bias, mean and variance must be one number per channel. */
const perChannel =
  (operands: readonly string[]): ShapeRule =>
  (node, inputs) => {
    const x = inputShape(node, inputs);
    if (x.length < 2) shapeError(node, `the input must have the axes N and C, it is ${showShape(x)}.`);
    operands.forEach((operand, i) => {
      const shape = inputShape(node, inputs, i + 1);
      if (shape.length !== 1 || shape[0] !== x[1]) {
        shapeError(
          node,
          `input has ${x[1]} channels, its ${operand} is ${showShape(shape)} (input ${showShape(x)}). Expected ${x[1]} values.`,
        );
      }
    });
    return [x];
  };

const batchNormShape: ShapeRule = (node, inputs, constants, opset) => {
  if (numberAttribute(node, "training_mode", 0) !== 0) {
    throw new ModelError(
      `${label(node)}: it is in training mode, so its result depends on the batch. Export the network after model.eval().`,
    );
  }
  return perChannel(["scale", "bias", "mean", "variance"])(node, inputs, constants, opset);
};

const instanceNormShape: ShapeRule = /* @__PURE__ */ perChannel(["scale", "bias"]);

const lrnShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  if (x.length < 3) shapeError(node, `the input must have the axes N, C and at least one more, it is ${showShape(x)}.`);
  const size = numberAttribute(node, "size");
  if (!(Number.isInteger(size) && size >= 1)) shapeError(node, `size must be at least 1, the file has ${size}.`);
  return [x];
};

/** The floats of a constant input, or the reason why the node cannot run. */
function floatsOf(context: BuildContext, position: number, what: string): Float32Array {
  const name = context.node.inputs[position];
  const constant = name ? context.constant(name) : undefined;
  return constant ? constant.floats() : context.refuse(`its ${what} is not a constant`);
}

/** BatchNormalization with stored statistics: y = (x − mean)·scale/√(var + ε) + bias, one multiply-add per element. */
const buildBatchNorm: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input] = node.inputs;
  const { n, h, w, c } = imageShape(context.shape(input));
  const [scale, bias, mean, variance] = ["scale", "bias", "mean", "variance"].map((what, i) =>
    floatsOf(context, i + 1, what),
  );
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const factor = scale.map((value, i) => value / Math.sqrt(variance[i] + epsilon));
  const shift = bias.map((value, i) => value - (mean[i] * scale[i]) / Math.sqrt(variance[i] + epsilon));
  const placeFactor = placeOnce(memory, factor, "Normalisation scale");
  const placeShift = placeOnce(memory, shift, "Normalisation shift");
  const pixels = n * h * w;
  return oneToOne(context, {
    linear: true,
    inPlace: true,
    parameters: 4 * c,
    macs: pixels * c,
    weightBytes: { forward: 8 * c, backward: 0 },
    forward: (run, x, y) => kernels.scaleShift(x, placeFactor(), placeShift(), y, pixels * run.batch, c),
    backward: (run, dy, dx) => kernels.scaleShift(dy, placeFactor(), 0, dx, pixels * run.batch, c),
  });
};

const buildInstanceNorm: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input] = node.inputs;
  const { n, h, w, c } = imageShape(context.shape(input));
  const placeScale = placeOnce(memory, floatsOf(context, 1, "scale"), "Normalisation scale");
  const placeBias = placeOnce(memory, floatsOf(context, 2, "bias"), "Normalisation bias");
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  return oneToOne(context, {
    saved: [input],
    parameters: 2 * c,
    weightBytes: { forward: 8 * c, backward: 0 },
    forward: (run, x, y) => kernels.instanceNorm(x, placeScale(), placeBias(), y, n * run.batch, h * w, c, epsilon),
    backward: (run, dy, dx) =>
      kernels.instanceNormBackward(run.value(input), placeScale(), dy, dx, n * run.batch, h * w, c, epsilon),
    steady: (run) =>
      run.contribute(input, (dx) => {
        kernels.scaleShift(run.gradient(node.outputs[0]), placeScale(), 0, dx, n * run.batch * h * w, c);
        const map = { count: h * w, stride: c, centred: true, epsilon };
        for (let i = 0; i < n * run.batch * c; i++) {
          const at = (Math.floor(i / c) * h * w * c + (i % c)) * 4;
          steadyBackward(run, { ...map, x: run.value(input) + at, dy: dx + at, dx: dx + at });
        }
      }),
  });
};

/** A pass cannot be stopped inside a kernel: no normalisation of a real network looks at so many elements. */
const mostLooks = 2 ** 30;

/** Local response normalisation across channels (AlexNet, GoogLeNet). */
const buildLrn: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const { n, h, w, c } = imageShape(context.shape(input));
  const asked = numberAttribute(node, "size");
  if (!Number.isSafeInteger(asked) || asked < 1) context.refuse(`its size ${asked} is no whole number of at least 1`);
  // A wider window has nothing more to see.
  const size = Math.min(asked, 2 * c + 1);
  if (n * h * w * c * size > mostLooks) context.refuse(`its size ${asked} over ${c} channels takes too long`);
  const parameters = [
    size,
    numberAttribute(node, "alpha", 1e-4) * (size / asked),
    numberAttribute(node, "beta", 0.75),
    numberAttribute(node, "bias", 1),
  ] as const;
  const pixels = n * h * w;
  return oneToOne(context, {
    saved: [input],
    forward: (run, x, y) => kernels.lrn(x, y, pixels * run.batch, c, ...parameters),
    backward: (run, dy, dx) => kernels.lrnBackward(run.value(input), dy, dx, pixels * run.batch, c, ...parameters),
  });
};

/** Softmax and LogSoftmax, over one axis or several as one. */
const buildSoftmax: Builder = (context) => {
  const { node, kernels, opset } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const shape = context.shape(input);
  const rows = rowsAlong(shape, softmaxAxes(node, shape, opset));
  const { columns } = rows;

  const log = node.op === "LogSoftmax";
  return oneToOne(context, {
    saved: [output],
    scratchBytes: (batch) => (rows.asTheyLie ? 0 : rows.bytes(batch) * 2),
    forward: (run, x, y) => {
      const count = rows.rows * run.batch;
      if (rows.asTheyLie) return kernels.softmax(log, x, y, count, columns);
      const arranged = run.scratch + rows.bytes(run.batch);
      rows.arrange(run, x, run.scratch);
      kernels.softmax(log, run.scratch, arranged, count, columns);
      rows.restore(run, arranged, y);
    },
    backward: (run, dy, dx) => {
      const count = rows.rows * run.batch;
      if (rows.asTheyLie) return kernels.softmaxBackward(log, run.value(output), dy, dx, count, columns);
      const [arrangedY, arrangedDy] = [0, 1].map((i) => run.scratch + i * rows.bytes(run.batch));
      rows.arrange(run, run.value(output), arrangedY);
      rows.arrange(run, dy, arrangedDy);
      kernels.softmaxBackward(log, arrangedY, arrangedDy, arrangedDy, count, columns);
      rows.restore(run, arrangedDy, dx);
    },
  });
};

/** Before set 7 it could be in training unless an attribute said otherwise. */
export const batchNormalization: Operator = {
  since: 7,
  nature: "affine",
  shape: batchNormShape,
  reach: "same",
  build: buildBatchNorm,
};

export const instanceNormalization: Operator = {
  nature: "norm",
  shape: instanceNormShape,
  reach: { axes: ({ shapes: [x = []] }) => x.map((_, axis) => (axis < 2 ? "same" : "whole")) },
  build: buildInstanceNorm,
};

/** Channels ⌊(size − 1)/2⌋ before to ⌈(size − 1)/2⌉ after. */
export const lrn: Operator = {
  nature: "norm",
  shape: lrnShape,
  reach: {
    axes: ({ node, shapes: [x = []] }) => {
      const size = numberAttribute(node, "size");
      const near = { extent: size, stride: 1, dilation: 1, pad: Math.floor((size - 1) / 2) };
      return x.map((_, axis) => (axis === 1 ? { under: near } : "same"));
    },
  },
  build: buildLrn,
};

/** Over all axes from the named one on, and since set 13 over that axis alone. */
const softmaxOperator = (nature: Nature): Operator => ({
  changed: [13],
  nature,
  shape: softmaxShape,
  reach: {
    axes: ({ node, opset, shapes: [x = []] }) => {
      const axes = softmaxAxes(node, x, opset);
      return x.map((_, axis) => (axes.includes(axis) ? "whole" : "same"));
    },
  },
  build: buildSoftmax,
});

export const softmax: Operator = /* @__PURE__ */ softmaxOperator("gate");
export const logSoftmax: Operator = /* @__PURE__ */ softmaxOperator("norm");
