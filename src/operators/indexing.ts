/**
 * Operators by which exporters compute indices and masks (window attention, relative positions): they run on constants alone, so
 * each is its shape and its value.
 */
import { kindOfDataType } from "../graph/data-type";
import { type Constant, type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { rowMajorStrides, unravel } from "../graph/regions";
import { axisOf, inputShape, neededInput, sameShape, shapeError } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import { computed, filledRoom, room, valuesOf } from "./folding";
import type { Operator } from "./operator";

/** What all of them have in common. */
const shared = { nature: "arithmetic", constantsOnly: true } as const;

/** The element at an index, negative ones counted from the end. */
function indexIn(node: Node, index: number, extent: number): number {
  const found = index < 0 ? index + extent : index;
  if (!(found >= 0 && found < extent))
    shapeError(node, `index ${index} is outside of the ${extent} elements of its axis.`);
  return found;
}

/** What is written where something is already. */
function reductionOf(node: Node): (old: number, value: number) => number {
  const name = stringAttribute(node, "reduction", "none");
  const found = new Map<string, (old: number, value: number) => number>([
    ["none", (_, value) => value],
    ["add", (old, value) => old + value],
    ["mul", (old, value) => old * value],
    ["max", Math.max],
    ["min", Math.min],
  ]).get(name);
  return found ?? shapeError(node, `its reduction "${name}" is none of none, add, mul, max and min.`);
}

export const scatterNd: Operator = {
  ...shared,
  shape: sameShape,
  fold: ({ node, known: [x, indices, updates], out }) => {
    const result = copyOf(x);
    const [places, values] = [valuesOf(indices), valuesOf(updates)];
    const depth = indices.shape[indices.shape.length - 1];
    const strides = rowMajorStrides(out);
    const slice = sizeOf(out.slice(depth));
    const write = reductionOf(node);
    for (let n = 0; n < places.length / depth; n++) {
      let at = 0;
      for (let axis = 0; axis < depth; axis++) at += indexIn(node, places[n * depth + axis], out[axis]) * strides[axis];
      for (let i = 0; i < slice; i++) result[at + i] = write(result[at + i], values[n * slice + i]);
    }
    return filledRoom(x.kind, result, out);
  },
};

export const scatterElements: Operator = {
  ...shared,
  shape: sameShape,
  fold: ({ node, known: [x, indices, updates], out }) => {
    const axis = axisOf(node, numberAttribute(node, "axis", 0), out.length);
    const result = copyOf(x);
    const [places, values] = [valuesOf(indices), valuesOf(updates)];
    const strides = rowMajorStrides(out);
    const write = reductionOf(node);
    for (let i = 0; i < places.length; i++) {
      const place = unravel(i, indices.shape);
      place[axis] = indexIn(node, places[i], out[axis]);
      const at = place.reduce((sum, index, k) => sum + index * strides[k], 0);
      result[at] = write(result[at], values[i]);
    }
    return filledRoom(x.kind, result, out);
  },
};

function copyOf(x: Constant): Float32Array | number[] {
  const result = room(x.kind, x.shape);
  const values = valuesOf(x);
  for (let i = 0; i < result.length; i++) result[i] = values[i];
  return result;
}

export const trilu: Operator = {
  ...shared,
  shape: sameShape,
  fold: ({ node, inputs: [x, k], out }) => {
    const upper = numberAttribute(node, "upper", 1) !== 0;
    const shift = k ? valuesOf(k)[0] : 0;
    const [rows, columns] = out.slice(-2);
    const values = x ? valuesOf(x) : [];
    return computed(x?.kind ?? "float", out, (i) => {
      const [row, column] = [Math.floor(i / columns) % rows, i % columns];
      return (upper ? column - row >= shift : column - row <= shift) ? values[i] : 0;
    });
  },
};

export const cumSum: Operator = {
  ...shared,
  shape: sameShape,
  fold: ({ node, known: [x, axis], out }) => {
    const along = axisOf(node, valuesOf(axis)[0], out.length);
    const [exclusive, reverse] = ["exclusive", "reverse"].map((key) => numberAttribute(node, key, 0) !== 0);
    const [extent, step] = [out[along], sizeOf(out.slice(along + 1))];
    const values = valuesOf(x);
    const result = room(x.kind, out);
    for (let i = 0; i < result.length; i++) {
      if (Math.floor(i / step) % extent !== 0) continue;
      let sum = 0;
      for (let k = 0; k < extent; k++) {
        const at = i + (reverse ? extent - 1 - k : k) * step;
        if (exclusive) result[at] = sum;
        sum += values[at];
        if (!exclusive) result[at] = sum;
      }
    }
    return filledRoom(x.kind, result, out);
  },
};

export const oneHot: Operator = {
  ...shared,
  kind: (_, __, inputs) => inputs[2],
  shape: (node, inputs, constants) => {
    const indices = inputShape(node, inputs);
    const [depth] = neededInput(node, constants, 1, "depth");
    const axis = axisOf(node, numberAttribute(node, "axis", -1), indices.length + 1);
    return [[...indices.slice(0, axis), depth, ...indices.slice(axis)]];
  },
  fold: ({ node, known: [indices, , offOn], out }) => {
    const axis = axisOf(node, numberAttribute(node, "axis", -1), out.length);
    const [extent, inner] = [out[axis], sizeOf(out.slice(axis + 1))];
    const [places, [off, on]] = [valuesOf(indices), Array.from(valuesOf(offOn))];
    return computed(offOn.kind, out, (i) => {
      const place = places[Math.floor(i / (inner * extent)) * inner + (i % inner)];
      return (place < 0 ? place + extent : place) === Math.floor(i / inner) % extent ? on : off;
    });
  },
};

export const eyeLike: Operator = {
  ...shared,
  kind: ({ attributes }) => {
    const type = attributes.get("dtype");
    return typeof type === "number" ? kindOfDataType(type) : undefined;
  },
  shape: sameShape,
  fold: ({ node, known: [x], out }) => {
    const type = node.attributes.get("dtype");
    const shift = numberAttribute(node, "k", 0);
    const kind = typeof type === "number" ? kindOfDataType(type) : x.kind;
    return computed(kind, out, (i) => Number((i % out[1]) - Math.floor(i / out[1]) === shift));
  },
};

export const nonZero: Operator = {
  ...shared,
  kind: () => "int",
  shape: (node, inputs, constants) => {
    const found = neededInput(node, constants, 0, "elements").filter((value) => value !== 0);
    return [[inputShape(node, inputs).length, found.length]];
  },
  fold: ({ known: [x], out }) => {
    const values = valuesOf(x);
    const places = Array.from({ length: x.size }, (_, i) => i).filter((i) => values[i] !== 0);
    const found = places.map((i) => unravel(i, x.shape));
    return computed("int", out, (i) => found[i % out[1]][Math.floor(i / out[1])]);
  },
};
