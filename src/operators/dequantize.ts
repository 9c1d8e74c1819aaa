/** Quantised weights, which become floats while the network is read. */
import { Constant, type Node, numberAttribute } from "../graph/ir";
import {
  axisOf,
  hasInput,
  type InputShapes,
  inputShape,
  type Shape,
  type ShapeRule,
  shapeError,
} from "../graph/shape-rule";
import { showShape, sizeOf } from "../tensor";
import { valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";

/** Which scale belongs to an element: of shape [outer][extent][inner], it has number (outer · steps + i / block) · width + inner. */
interface Dequantisation {
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

const dequantizeShape: ShapeRule = (node, inputs) => {
  dequantisation(node, inputs);
  return [inputShape(node, inputs)];
};

/** Which scale is that of an element. */
export const scaleIndex =
  ({ extent, inner, block, steps, isBlocked }: Dequantisation) =>
  (i: number): number => {
    const place = Math.floor(i / inner);
    const step = Math.floor((place % extent) / block);
    return isBlocked ? (Math.floor(place / extent) * steps + step) * inner + (i % inner) : step;
  };

const dequantized: Fold = ({ node, inputs: [x, scale, zero], shapes, out }) => {
  const scaleAt = scaleIndex(dequantisation(node, shapes));
  const [values, scales, zeros] = [x, scale, zero].map((input) => (input ? valuesOf(input) : []));
  const result = new Float32Array(sizeOf(out));
  for (let i = 0; i < result.length; i++) {
    const at = scaleAt(i);
    // Rounded where onnxruntime rounds: the difference becomes a float before it is multiplied.
    result[i] = Math.fround(values[i] - (zeros[at] ?? 0)) * scales[at];
  }
  return Constant.fromFloats(result, out);
};

export const dequantizeLinear: Operator = {
  nature: "arithmetic",
  shape: dequantizeShape,
  fold: dequantized,
  kind: () => "float",
  constantsOnly: true,
};
