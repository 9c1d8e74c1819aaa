/** Convolution and transposed convolution, 1-D and 2-D: two directions of one linear map. */
import { type Node, numberAttribute } from "../graph/ir";
import { transposeGeometry, windowGeometry } from "../graph/shapes";
import type { Pointer } from "../wasm/kernels";
import { Correlation, type CorrelationGeometry, type Side } from "./correlation";
import { imageShape, type Shape } from "./layout";
import { type BuildContext, type Builder, type Operation, operation, unbounded } from "./operation";

/** The weight, the bias and the kernel's extents of a convolution node, or the reason why it cannot run. */
function parts(context: BuildContext) {
  const { node } = context;
  const [, weightName, biasName] = node.inputs;
  const weight = context.constant(weightName) ?? context.refuse(`its weight "${weightName}" is not a constant`);
  const bias = biasName
    ? (context.constant(biasName) ?? context.refuse(`its bias "${biasName}" is not a constant`))
    : undefined;
  const kernel = weight.shape.slice(2);
  if (kernel.length < 1 || kernel.length > 2) context.refuse(`${kernel.length}-D convolution is not supported`);
  return { weight, bias, kernel };
}

/**
 * The convolution that a Conv applies and that a ConvTranspose reverses.
 *
 * @param input   ONNX shape of the node's input; likewise the output
 * @param kernel  spatial extents of the weight
 */
export function correlationGeometry(node: Node, input: Shape, output: Shape, kernel: Shape): CorrelationGeometry {
  const transposed = node.op === "ConvTranspose";
  const axes = (transposed ? transposeGeometry : windowGeometry)(node, input.slice(2), kernel);
  const [from, to] = transposed ? [imageShape(output), imageShape(input)] : [imageShape(input), imageShape(output)];
  const pair = (values: readonly number[], missing: number): readonly [number, number] =>
    values.length === 1 ? [missing, values[0]] : [values[0], values[1]];
  const [kernelH, kernelW] = pair(kernel, 1);
  const [strideH, strideW] = pair(axes.stride, 1);
  const [dilationH, dilationW] = pair(axes.dilation, 1);
  const [padTop, padLeft] = pair(axes.padBegin, 0);
  return {
    inH: from.h,
    inW: from.w,
    inChannels: from.c,
    outH: to.h,
    outW: to.w,
    outChannels: to.c,
    ...{ kernelH, kernelW, strideH, strideW, dilationH, dilationW, padTop, padLeft },
    groups: numberAttribute(node, "group", 1),
  };
}

function correlation(context: BuildContext): Correlation {
  const { node } = context;
  const { weight, kernel } = parts(context);
  const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  const geometry = correlationGeometry(node, input, output, kernel);
  return new Correlation(geometry, weight, context.kernels, context.memory, context.mode);
}

/** An operation that runs one side of a correlation forward and sends gradients back through the other. */
function linearMap(context: BuildContext, map: Correlation, forward: Side, backward: Side): Operation {
  const { node } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const { weight, bias } = parts(context);
  const [samples] = context.shape(input);
  const sides = { forward, backward };
  let biasPlace: Pointer = 0;
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    parameters: weight.size + (bias?.size ?? 0),
    macs: samples * map.macs,
    weightBytes: { forward: forward.weightBytes, backward: backward.weightBytes },
    clampable: true,
    scratchBytes: (batch, direction) => sides[direction].scratchBytes(samples * batch),
    prepare: (direction) => {
      sides[direction].prepare();
      if (bias && direction === "forward") biasPlace ||= map.placeBias(bias.floats());
    },
    release: (direction) => sides[direction].release(),
    forward: (run) =>
      forward.run(run, samples * run.batch, run.value(input), biasPlace, run.value(output), run.clamp(output)),
    backward: (run) =>
      run.contribute(input, (dx) => backward.run(run, samples * run.batch, run.gradient(output), 0, dx, unbounded)),
  });
}

export const conv: Builder = (context) => {
  const map = correlation(context);
  return linearMap(context, map, map.applySide, map.adjointSide);
};

/** ConvTranspose is the adjoint of the convolution from its output to its input; its gradient is that convolution. */
export const convTranspose: Builder = (context) => {
  const map = correlation(context);
  return linearMap(context, map, map.adjointSide, map.applySide);
};
