/**
 * Which operations compute a place of their output from a window around the same place of their inputs: those a change of a few
 * pixels reaches step by step. All others see the whole map.
 */
import { numberAttribute, numbersAttribute } from "../graph/ir";
import { windowGeometry } from "../graph/shapes";
import { imageShape, type Shape } from "../ops/layout";
import type { Operation } from "../ops/operation";
import { sizeOf } from "../tensor";
import { type Network, shapeOf } from "./network";

/** Along one axis: output o reads the inputs from `o·stride − pad` on, `extent` of them. */
export interface AxisWindow {
  readonly extent: number;
  readonly stride: number;
  readonly pad: number;
}

export interface Locality {
  readonly rows: AxisWindow;
  readonly columns: AxisWindow;
  /** What lies around the input. */
  readonly border: number;
}

const here: AxisWindow = { extent: 1, stride: 1, pad: 0 };
const samePlace: Locality = { rows: here, columns: here, border: 0 };

const pointwise: ReadonlySet<string> = /* @__PURE__ */ new Set(
  (
    "Relu LeakyRelu Elu Selu Sigmoid HardSigmoid HardSwish Swish Tanh Softplus Gelu Erf Exp Log Sqrt Neg Abs Reciprocal Clip PRelu " +
    "Add Sub Mul Div Sum Pow Max Min BatchNormalization LRN Identity Dropout Cast"
  ).split(" "),
);
const alongChannels: ReadonlySet<string> = /* @__PURE__ */ new Set(["Concat", "Split", "Gather"]);

/** How far an operation sees; undefined where parts of its map cannot be computed alone. */
export function localityOf(network: Network, operation: Operation): Locality | undefined {
  const { node, inputs, outputs } = operation;
  const shapes = [...inputs, ...outputs].map((name) => shapeOf(network, name));
  const out = shapeOf(network, outputs[0]);
  if (!shapes.every((shape) => (shape.length === 3 || shape.length === 4) && shape[0] === 1)) return undefined;
  if (node.op === "Conv") return convolution(network, operation);
  if (node.op === "MaxPool" || node.op === "AveragePool") return pool(network, operation);
  if (!shapes.every((shape) => sameMap(shape, out))) return undefined;
  const axis = numberAttribute(node, "axis", 0);
  if (alongChannels.has(node.op)) return axis === 1 || axis === 1 - out.length ? samePlace : undefined;
  if (!pointwise.has(node.op)) return undefined;
  return node.op === "BatchNormalization" || constantsAreFlat(network, operation) ? samePlace : undefined;
}

const sameMap = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.slice(2).every((extent, axis) => extent === b[axis + 2]);

/** True where no constant differs from place to place: it would have to be cut too. */
function constantsAreFlat(network: Network, { node, outputs }: Operation): boolean {
  const spatial = shapeOf(network, outputs[0]).length - 2;
  return node.inputs.every((name) => sizeOf(network.graph.constants.get(name)?.shape.slice(-spatial) ?? []) === 1);
}

function convolution(network: Network, { node, part }: Operation): Locality | undefined {
  const kernel = network.graph.constants.get(node.inputs[1])?.shape.slice(2);
  if (!part || !kernel) return undefined;
  const { stride, dilation, padBegin } = windowGeometry(node, shapeOf(network, node.inputs[0]).slice(2), kernel);
  const extents = kernel.map((size, axis) => (size - 1) * dilation[axis] + 1);
  return { ...axes(extents, stride, padBegin), border: 0 };
}

function pool(network: Network, { node, outputs }: Operation): Locality | undefined {
  const spatial = shapeOf(network, node.inputs[0]).slice(2);
  const kernel = numbersAttribute(node, "kernel_shape");
  const { stride, dilation, padBegin, out } = windowGeometry(node, spatial, kernel);
  const extents = kernel.map((size, axis) => (size - 1) * dilation[axis] + 1);
  const max = node.op === "MaxPool";
  // What an average is divided by changes at the border.
  const inside = spatial.every(
    (size, axis) => padBegin[axis] === 0 && (out[axis] - 1) * stride[axis] + extents[axis] <= size,
  );
  if (outputs.length > 1 || (!max && !inside)) return undefined;
  return { ...axes(extents, stride, padBegin), border: max ? Number.NEGATIVE_INFINITY : 0 };
}

/** Rows and columns; a signal has one row. */
function axes(extents: readonly number[], stride: readonly number[], pad: readonly number[]) {
  const windows = extents.map((extent, axis): AxisWindow => ({ extent, stride: stride[axis], pad: pad[axis] }));
  return windows.length === 1 ? { rows: here, columns: windows[0] } : { rows: windows[0], columns: windows[1] };
}

/** Height and width of a value's map. */
export function mapOf(network: Network, name: string): { readonly height: number; readonly width: number } {
  const { h, w } = imageShape(shapeOf(network, name));
  return { height: h, width: w };
}
