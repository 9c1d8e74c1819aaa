import { numberAttribute } from "../ir";
import { type Arrange, oneRegion } from "../regions";
import { argument, axesOf, inputShape } from "./rule";

/** Every reduction: one region, in whose output the reduced axes do not advance. */
export const reduction: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const given = argument(node, constants, "axes", 1) ?? [];
  const none = given.length === 0 && numberAttribute(node, "noop_with_empty_axes", 0) !== 0;
  const reduced = given.length > 0 || none ? axesOf(node, given, x.length) : x.map((_, axis) => axis);
  const keep = numberAttribute(node, "keepdims", 1) !== 0;
  const axes: number[] = [];
  const shape: number[] = [];
  x.forEach((extent, axis) => {
    axes.push(shape.length);
    if (!reduced.includes(axis)) shape.push(extent);
    else if (keep) shape.push(1);
  });
  const steps = x.map((_, axis) => (reduced.includes(axis) ? 0 : 1));
  return oneRegion(shape, { extents: x, to: { axes, steps } });
};
