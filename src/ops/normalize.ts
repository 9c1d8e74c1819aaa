/** Normalisations: batch (folded statistics), instance, local response, and softmax. */
import { numberAttribute } from "../graph/ir";
import { softmaxAxes } from "../graph/shapes";
import { imageShape } from "./layout";
import { type BuildContext, type Builder, oneToOne } from "./operation";
import { rowsAlong } from "./rows";
import { placeOnce } from "./weights";

/** The floats of a constant input, or the reason why the node cannot run. */
function floatsOf(context: BuildContext, position: number, what: string): Float32Array {
  const name = context.node.inputs[position];
  const constant = name ? context.constant(name) : undefined;
  return constant ? constant.floats() : context.refuse(`its ${what} is not a constant`);
}

/** BatchNormalization with stored statistics: y = (x − mean)·scale/√(var + ε) + bias, one multiply-add per element. */
export const batchNorm: Builder = (context) => {
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

export const instanceNorm: Builder = (context) => {
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
  });
};

/** A pass cannot be stopped inside a kernel: no normalisation of a real network looks at so many elements. */
const mostLooks = 2 ** 30;

/** Local response normalisation across channels (AlexNet, GoogLeNet). */
export const lrn: Builder = (context) => {
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
export const softmax: Builder = (context) => {
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
