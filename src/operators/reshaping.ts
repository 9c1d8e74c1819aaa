/** Operators that write the same row-major sequence of elements under another shape. */
import { ModelError } from "../errors";
import { type Node, numberAttribute } from "../graph/ir";
import {
  argument,
  axesOf,
  axisOf,
  inputShape,
  label,
  neededInput,
  type Shape,
  type ShapeRule,
  shapeError,
} from "../graph/shape-rule";
import { isRowMajor } from "../operation/layout";
import { type Builder, oneToOne, type Run } from "../operation/operation";
import { toMemoryCopy, toRowMajorCopy } from "../operation/row-major";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { always } from "./arrangement";
import { sameElements } from "./folding";
import type { Operator } from "./operator";

/** The shape that Reshape's second input asks for: 0 copies the input's extent, one −1 takes what is left. */
function reshapeTarget(node: Node, x: Shape, wanted: readonly number[]): Shape {
  const allowZero = numberAttribute(node, "allowzero", 0) !== 0;
  const target = wanted.map((extent, axis) => (extent === 0 && !allowZero ? (x[axis] ?? Number.NaN) : extent));
  const known = target.filter((extent) => extent !== -1);
  const open = target.length - known.length;
  const rest = sizeOf(x) / sizeOf(known);
  const out = target.map((extent) => (extent === -1 ? rest : extent));
  if (open > 1 || !out.every((extent) => Number.isSafeInteger(extent) && extent >= 0) || sizeOf(out) !== sizeOf(x)) {
    shapeError(
      node,
      `an input ${showShape(x)} (${sizeOf(x)} elements) does not fill the shape [${wanted.join(", ")}]. ` +
        "The file may fix the batch or image size here: use the inputShape the network was exported with.",
    );
  }
  return out;
}

const reshapeShape: ShapeRule = (node, inputs, constants) => [
  reshapeTarget(node, inputShape(node, inputs), neededInput(node, constants, 1, "target shape")),
];

const flattenShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axis = numberAttribute(node, "axis", 1);
  const split = axis === x.length ? axis : axisOf(node, axis, x.length);
  return [[sizeOf(x.slice(0, split)), sizeOf(x.slice(split))]];
};

const squeezeShape: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  const axes = given ? axesOf(node, given, x.length) : x.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  const wide = axes.find((axis) => x[axis] !== 1);
  if (wide !== undefined)
    shapeError(node, `axis ${wide} has ${x[wide]} elements and cannot be dropped (${showShape(x)}).`);
  return [x.filter((_, axis) => !axes.includes(axis))];
};

const unsqueezeShape: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  if (!given) throw new ModelError(`${label(node)}: its axes are missing. The file is damaged.`);
  const axes = new Set(axesOf(node, given, x.length + given.length));
  const rest = [...x];
  return [Array.from({ length: x.length + axes.size }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as number)))];
};

/** Moves the same row-major sequence of numbers from one shape's memory to another's. */
function reinterpret(run: Run, from: Pointer, fromShape: Shape, to: Pointer, toShape: Shape): void {
  if (isRowMajor(fromShape)) {
    if (isRowMajor(toShape)) run.memory.copy(from, to, sizeOf(fromShape) * run.batch * 4);
    else toMemoryCopy(run, from, to, toShape);
    return;
  }
  if (isRowMajor(toShape)) {
    toRowMajorCopy(run, from, to, fromShape);
    return;
  }
  toRowMajorCopy(run, from, run.scratch, fromShape);
  toMemoryCopy(run, run.scratch, to, toShape);
}

export const buildReshape: Builder = (context) => {
  const { node } = context;
  const [from, to] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  return oneToOne(context, {
    linear: true,
    scratchBytes: (batch) => (isRowMajor(from) || isRowMajor(to) ? 0 : sizeOf(from) * batch * 4),
    forward: (run, x, y) => reinterpret(run, x, from, y, to),
    backward: (run, dy, dx) => reinterpret(run, dy, to, dx, from),
  });
};

const reshaping = (shape: ShapeRule): Operator => ({
  nature: "moves",
  shape,
  reach: "row-major",
  build: buildReshape,
  fold: sameElements,
  noOp: always,
});

export const flatten: Operator = /* @__PURE__ */ reshaping(flattenShape);
/** Before set 5 the shape was an attribute. */
export const reshape: Operator = /* @__PURE__ */ (() => ({ ...reshaping(reshapeShape), since: 5 }))();
export const squeeze: Operator = /* @__PURE__ */ reshaping(squeezeShape);
export const unsqueeze: Operator = /* @__PURE__ */ reshaping(unsqueezeShape);
