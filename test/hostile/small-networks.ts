/** Networks of which every pass is short: whole files, for whoever calls a great many functions with them. */
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints } from "../graph/build";
import { random } from "./wild-values";

const weights = (...shape: number[]) => {
  const below = random(shape.length * 7 + shape[0]);
  const size = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: size }, () => (below(2000) - 1000) / 1000),
  );
};

/** Two convolutions with maps of 12×12 and 6×6, three classes. */
export const classifier = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 12, 12] },
    constants: {
      w1: weights(4, 3, 3, 3),
      w2: weights(4, 4, 3, 3),
      w3: weights(4, 3),
    },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"], { pads: [1, 1, 1, 1] }],
      ["Relu", ["c1"], ["r1"]],
      ["MaxPool", ["r1"], ["p1"], { kernel_shape: [2, 2], strides: [2, 2] }],
      ["Conv", ["p1", "w2"], ["c2"], { pads: [1, 1, 1, 1] }],
      ["Relu", ["c2"], ["r2"]],
      ["GlobalAveragePool", ["r2"], ["g"]],
      ["Flatten", ["g"], ["f"]],
      ["Gemm", ["f", "w3"], ["y"]],
    ],
  }),
);

/** Nine boxes with two classes each. */
export const boxes = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 12, 12] },
    constants: { w1: weights(7, 3, 4, 4), rows: ints(1, 7, 9) },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"], { strides: [4, 4] }],
      ["Reshape", ["c1", "rows"], ["k"]],
      ["Transpose", ["k"], ["y"], { perm: [0, 2, 1] }],
    ],
  }),
);

/** Nine tokens that attend to each other once. */
export const attending = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 12, 12] },
    constants: { w1: weights(4, 3, 4, 4), tokens: ints(1, 4, 9), w3: weights(4, 3) },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"], { strides: [4, 4] }],
      ["Reshape", ["c1", "tokens"], ["k"]],
      ["Transpose", ["k"], ["t"], { perm: [0, 2, 1] }],
      ["MatMul", ["t", "k"], ["scores"]],
      ["Softmax", ["scores"], ["a"]],
      ["MatMul", ["a", "t"], ["m"]],
      ["ReduceMean", ["m"], ["g"], { axes: [1], keepdims: 0 }],
      ["Gemm", ["g", "w3"], ["y"]],
    ],
  }),
);
