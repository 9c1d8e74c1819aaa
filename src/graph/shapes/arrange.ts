/** Operators that move elements without changing them. */
import { ModelError } from "../../errors";
import { showShape, sizeOf } from "../../tensor";
import { type Node, numberAttribute, numbersAttribute, stringAttribute } from "../ir";
import { broadcastShapes } from "./pointwise";
import {
  argument,
  axesOf,
  axisOf,
  constantInput,
  filled,
  hasInput,
  type InputConstants,
  inputShape,
  label,
  type Shape,
  type ShapeRule,
  shapeError,
} from "./rule";

/** The numbers of an input that must be there. */
function neededInput(node: Node, constants: InputConstants, index: number, what: string): readonly number[] {
  const numbers = constantInput(node, constants, index, what);
  if (!numbers) throw new ModelError(`${label(node)}: its ${what} are missing. The file is damaged.`);
  return numbers;
}

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

export const reshape: ShapeRule = (node, inputs, constants) => [
  reshapeTarget(node, inputShape(node, inputs), neededInput(node, constants, 1, "target shape")),
];

export const flatten: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axis = numberAttribute(node, "axis", 1);
  const split = axis === x.length ? axis : axisOf(node, axis, x.length);
  return [[sizeOf(x.slice(0, split)), sizeOf(x.slice(split))]];
};

/** Which input axis each output axis comes from. */
export function permutation(node: Node, x: Shape): readonly number[] {
  const reversed = x.map((_, axis) => x.length - 1 - axis);
  const order = numbersAttribute(node, "perm", reversed);
  if (order.length !== x.length) {
    shapeError(node, `perm [${order.join(", ")}] does not order the ${x.length} axes of an input ${showShape(x)}.`);
  }
  return axesOf(node, order, x.length);
}

export const transpose: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  return [permutation(node, x).map((axis) => x[axis])];
};

export const squeeze: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  const axes = given ? axesOf(node, given, x.length) : x.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
  const wide = axes.find((axis) => x[axis] !== 1);
  if (wide !== undefined)
    shapeError(node, `axis ${wide} has ${x[wide]} elements and cannot be dropped (${showShape(x)}).`);
  return [x.filter((_, axis) => !axes.includes(axis))];
};

export const unsqueeze: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1);
  if (!given) throw new ModelError(`${label(node)}: its axes are missing. The file is damaged.`);
  const axes = new Set(axesOf(node, given, x.length + given.length));
  const rest = [...x];
  return [Array.from({ length: x.length + axes.size }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() as number)))];
};

export const concat: ShapeRule = (node, inputs) => {
  const shapes = inputs.map((_, i) => inputShape(node, inputs, i));
  const first = inputShape(node, inputs);
  const axis = axisOf(node, numberAttribute(node, "axis"), first.length);
  const odd = shapes.find(
    (shape) => shape.length !== first.length || shape.some((extent, i) => i !== axis && extent !== first[i]),
  );
  if (odd) {
    shapeError(
      node,
      `values can be joined along axis ${axis} only if they agree on all others, got ${shapes.map(showShape).join(", ")}. ` +
        "Networks with skip connections often need a height and width divisible by 32.",
    );
  }
  return [first.map((extent, i) => (i === axis ? shapes.reduce((sum, shape) => sum + shape[i], 0) : extent))];
};

/** Where a Split cuts: the axis and the extent of each part. */
export function splitGeometry(node: Node, x: Shape, constants: InputConstants) {
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const given = argument(node, constants, "split", 1);
  const parts = given ?? equalParts(node, x[axis], numberAttribute(node, "num_outputs", node.outputs.length));
  const sum = parts.reduce((total, part) => total + part, 0);
  if (
    sum !== x[axis] ||
    parts.length !== node.outputs.length ||
    !parts.every((n) => Number.isSafeInteger(n) && n >= 0)
  ) {
    shapeError(
      node,
      `parts [${parts.join(", ")}] for ${node.outputs.length} outputs do not make up the ${x[axis]} elements of axis ${axis} (${showShape(x)}).`,
    );
  }
  return { axis, parts };
}

function equalParts(node: Node, extent: number, count: number): number[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= node.outputs.length)) {
    shapeError(node, `num_outputs is ${count}, the node has ${node.outputs.length} outputs.`);
  }
  // Since operator set 18, which has num_outputs, the last part may be smaller.
  if (!node.attributes.has("num_outputs") && extent % count !== 0)
    shapeError(node, `${extent} elements cannot be split into ${count} equal parts.`);
  const part = Math.ceil(extent / count);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? extent - part * (count - 1) : part));
}

export const split: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const { axis, parts } = splitGeometry(node, x, constants);
  return parts.map((part) => x.map((extent, i) => (i === axis ? part : extent)));
};

/** Element `i` of the output along an axis is element `start + i·step` of the input; one entry per axis of the input. */
export interface SliceGeometry {
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly out: readonly number[];
}

