/** Convolution and transposed convolution, 1-D to 3-D: two directions of one linear map. */
import { type Constant, type Node, numberAttribute, numbersAttribute } from "../graph/ir";
import { inputShape, type Shape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { transposeGeometry, windowGeometry } from "../graph/window";
import { correlationBias, correlationSide, productsOf } from "../operation/correlation/correlation";
import { byteWeights, integerSide } from "../operation/correlation/integer";
import type { CorrelationGeometry, Direction, ScalableSide, Side, SideParts } from "../operation/correlation/side";
import { imageShape } from "../operation/layout";
import {
  type AlgorithmMode,
  type BuildContext,
  type Builder,
  type Operation,
  oneToOneInPieces,
  unbounded,
} from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { type AxesReach, type Operator, tapsOf, type WeightLayout } from "./operator";
import { volumeConvolution } from "./volume-convolution";

const shown = (x: Shape, weight: Shape): string => `(input ${showShape(x)}, weight ${showShape(weight)})`;

function groupsOf(node: Node): number {
  const groups = numberAttribute(node, "group", 1);
  if (!(Number.isInteger(groups) && groups >= 1)) shapeError(node, `group must be at least 1, the file has ${groups}.`);
  return groups;
}

function checkWeight(node: Node, x: Shape, weight: Shape): void {
  if (x.length < 3 || weight.length !== x.length) {
    shapeError(node, `input and weight must have the same rank of at least 3 ${shown(x, weight)}.`);
  }
  const kernel = numbersAttribute(node, "kernel_shape", []);
  if (kernel.length > 0 && showShape(kernel) !== showShape(weight.slice(2))) {
    shapeError(
      node,
      `kernel_shape says ${showShape(kernel)}, the weight has ${showShape(weight.slice(2))} ${shown(x, weight)}.`,
    );
  }
}

function checkBias(node: Node, bias: Shape | undefined, channels: number): void {
  if (bias && (bias.length !== 1 || bias[0] !== channels)) {
    shapeError(node, `the bias must have ${channels} values, one per output channel, it is ${showShape(bias)}.`);
  }
}

const convShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const weight = inputShape(node, inputs, 1);
  const groups = groupsOf(node);
  checkWeight(node, x, weight);
  const [channels, expected] = [x[1], weight[1] * groups];
  if (channels !== expected) {
    const advice = channels === 4 && expected === 3 ? " If the image is RGBA, drop the alpha channel." : "";
    const grouped = groups > 1 ? ` in ${groups} groups` : "";
    shapeError(
      node,
      `input has ${channels} channels, weight expects ${expected}${grouped} ${shown(x, weight)}.${advice || " Check the input shape (N, C, H, W)."}`,
    );
  }
  if (weight[0] % groups !== 0) {
    shapeError(node, `${weight[0]} output channels cannot be split into ${groups} groups ${shown(x, weight)}.`);
  }
  checkBias(node, inputs[2], weight[0]);
  return [[x[0], weight[0], ...windowGeometry(node, x.slice(2), weight.slice(2)).out]];
};

const convTransposeShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const weight = inputShape(node, inputs, 1);
  const groups = groupsOf(node);
  checkWeight(node, x, weight);
  if (x[1] !== weight[0] || weight[0] % groups !== 0) {
    const grouped = groups > 1 ? ` in ${groups} equal groups` : "";
    shapeError(
      node,
      `input has ${x[1]} channels, weight expects ${weight[0]}${grouped} ${shown(x, weight)}. Check the input shape (N, C, H, W).`,
    );
  }
  checkBias(node, inputs[2], weight[1] * groups);
  return [[x[0], weight[1] * groups, ...transposeGeometry(node, x.slice(2), weight.slice(2)).out]];
};

