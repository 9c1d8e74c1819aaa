import { type Node, numberAttribute } from "../ir";
import { argument, axesOf, type InputConstants, inputShape, type Shape, type ShapeRule } from "./rule";

/** Which axes a reduction sums over, and whether they stay with extent 1. */
export interface ReduceGeometry {
  readonly axes: readonly number[];
  readonly keep: boolean;
  readonly out: Shape;
}

export function reduceGeometry(node: Node, x: Shape, constants: InputConstants): ReduceGeometry {
  const given = argument(node, constants, "axes", 1) ?? [];
  const none = given.length === 0 && numberAttribute(node, "noop_with_empty_axes", 0) !== 0;
  const axes = given.length > 0 || none ? axesOf(node, given, x.length) : x.map((_, axis) => axis);
  const keep = numberAttribute(node, "keepdims", 1) !== 0;
  const out = x.flatMap((extent, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [extent]));
  return { axes, keep, out };
}

export const reduce: ShapeRule = (node, inputs, constants) => [
  reduceGeometry(node, inputShape(node, inputs), constants).out,
];
