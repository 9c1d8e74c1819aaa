/** Gemm and MatMul with a constant matrix: y = α·x·W + β·b. */
import type { Constant } from "../graph/ir";
import { numberAttribute } from "../graph/ir";
import { sizeOf } from "../tensor";
import { type Kernels, type Pointer, Unary } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { blocksOf } from "./direct";
import { isRowMajor } from "./layout";
import { products } from "./matmul";
import { type BuildContext, type Builder, type Operation, oneToOne, type Run, unbounded } from "./operation";
import { toMemoryCopy, toRowMajorCopy } from "./reshape";
import { type Held, held, packPanels, panelCount, placeBias } from "./weights";

/** A constant matrix [inputs][outputs] of the file, possibly stored transposed. */
interface Matrix {
  readonly weight: Constant;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed: boolean;
  readonly factor: number;
}

/** Packs the matrix so that a row vector of `from` values times it gives `to` values. */
function packMatrix(
  kernels: Kernels,
  memory: KernelMemory,
  matrix: Matrix,
  direction: "forward" | "backward",
): Pointer {
  const { weight, inputs, outputs, transposed, factor } = matrix;
  const inputStride = transposed ? 1 : outputs;
  const outputStride = transposed ? inputs : 1;
  const forward = direction === "forward";
  const [produced, contracted] = forward ? [outputs, inputs] : [inputs, outputs];
  const panels = packPanels(kernels, memory, weight, {
    groups: 1,
    groupStride: 0,
    outChannels: produced,
    channels: contracted,
    tapOffsets: [0],
    outStride: forward ? outputStride : inputStride,
    channelStride: forward ? inputStride : outputStride,
  });
  if (factor !== 1) kernels.unary(Unary.scale, panels, panels, panelCount(produced) * 8 * contracted, factor, 0);
  return panels;
}

function denseOperation(context: BuildContext, matrix: Matrix, bias: Float32Array | undefined): Operation {
  const { node, kernels, memory } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const [shape, outShape] = [context.shape(input), context.shape(output)];
  const { inputs, outputs } = matrix;
  const rows = sizeOf(shape) / inputs;
  const panelsOf = (direction: "forward" | "backward"): Held =>
    held(memory, () => [
      [packMatrix(kernels, memory, matrix, direction), memory.store(new Uint8Array(8), "Tap table")],
    ]);
  const panels = { forward: panelsOf("forward"), backward: panelsOf("backward") };
  let biasPlace: Pointer = 0;

  // A value of rank 3 or 4 is channels last in memory, but the matrix applies to its last ONNX axis.
  const [rearrangeIn, rearrangeOut] = [!isRowMajor(shape), !isRowMajor(outShape)];
  const rearranged = (batch: number): number =>
    rearrangeIn || rearrangeOut ? (sizeOf(shape) + sizeOf(outShape)) * batch * 4 : 0;

  /** One row vector per sample goes through the GEMV; more rows share each panel through the convolution kernel. */
  const multiply = (run: Run, x: Pointer, y: Pointer, direction: "forward" | "backward"): void => {
    const [[weight, tapTable]] = panels[direction].get();
    const [from, to] = direction === "forward" ? [inputs, outputs] : [outputs, inputs];
    const usedBias = direction === "forward" ? biasPlace : 0;
    const { lo, hi } = direction === "forward" ? run.clamp(output) : unbounded;
    const count = rows * run.batch;
    if (count === 1) {
      kernels.dense(x, weight, usedBias, y, from, to, lo, hi);
      return;
    }
    const geometry = run.record("ConvGeometry", {
      ...{ samples: 1, inH: 1, inW: count, channels: from, outH: 1, outW: count, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: 0, yPixel: to, taps: 1, tapTable, run: 1, outChannels: to, groups: 1 },
      ...{ blockTiles: blocksOf(count, from, from).tiles, lo, hi },
    });
    kernels.conv(x, weight, usedBias, y, run.scratch + rearranged(run.batch), geometry);
  };

  const through = (run: Run, x: Pointer, y: Pointer, direction: "forward" | "backward"): void => {
    const forward = direction === "forward";
    const [fromShape, toShape] = forward ? [shape, outShape] : [outShape, shape];
    const [before, after] = forward ? [rearrangeIn, rearrangeOut] : [rearrangeOut, rearrangeIn];
    const fromBytes = sizeOf(fromShape) * run.batch * 4;
    if (before) toRowMajorCopy(run, x, run.scratch, fromShape);
    const product = after ? run.scratch + fromBytes : y;
    multiply(run, before ? run.scratch : x, product, direction);
    if (after) toMemoryCopy(run, product, y, toShape);
  };

  return oneToOne(context, {
    linear: true,
    parameters: matrix.weight.size + (bias?.length ?? 0),
    macs: rows * inputs * outputs,
    weightBytes: {
      forward: panelCount(outputs) * 8 * inputs * 4,
      backward: panelCount(inputs) * 8 * outputs * 4,
    },
    clampable: true,
    scratchBytes: (batch, direction) => {
      const from = direction === "forward" ? inputs : outputs;
      return rearranged(batch) + blocksOf(rows * batch, from, from).scratchBytes;
    },
    prepare: (direction) => {
      panels[direction].get();
      if (direction === "forward" && bias) biasPlace ||= placeBias(memory, bias, 1);
    },
    release: (direction) => panels[direction].release(),
    forward: (run, x, y) => through(run, x, y, "forward"),
    backward: (run, dy, dx) => through(run, dy, dx, "backward"),
  });
}

export const gemm: Builder = (context) => {
  const { node } = context;
  const [, weightName, biasName] = node.inputs;
  if (context.constant(node.inputs[0])) context.refuse("its first matrix is a constant");
  const weight = context.constant(weightName) ?? context.refuse(`its matrix "${weightName}" is not a constant`);
  if (numberAttribute(node, "transA", 0) === 1) context.refuse("transA is not supported");
  const transposed = numberAttribute(node, "transB", 0) === 1;
  const [inputs, outputs] = transposed ? [weight.shape[1], weight.shape[0]] : [weight.shape[0], weight.shape[1]];
  const beta = numberAttribute(node, "beta", 1);
  const constant = biasName
    ? (context.constant(biasName) ?? context.refuse(`its bias "${biasName}" is not a constant`))
    : undefined;
  if (constant && constant.size !== outputs && constant.size !== 1) context.refuse("its bias differs from row to row");
  const values = constant?.floats();
  const bias = values && Float32Array.from({ length: outputs }, (_, i) => beta * values[values.length === 1 ? 0 : i]);
  return denseOperation(
    context,
    { weight, inputs, outputs, transposed, factor: numberAttribute(node, "alpha", 1) },
    bias,
  );
};

export const matMul: Builder = (context) => {
  const [input, weightName] = context.node.inputs;
  const weight = context.constant(weightName);
  // Weights behind the value are packed once and for all, any other product as it runs.
  if (context.constant(input) || weight?.shape.length !== 2) return products(context);
  const [inputs, outputs] = weight.shape;
  return denseOperation(context, { weight, inputs, outputs, transposed: false, factor: 1 }, undefined);
};
