/** Operators that make the numbers of which shape arithmetic consists. */
import { Constant, type Node, numberAttribute, tensorAttribute } from "../graph/ir";
import { checkExtents, inputShape, neededInput, type ShapeRule, shapeError } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import { computed, valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";

const constantOfShapeShape: ShapeRule = (node, _inputs, constants) => {
  const shape = neededInput(node, constants, 0, "extents");
  checkExtents(node, shape);
  return [shape];
};

/** First and one-past-last axis that Shape reports. */
function shapeRange(node: Node, rank: number): { start: number; end: number } {
  const clamp = (axis: number): number => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const start = clamp(numberAttribute(node, "start", 0));
  return { start, end: Math.max(start, clamp(numberAttribute(node, "end", rank))) };
}

const shapeShape: ShapeRule = (node, inputs) => {
  const { start, end } = shapeRange(node, inputShape(node, inputs).length);
  return [[end - start]];
};

const scalar: ShapeRule = (node, inputs) => {
  inputShape(node, inputs);
  return [[]];
};

const rangeShape: ShapeRule = (node, _inputs, constants) => {
  const [[start], [limit], [delta]] = [0, 1, 2].map((i) => neededInput(node, constants, i, "start, limit and step"));
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isSafeInteger(count))
    shapeError(node, `a range from ${start} to ${limit} in steps of ${delta} does not end.`);
  return [[count]];
};

const constantsOfShape: Fold = ({ node, out }) => {
  const value = node.attributes.has("value") ? tensorAttribute(node, "value") : undefined;
  const element = value ? valuesOf(value)[0] : 0;
  return computed(value?.kind ?? "float", out, () => element);
};

const ranged: Fold = ({ known, out }) => {
  const [first, , step] = known.map((constant) => valuesOf(constant)[0]);
  return computed(known[0].kind, out, (i) => first + i * step);
};

const extents: Fold = ({ node, shapes: [x = []], out }) => {
  const { start, end } = shapeRange(node, x.length);
  return Constant.fromNumbers("int", x.slice(start, end), out);
};

export const constantOfShape: Operator = {
  nature: "arithmetic",
  shape: constantOfShapeShape,
  fold: constantsOfShape,
  kind: ({ attributes }) => {
    const value = attributes.get("value");
    return value instanceof Constant ? value.kind : "float";
  },
};

export const range: Operator = { nature: "arithmetic", shape: rangeShape, fold: ranged };

export const shape: Operator = {
  nature: "arithmetic",
  shape: shapeShape,
  fold: extents,
  kind: () => "int",
  measures: true,
};

export const size: Operator = {
  nature: "arithmetic",
  shape: scalar,
  fold: ({ shapes: [x = []] }) => Constant.fromNumbers("int", [sizeOf(x)], []),
  kind: () => "int",
  measures: true,
};
