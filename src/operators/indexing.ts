/**
 * Operators by which exporters compute indices and masks (window attention, relative positions): they run on constants alone, so
 * each is its shape and its value.
 */
import { kindOfDataType } from "../graph/data-type";
import { numberAttribute } from "../graph/ir";
import { unravel } from "../graph/regions";
import { axisOf, inputShape, neededInput, sameShape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import { computed, valuesOf } from "./folding";
import type { Operator } from "./operator";

/** What all of them have in common. */
const shared = { nature: "arithmetic", constantsOnly: true } as const;

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
