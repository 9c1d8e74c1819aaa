/** Operators that write the same row-major sequence of elements under another shape. */
import { ModelError } from "../../errors";
import { showShape, sizeOf } from "../../tensor";
import { type Node, numberAttribute } from "../ir";
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
} from "./rule";

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

const reshape: ShapeRule = (node, inputs, constants) => [
  reshapeTarget(node, inputShape(node, inputs), neededInput(node, constants, 1, "target shape")),
];

const flatten: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axis = numberAttribute(node, "axis", 1);
  const split = axis === x.length ? axis : axisOf(node, axis, x.length);
  return [[sizeOf(x.slice(0, split)), sizeOf(x.slice(split))]];
};

const squeeze: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  const axes = given ? axesOf(node, given, x.length) : x.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  const wide = axes.find((axis) => x[axis] !== 1);
  if (wide !== undefined)
    shapeError(node, `axis ${wide} has ${x[wide]} elements and cannot be dropped (${showShape(x)}).`);
  return [x.filter((_, axis) => !axes.includes(axis))];
};

const unsqueeze: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  if (!given) throw new ModelError(`${label(node)}: its axes are missing. The file is damaged.`);
  const axes = new Set(axesOf(node, given, x.length + given.length));
  const rest = [...x];
  return [Array.from({ length: x.length + axes.size }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as number)))];
};

/** Every such operator, with its shape rule. */
export const reshaping: ReadonlyMap<string, ShapeRule> = /* @__PURE__ */ new Map([
  ["Flatten", flatten],
  ["Reshape", reshape],
  ["Squeeze", squeeze],
  ["Unsqueeze", unsqueeze],
]);
