import { type Node, numberAttribute } from "../ir";
import type { Shape } from "./rule";

/**
 * The axes that Softmax and LogSoftmax normalise together. Up to opset 12 the operator flattens all axes from `axis` (by default
 * 1) on into one; since 13 it normalises one axis, by default the last.
 */
export function softmaxAxes(node: Node, shape: Shape, opset: number): readonly number[] {
  const given = numberAttribute(node, "axis", opset < 13 ? 1 : -1);
  const axis = given < 0 ? given + shape.length : given;
  return opset < 13 ? shape.map((_, i) => i).slice(axis) : [axis];
}
