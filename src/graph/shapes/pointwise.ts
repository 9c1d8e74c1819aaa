import { ModelError } from "../../errors";
import { showShape, sizeOf } from "../../tensor";
import { type Node, numberAttribute } from "../ir";
import { axisOf, hasInput, inputShape, label, type Shape, type ShapeRule, shapeError } from "./rule";

/**
 * The common shape of several values by the rule of ONNX and NumPy: axes align at the right, an extent of 1 repeats.
 *
 * @throws {ShapeError} naming the node and all shapes if two extents differ and none is 1
 */
export function broadcastShapes(node: Node, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let extent = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own === 1 || own === extent) continue;
      if (extent !== 1) {
        shapeError(
          node,
          `the shapes ${shapes.map(showShape).join(" and ")} do not fit together: at axis ${axis} there are ${extent} and ${own} elements. ` +
            "Only extents of 1 repeat.",
        );
      }
      extent = own;
    }
    return extent;
  });
}

/** All inputs repeat to one shape: Add, Sum, Where, comparisons… */
export const broadcast: ShapeRule = (node, inputs) => {
  if (inputs.length === 0) throw new ModelError(`${label(node)}: it has no inputs. The file is damaged.`);
  return [
    broadcastShapes(
      node,
      inputs.map((_, i) => inputShape(node, inputs, i)),
    ),
  ];
};

/** Exactly two (or three) inputs that repeat to one shape. */
export const broadcastOf =
  (count: number): ShapeRule =>
  (node, inputs, constants, opset) => {
    if (inputs.length !== count) {
      throw new ModelError(`${label(node)}: it needs ${count} inputs, the file gives it ${inputs.length}.`);
    }
    return broadcast(node, inputs, constants, opset);
  };

/** The slope repeats to the shape of the input, which keeps it. */
export const prelu: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const slope = inputShape(node, inputs, 1);
  if (showShape(broadcastShapes(node, [x, slope])) !== showShape(x)) {
    shapeError(node, `the slope ${showShape(slope)} is larger than the input ${showShape(x)}.`);
  }
  return [x];
};

export const softmax: ShapeRule = (node, inputs, _constants, opset) => {
  const x = inputShape(node, inputs);
  const axis = numberAttribute(node, "axis", opset >= 13 ? -1 : 1);
  // Before operator set 13 the axis only splits the value into a matrix, and may lie behind the last axis.
  if (opset >= 13 || axis !== x.length) axisOf(node, axis, x.length);
  return [x];
};

/** Scale, bias, mean and variance must be one number per channel. */
const perChannel =
  (operands: readonly string[]): ShapeRule =>
  (node, inputs) => {
    const x = inputShape(node, inputs);
    if (x.length < 2) shapeError(node, `the input must have the axes N and C, it is ${showShape(x)}.`);
    operands.forEach((operand, i) => {
      const shape = inputShape(node, inputs, i + 1);
      if (shape.length !== 1 || shape[0] !== x[1]) {
        shapeError(
          node,
          `input has ${x[1]} channels, its ${operand} is ${showShape(shape)} (input ${showShape(x)}). Expected ${x[1]} values.`,
        );
      }
    });
    return [x];
  };

export const batchNormalization: ShapeRule = (node, inputs, constants, opset) => {
  if (numberAttribute(node, "training_mode", 0) !== 0) {
    throw new ModelError(
      `${label(node)}: it is in training mode, so its result depends on the batch. Export the network after model.eval().`,
    );
  }
  return perChannel(["scale", "bias", "mean", "variance"])(node, inputs, constants, opset);
};

export const instanceNormalization: ShapeRule = /* @__PURE__ */ perChannel(["scale", "bias"]);

export const lrn: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  if (x.length < 3) shapeError(node, `the input must have the axes N, C and at least one more, it is ${showShape(x)}.`);
  const size = numberAttribute(node, "size");
  if (!(Number.isInteger(size) && size >= 1)) shapeError(node, `size must be at least 1, the file has ${size}.`);
  return [x];
};

/** The second output, the mask of Dropout, exists only in training. */
export const dropout: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  return [x, x];
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

/** Mean and deviation keep one number for each row of normalised elements. */
export const layerNormalization: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axis = axisOf(node, numberAttribute(node, "axis", -1), x.length);
  const normalised = x.slice(axis);
  for (const [index, what] of [
    [1, "scale"],
    [2, "bias"],
  ] as const) {
    if (!hasInput(node, index)) continue;
    const shape = inputShape(node, inputs, index);
    if (showShape(broadcastShapes(node, [x, shape])) !== showShape(x)) {
      shapeError(node, `its ${what} ${showShape(shape)} is larger than the input ${showShape(x)}.`);
    }
  }
  const statistics = [...x.slice(0, axis), ...normalised.map(() => 1)];
  return [x, statistics, statistics];
};