/** The weight, the bias and the kernel's extents of a convolution node, or the reason why it cannot run. */
function parts(context: BuildContext) {
  const { node } = context;
  const [, weightName, biasName] = node.inputs;
  const weight = context.constant(weightName) ?? context.refuse(`its weight "${weightName}" is not a constant`);
  const bias = biasName
    ? (context.constant(biasName) ?? context.refuse(`its bias "${biasName}" is not a constant`))
    : undefined;
  const kernel = weight.shape.slice(2);
  if (kernel.length < 1 || kernel.length > 3) context.refuse(`${kernel.length}-D convolution is not supported`);
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

/** How many bits the integers have that a node multiplies; 0 where it multiplies real numbers. */
const integerBits = (node: Node): number => numberAttribute(node, "integers", 0);

/** Products of whole numbers are added up without rounding by a direct sum, which Winograd's fractions do not do. */
const algorithmMode = ({ node, mode }: BuildContext): AlgorithmMode => (integerBits(node) > 0 ? "plain" : mode);

/** A convolution of integers of eight bits; undefined where it has none, or its weights are others. */
function integerSides({ node }: BuildContext, parts: SideParts, bias: Constant | undefined): ScalableSide | undefined {
  const { geometry: g, weight } = parts;
  if (node.op !== "Conv" || integerBits(node) !== 8) return undefined;
  const count = sizeOf(weight.shape.slice(1));
  const rows = { outputs: g.outChannels, outStride: count, count, stride: 1 };
  const own = byteWeights(weight.floats(), rows, bias?.floats());
  if (!own) return undefined;
  const all = { ...parts, bias: bias?.floats(), own };
  const side = integerSide(all);
  return { ...side, over: (geometry) => integerSide({ ...all, geometry, shared: side.weights }) };
}

/**
 * Runs one side of a correlation forward and sends gradients back through the other: ConvTranspose is the adjoint of the
 * convolution from its output to its input, and its gradient is that convolution.
 */
const build: Builder = (context) => {
  const { node, kernels, memory } = context;
  const mode = algorithmMode(context);
  const { weight, bias, kernel } = parts(context);
  if (kernel.length === 3) return volumeConvolution(context, weight, bias);
  const geometryOf = ({ node, shape }: BuildContext): CorrelationGeometry =>
    correlationGeometry(node, shape(node.inputs[0]), shape(node.outputs[0]), kernel);
  const geometry = geometryOf(context);
  const partsOf = (direction: Direction): SideParts => ({ geometry, direction, kernels, memory, weight });
  const whole = integerSides(context, partsOf("apply"), bias);
  const apply = whole ?? correlationSide(partsOf("apply"), mode);
  const adjoint = correlationSide(partsOf("adjoint"), mode);
  let biasPlace: Pointer = 0;
  const map = (at: BuildContext, forward: Side, backward: Side, macs: number): Operation => {
    const [output] = at.node.outputs;
    const [samples] = at.shape(at.node.inputs[0]);
    const sides = { forward, backward };
    return oneToOneInPieces(at, {
      linear: true,
      parameters: weight.size + (bias?.size ?? 0),
      macs: samples * macs,
      weightBytes: { forward: forward.weightBytes, backward: backward.weightBytes },
      clampable: true,
      ...(whole && { integers: true }),
      scratchBytes: (batch, direction) => sides[direction].scratchBytes(samples * batch),
      *prepare(direction) {
        yield* sides[direction].weights.place();
        if (bias && direction === "forward") biasPlace ||= correlationBias(geometry, memory, bias.floats());
      },
      release: (direction) => sides[direction].weights.release(),
      forward: (run, x, y) =>
        forward.run(run, samples * run.batch, x, biasPlace, y, run.clamp(output), run.integers(at.node.name)),
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

const reach = (side: "under" | "over"): AxesReach => ({
  axes: ({ node, shapes: [x = [], weight = []] }) => {
    const g = (side === "under" ? windowGeometry : transposeGeometry)(node, x.slice(2), weight.slice(2));
    const spatial = x.slice(2).map((_, axis) => {
      const taps = tapsOf(g, axis);
      return side === "under" ? { under: taps } : { over: taps };
    });
    return ["same", { groups: numberAttribute(node, "group", 1) }, ...spatial];
  },
  border: 0,
});

function convLayout(_node: Node, weight: Constant): WeightLayout {
  return { channels: weight.shape[0], run: sizeOf(weight.shape.slice(1)), channelOf: (i) => i };
}

function convTransposeLayout(node: Node, weight: Constant): WeightLayout {
  const groups = numberAttribute(node, "group", 1);
  const [inputs, perGroup, ...spatial] = weight.shape;
  const channelOf = (i: number): number => {
    const group = Math.floor((Math.floor(i / perGroup) * groups) / inputs);
    return group * perGroup + (i % perGroup);
  };
  return { channels: perGroup * groups, run: sizeOf(spatial), channelOf };
}

export const conv: Operator = {
  nature: "convolution",
  shape: convShape,
  reach: /* @__PURE__ */ reach("under"),
  build,
  weight: convLayout,
};

export const convTranspose: Operator = {
  nature: "convolution",
  shape: convTransposeShape,
  reach: /* @__PURE__ */ reach("over"),
  build,
  weight: convTransposeLayout,
};
