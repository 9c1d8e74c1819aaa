/** Operators that make the numbers of which shape arithmetic consists. */
import { type Node, numberAttribute } from "../ir";
import { checkExtents, inputShape, neededInput, type ShapeRule, shapeError } from "./rule";

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