export function sliceGeometry(node: Node, x: Shape, constants: InputConstants): SliceGeometry {
  const starts = argument(node, constants, "starts", 1);
  const ends = argument(node, constants, "ends", 2);
  const axesGiven = argument(node, constants, "axes", 3);
  if (!starts || !ends) throw new ModelError(`${label(node)}: its starts or ends are missing. The file is damaged.`);
  const axes = axesOf(node, axesGiven ?? starts.map((_, i) => i), x.length);
  const steps = constantInput(node, constants, 4, "steps") ?? filled(axes.length, 1);
  if (
    [starts, ends, steps].some((list) => list.length !== axes.length) ||
    !steps.every((n) => Number.isInteger(n) && n !== 0)
  ) {
    shapeError(
      node,
      `starts [${starts.join(", ")}], ends [${ends.join(", ")}], axes [${axes.join(", ")}] and steps [${steps.join(", ")}] do not go together.`,
    );
  }
  const geometry = { start: filled(x.length, 0), step: filled(x.length, 1), out: [...x] };
  axes.forEach((axis, i) => {
    const { start, out } = sliceAxis(x[axis], starts[i], ends[i], steps[i]);
    geometry.start[axis] = start;
    geometry.step[axis] = steps[i];
    geometry.out[axis] = out;
  });
  return geometry;
}

function sliceAxis(extent: number, start: number, end: number, step: number) {
  const clamp = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + extent : at, least), most);
  // Backwards, an end before the first element is written as a very negative number.
  const [from, to] =
    step > 0
      ? [clamp(start, 0, extent), clamp(end, 0, extent)]
      : [clamp(start, 0, extent - 1), clamp(end, -1, extent - 1)];
  return { start: from, out: Math.max(0, Math.ceil((to - from) / step)) };
}

export const slice: ShapeRule = (node, inputs, constants) => [
  sliceGeometry(node, inputShape(node, inputs), constants).out,
];

/** Elements that Pad adds (or, negative, removes) at both ends of each of the input's `rank` axes. */
export function paddings(node: Node, rank: number, constants: InputConstants) {
  const pads = argument(node, constants, "pads", 1);
  if (!pads) throw new ModelError(`${label(node)}: its pads are missing. The file is damaged.`);
  const every = Array.from({ length: rank }, (_, axis) => axis);
  const axes = axesOf(node, constantInput(node, constants, 3, "axes") ?? every, rank);
  if (pads.length !== 2 * axes.length || !pads.every(Number.isSafeInteger)) {
    shapeError(node, `pads [${pads.join(", ")}] must be two whole numbers for each of ${axes.length} axes.`);
  }
  const begin = filled(rank, 0);
  const end = filled(rank, 0);
  axes.forEach((axis, i) => {
    begin[axis] = pads[i];
    end[axis] = pads[axes.length + i];
  });
  return { begin, end };
}

export const pad: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const { begin, end } = paddings(node, x.length, constants);
  const out = x.map((extent, axis) => extent + begin[axis] + end[axis]);
  if (!out.every((extent) => extent >= 0)) {
    shapeError(node, `pads remove more than there is: ${showShape(x)} would become ${out.join("×")}.`);
  }
  const reflects = stringAttribute(node, "mode", "constant") === "reflect";
  if (reflects && x.some((extent, axis) => Math.max(begin[axis], end[axis]) >= extent && extent !== out[axis])) {
    shapeError(node, `a reflection must be smaller than the input ${showShape(x)}. Use a larger inputShape.`);
  }
  return [out];
};

export const gather: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  return [[...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]];
};

export const expand: ShapeRule = (node, inputs, constants) => {
  const target = neededInput(node, constants, 1, "target shape");
  checkExtents(node, target);
  return [broadcastShapes(node, [inputShape(node, inputs), target])];
};

export const tile: ShapeRule = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const repeats = neededInput(node, constants, 1, "repeats");
  checkExtents(node, repeats);
  if (repeats.length !== x.length) {
    shapeError(node, `repeats [${repeats.join(", ")}] must have one entry per axis of ${showShape(x)}.`);
  }
  return [x.map((extent, axis) => extent * repeats[axis])];
};

function checkExtents(node: Node, extents: readonly number[]): void {
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    shapeError(node, `[${extents.join(", ")}] must be whole numbers of at least 0.`);
  }
}

export const constantOfShape: ShapeRule = (node, _inputs, constants) => {
  const shape = neededInput(node, constants, 0, "extents");
  checkExtents(node, shape);
  return [shape];
};

/** First and one-past-last axis that Shape reports. */
export function shapeRange(node: Node, rank: number): { start: number; end: number } {
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const start = clamp(numberAttribute(node, "start", 0));
  return { start, end: Math.max(start, clamp(numberAttribute(node, "end", rank))) };
}

export const shapeOf: ShapeRule = (node, inputs) => {
  const { start, end } = shapeRange(node, inputShape(node, inputs).length);
  return [[end - start]];
};

export const scalar: ShapeRule = (node, inputs) => {
  inputShape(node, inputs);
  return [[]];
};

export const range: ShapeRule = (node, _inputs, constants) => {
  const [[start], [limit], [delta]] = [0, 1, 2].map((i) => neededInput(node, constants, i, "start, limit and step"));
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(count))
    shapeError(node, `a range from ${start} to ${limit} in steps of ${delta} does not end.`);
  return [[count]];
};

/** Clip's limits and the like are inputs that do not take part in the shape, but they must be single numbers. */
export const clip: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  for (const index of [1, 2]) {
    const limit = hasInput(node, index) ? inputShape(node, inputs, index) : [];
    if (sizeOf(limit) !== 1) shapeError(node, `its limits must be single numbers, one is ${showShape(limit)}.`);
  }
  return [x];
};
