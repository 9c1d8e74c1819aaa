import { showShape } from "../../tensor";
import { numberAttribute } from "../ir";
import { broadcastShapes } from "./pointwise";
import { checkRank, inputShape, type ShapeRule, shapeError } from "./rule";

export const gemm: ShapeRule = (node, inputs) => {
  const a = inputShape(node, inputs);
  const b = inputShape(node, inputs, 1);
  checkRank(node, a, 2);
  checkRank(node, b, 2, "weight");
  const [rows, inner] = numberAttribute(node, "transA", 0) ? [a[1], a[0]] : a;
  const [expected, columns] = numberAttribute(node, "transB", 0) ? [b[1], b[0]] : b;
  if (inner !== expected) {
    shapeError(
      node,
      `input has ${inner} features, weight expects ${expected} (input ${showShape(a)}, weight ${showShape(b)}). ` +
        "The classifier was trained for one image size: use the inputShape the network was exported with.",
    );
  }
  const out = [rows, columns];
  if (inputs[2] && showShape(broadcastShapes(node, [out, inputs[2]])) !== showShape(out)) {
    shapeError(node, `the bias ${showShape(inputs[2])} is larger than the output ${showShape(out)}.`);
  }
  return [out];
};

/** Matrix product of the last two axes; the axes before them repeat; vectors count as a row or a column. */
export const matMul: ShapeRule = (node, inputs) => {
  const a = inputShape(node, inputs);
  const b = inputShape(node, inputs, 1);
  if (a.length === 0 || b.length === 0) shapeError(node, "a scalar cannot be multiplied as a matrix.");
  const left = a.length === 1 ? [1, a[0]] : a;
  const right = b.length === 1 ? [b[0], 1] : b;
  const inner = left[left.length - 1];
  const expected = right[right.length - 2];
  if (inner !== expected) {
    shapeError(
      node,
      `the left side has ${inner} columns, the right side ${expected} rows (left ${showShape(a)}, right ${showShape(b)}). ` +
        "Use the inputShape the network was exported with.",
    );
  }
  const batch = broadcastShapes(node, [left.slice(0, -2), right.slice(0, -2)]);
  const rows = a.length === 1 ? [] : [left[left.length - 2]];
  const columns = b.length === 1 ? [] : [right[right.length - 1]];
  return [[...batch, ...rows, ...columns]];
};
