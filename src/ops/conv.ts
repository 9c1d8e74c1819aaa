/** Convolution and transposed convolution, 1-D and 2-D: two directions of one linear map. */
import { type Node, numberAttribute } from "../graph/ir";
import { transposeGeometry, windowGeometry } from "../graph/shapes";
import type { Pointer } from "../wasm/kernels";
import {
  type CorrelationGeometry,
  correlationBias,
  correlationSide,
  productsOf,
  type ScalableSide,
  type Side,
} from "./correlation";
import { imageShape, type Shape } from "./layout";
import { type BuildContext, type Builder, type Operation, oneToOne, unbounded } from "./operation";
import type { Direction } from "./taps";

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

/**
 * Runs one side of a correlation forward and sends gradients back through the other: ConvTranspose is the adjoint of the
 * convolution from its output to its input, and its gradient is that convolution.
 */
export const conv: Builder = (context) => {
  const { node, kernels, memory, mode } = context;
  const { weight, bias, kernel } = parts(context);
  const geometryOf = ({ node, shape }: BuildContext): CorrelationGeometry =>
    correlationGeometry(node, shape(node.inputs[0]), shape(node.outputs[0]), kernel);
  const geometry = geometryOf(context);
  const side = (direction: Direction): ScalableSide =>
    correlationSide({ geometry, direction, kernels, memory, weight }, mode);
  const [apply, adjoint] = [side("apply"), side("adjoint")];
  let biasPlace: Pointer = 0;
  const map = (at: BuildContext, forward: Side, backward: Side, macs: number): Operation => {
    const [output] = at.node.outputs;
    const [samples] = at.shape(at.node.inputs[0]);
    const sides = { forward, backward };
    return oneToOne(at, {
      linear: true,
      parameters: weight.size + (bias?.size ?? 0),
      macs: samples * macs,
      weightBytes: { forward: forward.weightBytes, backward: backward.weightBytes },
      clampable: true,
      scratchBytes: (batch, direction) => sides[direction].scratchBytes(samples * batch),
      prepare: (direction) => {
        sides[direction].weights.get();
        if (bias && direction === "forward") biasPlace ||= correlationBias(geometry, memory, bias.floats());
      },
      release: (direction) => sides[direction].weights.release(),
      forward: (run, x, y) => forward.run(run, samples * run.batch, x, biasPlace, y, run.clamp(output)),
      backward: (run, dy, dx) => backward.run(run, samples * run.batch, dy, 0, dx, unbounded),
    });
  };
  if (node.op === "ConvTranspose") return map(context, adjoint, apply, productsOf(geometry));
  return {
    ...map(context, apply, adjoint, productsOf(geometry)),
    part: (inner) => {
      const cut = geometryOf(inner);
      return { ...map(inner, apply.over(cut), adjoint, productsOf(cut)), weightBytes: { forward: 0, backward: 0 } };
    },
  };
};
