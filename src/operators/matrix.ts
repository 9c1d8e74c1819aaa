/** Gemm and MatMul: with a constant matrix behind the value y = α·x·W + β·b; other products are in `products.ts`. */
import { type Constant, type Node, numberAttribute } from "../graph/ir";
import { broadcastShapes, checkRank, inputShape, type Shape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { blocksOf } from "../operation/correlation/direct";
import { byteWeights, integerSide } from "../operation/correlation/integer";
import type { Side } from "../operation/correlation/side";
import { isRowMajor } from "../operation/layout";
import {
  type BuildContext,
  type Builder,
  type Operation,
  oneToOneInPieces,
  type Pieces,
  type Run,
  unbounded,
} from "../operation/operation";
import { toMemoryCopy, toRowMajorCopy } from "../operation/row-major";
import { type Held, held, packPanels, panelCount, placeBias } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import type { Making } from "../turns";
import { type Kernels, type Pointer, Unary } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { computed, repeated, withShape } from "./folding";
import type { AxisReach, Fold, OperandsReach, Operator, WeightLayout } from "./operator";
import { products } from "./products";

const gemmShape: ShapeRule = (node, inputs) => {
  const a = inputShape(node, inputs);
  const b = inputShape(node, inputs, 1);
  checkRank(node, a, 2);
  checkRank(node, b, 2, "weight");
  const [rows, inner] = numberAttribute(node, "transA", 0) ? [a[1], a[0]] : a;
  const [expected, columns] = numberAttribute(node, "transB", 0) ? [b[1], b[0]] : b;
  if (inner !== expected) {
    shapeError(
      node,
      `input has ${inner} features, weight expects ${expected} (input ${showShape(a)}, weight ${showShape(b)}). ` +
        "The classifier was trained for one image size: use the inputShape the network was exported with.",
    );
  }
  const out = [rows, columns];
  if (inputs[2] && showShape(broadcastShapes(node, [out, inputs[2]])) !== showShape(out)) {
    shapeError(node, `the bias ${showShape(inputs[2])} is larger than the output ${showShape(out)}.`);
  }
  return [out];
};

/** Matrix product of the last two axes; the axes before them repeat; vectors count as a row or a column. */
const matMulShape: ShapeRule = (node, inputs) => {
  const a = inputShape(node, inputs);
  const b = inputShape(node, inputs, 1);
  if (a.length === 0 || b.length === 0) shapeError(node, "a scalar cannot be multiplied as a matrix.");
  const left = a.length === 1 ? [1, a[0]] : a;
  const right = b.length === 1 ? [b[0], 1] : b;
  const inner = left[left.length - 1];
  const expected = right[right.length - 2];
  if (inner !== expected) {
    shapeError(
      node,
      `the left side has ${inner} columns, the right side ${expected} rows (left ${showShape(a)}, right ${showShape(b)}). ` +
        "Use the inputShape the network was exported with.",
    );
  }
  const batch = broadcastShapes(node, [left.slice(0, -2), right.slice(0, -2)]);
  const rows = a.length === 1 ? [] : [left[left.length - 2]];
  const columns = b.length === 1 ? [] : [right[right.length - 1]];
  return [[...batch, ...rows, ...columns]];
};

/** A constant matrix [inputs][outputs] of the file, possibly stored transposed. */
interface Matrix {
  readonly weight: Constant;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed: boolean;
  readonly factor: number;
}

/** Packs the matrix so that a row vector of `from` values times it gives `to` values. */
function* packMatrix(
  kernels: Kernels,
  memory: KernelMemory,
  matrix: Matrix,
  direction: "forward" | "backward",
): Making<Pointer> {
  const { weight, inputs, outputs, transposed, factor } = matrix;
  const inputStride = transposed ? 1 : outputs;
  const outputStride = transposed ? inputs : 1;
  const forward = direction === "forward";
  const [produced, contracted] = forward ? [outputs, inputs] : [inputs, outputs];
  const panels = yield* packPanels(kernels, memory, weight, {
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
    held(memory, function* () {
      return [[yield* packMatrix(kernels, memory, matrix, direction), memory.store(new Uint8Array(8), "Tap table")]];
    });
  // The steps of a recurrent layer multiply with one and the same matrix.
  const shared = matrix.transposed || matrix.factor !== 1 ? undefined : context.matrices;
  const present = shared?.get(matrix.weight);
  const panels = present ?? { forward: panelsOf("forward"), backward: panelsOf("backward") };
  shared?.set(matrix.weight, panels);
  let biasPlace: Pointer = 0;

  // A value of rank 3 or 4 is channels last in memory, but the matrix applies to its last ONNX axis.
  const [rearrangeIn, rearrangeOut] = [!isRowMajor(shape), !isRowMajor(outShape)];
  const rearranged = (batch: number): number =>
    rearrangeIn || rearrangeOut ? (sizeOf(shape) + sizeOf(outShape)) * batch * 4 : 0;

  // Tokens that lie side by side on both sides are not turned round.
  const span = rearrangeIn && rearrangeOut ? shape[1] : 0;

  /** One row vector per sample goes through the GEMV; more rows share each panel through the convolution kernel. */
  function* multiply(run: Run, x: Pointer, y: Pointer, direction: "forward" | "backward"): Pieces {
    const [[weight, tapTable]] = panels[direction].get();
    const [from, to] = direction === "forward" ? [inputs, outputs] : [outputs, inputs];
    const usedBias = direction === "forward" ? biasPlace : 0;
    const { lo, hi } = direction === "forward" ? run.clamp(output) : unbounded;
    const count = rows * run.batch;
    if (count === 1) {
      yield ["dense", x, weight, usedBias, y, from, to, lo, hi];
      return;
    }
    const geometry = run.record("ConvGeometry", {
      ...{ samples: 1, inH: 1, inW: count, channels: from, outH: 1, outW: count, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: 0, yPixel: to, taps: 1, tapTable, run: 1, outChannels: to, groups: 1 },
      ...{ blockTiles: blocksOf(count, from, from).tiles, lo, hi },
    });
    yield ["conv", x, weight, usedBias, y, run.scratch + rearranged(run.batch), geometry];
  }

  function* multiplySpans(run: Run, x: Pointer, y: Pointer, direction: "forward" | "backward"): Pieces {
    const [[weight]] = panels[direction].get();
    const [from, to] = direction === "forward" ? [inputs, outputs] : [outputs, inputs];
    const { lo, hi } = direction === "forward" ? run.clamp(output) : unbounded;
    const count = rows * run.batch;
    const usedBias = direction === "forward" ? biasPlace : 0;
    const { tiles } = blocksOf(count, from, from);
    yield ["multiplyPlanes", x, weight, usedBias, y, run.scratch, count, span, from, to, tiles, lo, hi];
  }

  function* through(run: Run, x: Pointer, y: Pointer, direction: "forward" | "backward"): Pieces {
    const forward = direction === "forward";
    const [fromShape, toShape] = forward ? [shape, outShape] : [outShape, shape];
    const [before, after] = forward ? [rearrangeIn, rearrangeOut] : [rearrangeOut, rearrangeIn];
    if (span > 0) {
      yield* multiplySpans(run, x, y, direction);
      return;
    }
    const fromBytes = sizeOf(fromShape) * run.batch * 4;
    if (before) toRowMajorCopy(run, x, run.scratch, fromShape);
    const product = after ? run.scratch + fromBytes : y;
    yield* multiply(run, before ? run.scratch : x, product, direction);
    if (after) toMemoryCopy(run, product, y, toShape);
  }

  const scratchOf = (batch: number, direction: "forward" | "backward"): number => {
    const from = direction === "forward" ? inputs : outputs;
    const { tiles, scratchBytes } = blocksOf(rows * batch, from, from);
    return span > 0 ? tiles * (192 + 16 * from) : rearranged(batch) + scratchBytes;
  };
  const floatBytes = panelCount(outputs) * 8 * inputs * 4;
  const whole =
    rearrangeIn || rearrangeOut
      ? undefined
      : byteRows(context, matrix, {
          weights: panels.forward,
          weightBytes: floatBytes,
          scratchBytes: (samples) => scratchOf(samples, "forward"),
          run: (run, _, x, __, y) => multiply(run, x, y, "forward"),
        });

  const weights = { forward: whole?.weights ?? panels.forward, backward: panels.backward };

  return oneToOneInPieces(context, {
    linear: true,
    ...(whole && { integers: true }),
    parameters: (present ? 0 : matrix.weight.size) + (bias?.length ?? 0),
    macs: rows * inputs * outputs,
    weightBytes: {
      forward: whole?.weightBytes ?? (present ? 0 : floatBytes),
      backward: present ? 0 : panelCount(inputs) * 8 * outputs * 4,
    },
    clampable: true,
    scratchBytes: (batch, direction) =>
      whole && direction === "forward" ? whole.scratchBytes(batch) : scratchOf(batch, direction),
    *prepare(direction) {
      yield* weights[direction].place();
      if (direction === "forward" && bias) biasPlace ||= placeBias(memory, bias, 1);
    },
    release: (direction) => weights[direction].release(),
    forward: (run, x, y) =>
      whole
        ? whole.run(run, run.batch, x, 0, y, run.clamp(output), run.integers(node.name))
        : through(run, x, y, "forward"),
    backward: (run, dy, dx) => through(run, dy, dx, "backward"),
  });
}

/** Rows of integers of eight bits times a matrix of such, whose weights stay bytes; undefined where it has none. */
function byteRows({ node, kernels, memory, shape }: BuildContext, matrix: Matrix, real: Side): Side | undefined {
  const { weight, inputs, outputs } = matrix;
  if (node.op !== "MatMul" || numberAttribute(node, "integers", 0) !== 8) return undefined;
  const own = byteWeights(weight.floats(), { outputs, outStride: 1, count: inputs, stride: outputs }, undefined);
  if (!own) return undefined;
  const rows = sizeOf(shape(node.inputs[0])) / inputs;
  const geometry = {
    ...{ inH: 1, inW: rows, inChannels: inputs, outH: 1, outW: rows, outChannels: outputs, groups: 1 },
    ...{ kernelH: 1, kernelW: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0, padLeft: 0 },
  };
  const strides = { outStride: 1, channelStride: outputs, real };
  return integerSide({ geometry, direction: "apply", kernels, memory, weight, bias: undefined, own, matrix: strides });
}

const buildGemm: Builder = (context) => {
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

const buildMatMul: Builder = (context) => {
  const [input, weightName, biasName] = context.node.inputs;
  const weight = context.constant(weightName);
  // Weights behind the value are packed once and for all, any other product as it runs.
  if (context.constant(input) || weight?.shape.length !== 2) return products(context);
  const [inputs, outputs] = weight.shape;
  const bias = biasName === undefined ? undefined : context.constant(biasName)?.floats();
  return denseOperation(context, { weight, inputs, outputs, transposed: false, factor: 1 }, bias);
};

/** A number of a product depends on its whole row on the left, its whole column on the right and, where there is one, its place of the bias. */
const rowsAndColumns: OperandsReach = {
  operands: ({ shapes: [a = [], b = [], c] }) => {
    const vectors = Number(a.length === 1) + Number(b.length === 1);
    const batch = Math.max(a.length, b.length, 2) - 2;
    const last = batch + 1 - vectors;
    const front = (own: Shape): AxisReach[] => own.slice(0, -2).map((_, i) => ({ of: batch - (own.length - 2) + i }));
    return [
      [...front(a), ...(a.length > 1 ? [{ of: batch }] : []), "whole"],
      [...front(b), "whole", ...(b.length > 1 ? [{ of: last }] : [])],
      ...(c ? [c.map((extent, i): AxisReach => (extent === 1 ? "whole" : { of: last - (c.length - 1) + i }))] : []),
    ];
  },
};

const gemmReach: OperandsReach = {
  operands: ({ node, shapes: [, , c] }) => {
    const side = (key: string, axes: readonly AxisReach[]): readonly AxisReach[] =>
      numberAttribute(node, key, 0) ? [...axes].reverse() : axes;
    const bias = c?.map((_, i) => ({ of: 2 - c.length + i }));
    return [side("transA", [{ of: 0 }, "whole"]), side("transB", ["whole", { of: 1 }]), ...(bias ? [bias] : [])];
  },
};

function gemmLayout(node: Node, weight: Constant): WeightLayout {
  const [rows, columns] = weight.shape;
  if (numberAttribute(node, "transB", 0)) return { channels: rows, run: columns, channelOf: (i) => i };
  return { channels: columns, run: 1, channelOf: (i) => i % columns };
}

export const gemm: Operator = {
  // Before, the bias was repeated along a named axis.
  since: 7,
  nature: "dense",
  shape: gemmShape,
  reach: gemmReach,
  build: buildGemm,
  weight: gemmLayout,
};

/** More products than these are left to a kernel, or to the exporter. */
const mostProducts = 2 ** 26;

/** A product of constants, summed in float64. */
const foldMatMul: Fold = ({ known: [a, b], out }) => {
  if (a.kind !== "float" || b.kind !== "float") return undefined;
  const [left, right] = [
    a.shape.length === 1 ? [1, ...a.shape] : a.shape,
    b.shape.length === 1 ? [...b.shape, 1] : b.shape,
  ];
  const [inner, columns] = right.slice(-2);
  const rows = left[left.length - 2];
  if (sizeOf(out) * inner > mostProducts) return undefined;
  const batch = out.slice(0, out.length - (2 - Number(a.shape.length === 1) - Number(b.shape.length === 1)));
  const stack = (shape: Shape): Shape => [...batch, ...shape.slice(-2)];
  const [x, w] = [repeated(withShape(a, left), stack(left)), repeated(withShape(b, right), stack(right))];
  return computed("float", out, (i) => {
    const [column, row, matrix] = [i % columns, Math.floor(i / columns) % rows, Math.floor(i / (rows * columns))];
    const [from, to] = [(matrix * rows + row) * inner, matrix * inner * columns + column];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += x[from + k] * w[to + k * columns];
    return sum;
  });
};

/** ONNX's MatMul has two inputs; the third, a bias, is what `combine-dense-bias` writes. */
export const matMul: Operator = {
  nature: "dense",
  shape: matMulShape,
  reach: rowsAndColumns,
  build: buildMatMul,
  fold: foldMatMul,
  foldSteps: ({ known: [a], out }) => sizeOf(out) * (a.shape.at(-1) ?? 1),
};
