import type { Constant, Graph } from "../../../src/graph/ir";
import { Tensor } from "../../../src/index";
import { writeOnnx } from "../../../src/onnx/writer";
import { graphOf, ints, randomFloats, randomIntegers } from "../../graph/build";

/** Networks with several inputs: a picture beside a vector, a picture beside a mask. */

const random = randomIntegers(20261);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);

/** A convolution over a photo of 3×12×10, joined with five numbers. */
export const photoAndAge: Graph = graphOf({
  inputs: { photo: [1, 3, 12, 10], age: ["batch", 5] },
  constants: { w: weights(6, 3, 3, 3), b: weights(6), wa: weights(5, 4), wh: weights(10, 3), bh: weights(3) },
  nodes: [
    ["Conv", ["photo", "w", "b"], ["c"], { pads: [1, 1, 1, 1], strides: [2, 2] }],
    ["Relu", ["c"], ["r"]],
    ["GlobalAveragePool", ["r"], ["g"]],
    ["Flatten", ["g"], ["f"]],
    ["MatMul", ["age", "wa"], ["m"]],
    ["Relu", ["m"], ["mr"]],
    ["Concat", ["f", "mr"], ["j"], { axis: 1 }],
    ["MatMul", ["j", "wh"], ["h"]],
    ["Add", ["h", "bh"], ["y"]],
  ],
});

/** A photo whose places a mask weighs before both are seen together. */
export const photoAndMask: Graph = graphOf({
  inputs: { photo: [1, 3, 12, 10], mask: [1, 1, 12, 10] },
  constants: { w: weights(5, 3, 3, 3), v: weights(4, 6, 3, 3), wh: weights(4, 2), shape: ints(1, -1) },
  nodes: [
    ["Mul", ["photo", "mask"], ["seen"]],
    ["Conv", ["seen", "w"], ["c"], { pads: [1, 1, 1, 1] }],
    ["Relu", ["c"], ["r"]],
    ["Concat", ["r", "mask"], ["j"], { axis: 1 }],
    ["Conv", ["j", "v"], ["d"], { strides: [2, 2], pads: [1, 1, 1, 1] }],
    ["Relu", ["d"], ["e"]],
    ["GlobalAveragePool", ["e"], ["g"]],
    ["Reshape", ["g", "shape"], ["f"]],
    ["MatMul", ["f", "wh"], ["y"]],
  ],
});

export const fileOf = (graph: Graph): Uint8Array => writeOnnx(graph);

export const filled = (shape: readonly number[], at: (i: number) => number): Tensor =>
  new Tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)),
    shape,
  );

export const photo = filled([1, 12, 10, 3], (i) => Math.sin(i * 1.7) * 0.5 + 0.4);
export const mask = filled([1, 12, 10, 1], (i) => (i % 7) / 7);
export const age = filled([1, 5], (i) => 0.3 * i - 0.4);
