import { showShape, sizeOf } from "../../tensor";
import { type Node, numberAttribute } from "../ir";
import { axisOf, hasInput, type InputShapes, inputShape, type Shape, type ShapeRule, shapeError } from "./rule";

/** Which scale belongs to an element: of shape [outer][extent][inner], it has number (outer · steps + i / block) · width + inner. */
export interface Dequantisation {
  /** Elements along the axis, and behind it. */
  readonly extent: number;
  readonly inner: number;
  /** Elements along the axis that share a scale. */
  readonly block: number;
  /** Scales along the axis; between outer places; 0 or `inner` places behind the axis have scales of their own. */
  readonly steps: number;
  readonly isBlocked: boolean;
}

/**
 * y = (x − zero point) · scale with one scale, one for each place of an axis, or one for each block of places along an axis.
 *
 * @see https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html
 * @throws {ShapeError} if the scales are none of these
 */
export function dequantisation(node: Node, inputs: InputShapes): Dequantisation {
  const x = inputShape(node, inputs);
  const scale = inputShape(node, inputs, 1);
  if (hasInput(node, 2)) {
    const zero = inputShape(node, inputs, 2);
    if (showShape(zero) !== showShape(scale) && !(sizeOf(zero) === 1 && sizeOf(scale) === 1)) {
      shapeError(
        node,
        `the scale is ${showShape(scale)}, the zero point ${showShape(zero)}; both must have one shape.`,
      );
    }
  }
  const block = numberAttribute(node, "block_size", 0);
  if (block === 0 && sizeOf(scale) === 1 && scale.length <= 1) {
    return { extent: 1, inner: sizeOf(x), block: 1, steps: 1, isBlocked: false };
  }
  const axis = axisOf(node, numberAttribute(node, "axis", 1), x.length);
  const [extent, inner] = [x[axis], sizeOf(x.slice(axis + 1))];
  if (block === 0 && scale.length === 1 && scale[0] === extent) {
    return { extent, inner, block: 1, steps: extent, isBlocked: false };
  }
  const steps = Math.ceil(extent / block);
  const expected: Shape = x.map((own, i) => (i === axis ? steps : own));
  if (block > 0 && showShape(scale) === showShape(expected)) return { extent, inner, block, steps, isBlocked: true };
  const blocks =
    block > 0 ? `${showShape(expected)} (blocks of ${block})` : `one number or ${extent} of them (axis ${axis})`;
  return shapeError(node, `the scale of a value ${showShape(x)} must be ${blocks}, it is ${showShape(scale)}.`);
}

export const dequantize: ShapeRule = (node, inputs) => {
  dequantisation(node, inputs);
  return [inputShape(node, inputs)];
};
