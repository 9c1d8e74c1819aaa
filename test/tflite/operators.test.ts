import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { describe, expect, it } from "vitest";
import { loadModel, Tensor } from "../../src/index";
import { builtins, customs } from "../../src/tflite/operations";
import { expectAlike } from "../tfjs/harness";
import { type FileSpec, liteFile, type OperatorSpec, type TensorSpec } from "./lite-file";

/** TensorFlow.js as the oracle: each operator alone in a file, its result and where it has one the gradient of a sum. */

const uniform = (shape: readonly number[], seed = 5): tf.Tensor => tf.randomUniform([...shape], -1, 1, "float32", seed);

const floats = (name: string, x: tf.Tensor): TensorSpec => ({
  name,
  shape: x.shape,
  data: Float32Array.from(x.dataSync()),
});

const integers = (name: string, list: readonly number[], shape = [list.length]): TensorSpec => ({
  ...{ name, shape, type: "int32" },
  data: Int32Array.from(list),
});

interface Case {
  /** Operators from "x" to "y"; the shape of "y" is not written anywhere. */
  readonly operators: readonly OperatorSpec[];
  readonly constants?: readonly TensorSpec[];
  readonly expected: (x: tf.Tensor4D) => tf.Tensor;
  readonly x?: tf.Tensor;
}

const shape = [1, 6, 6, 4] as const;
const usual = (): tf.Tensor => uniform(shape, 11);

function fileOf({ operators, constants = [], x = usual() }: Case): FileSpec {
  const known = new Set(["x", ...constants.map(({ name }) => name)]);
  const between = [...new Set(operators.flatMap(({ outputs }) => outputs))].filter((name) => !known.has(name));
  return {
    tensors: [{ name: "x", shape: x.shape }, ...constants, ...between.map((name) => ({ name, shape: [] }))],
    operators,
    inputs: ["x"],
    outputs: ["y"],
  };
}

const one = (op: string, constants: readonly TensorSpec[] = [], options?: OperatorSpec["options"]) => ({
  constants,
  operators: [{ op, inputs: ["x", ...constants.map(({ name }) => name)], outputs: ["y"], ...(options && { options }) }],
});

const unary = (op: string, expected: Case["expected"], options?: OperatorSpec["options"]): [string, Case] => [
  op,
  { ...one(op, [], options), expected },
];

const ohwi = (filter: tf.Tensor): tf.Tensor => tf.transpose(filter, [3, 0, 1, 2]);
const filter = uniform([3, 3, 4, 5], 2) as tf.Tensor4D;
const bias = uniform([5], 3);
const same = { 0: ["byte", 0] } as const;
const window = { 1: ["int", 2], 2: ["int", 2], 3: ["int", 3], 4: ["int", 3] } as const;
const deep = uniform([3, 3, 4, 2], 4) as tf.Tensor4D;
const deepLite = floats("w", tf.reshape(deep, [1, 3, 3, 8]));
const up = uniform([3, 3, 5, 4], 9) as tf.Tensor4D;
const upLite = floats("w", tf.transpose(up, [2, 0, 1, 3]));
const square = uniform([4, 4], 8);
const relu6 = 3;

const cases: readonly (readonly [string, Case])[] = [
  [
    "CONV_2D, SAME, strides, bias, RELU",
    {
      ...one("CONV_2D", [floats("w", ohwi(filter)), floats("b", bias)], {
        ...{ ...same, 1: ["int", 2], 2: ["int", 1], 3: ["byte", 1], 4: ["int", 1], 5: ["int", 1] },
      }),
      expected: (x) => tf.relu(tf.add(tf.conv2d(x, filter, [1, 2], "same"), bias)),
    },
  ],
  [
    "CONV_2D, VALID, dilated, TANH",
    {
      ...one("CONV_2D", [floats("w", ohwi(filter))], {
        ...{ 0: ["byte", 1], 1: ["int", 1], 2: ["int", 1], 3: ["byte", 4], 4: ["int", 1], 5: ["int", 2] },
      }),
      expected: (x) => tf.tanh(tf.conv2d(x, filter, 1, "valid", "NHWC", [2, 1])),
    },
  ],
  [
    "DEPTHWISE_CONV_2D, multiplier, RELU6",
    {
      ...one("DEPTHWISE_CONV_2D", [deepLite, floats("b", uniform([8], 6))], {
        ...{ ...same, 1: ["int", 1], 2: ["int", 1], 3: ["int", 2], 4: ["byte", relu6] },
      }),
      expected: (x) => tf.relu6(tf.add(tf.depthwiseConv2d(x, deep, 1, "same"), uniform([8], 6))),
    },
  ],
  [
    "SPACE_TO_BATCH_ND, DEPTHWISE_CONV_2D, BATCH_TO_SPACE_ND",
    {
      constants: [
        deepLite,
        integers("block", [2, 2]),
        integers("pads", [2, 2, 2, 2], [2, 2]),
        integers("crops", [0, 0, 0, 0], [2, 2]),
      ],
      operators: [
        { op: "SPACE_TO_BATCH_ND", inputs: ["x", "block", "pads"], outputs: ["s"] },
        {
          ...{ op: "DEPTHWISE_CONV_2D", inputs: ["s", "w"], outputs: ["d"] },
          options: { 0: ["byte", 1], 1: ["int", 1], 2: ["int", 1], 3: ["int", 2], 4: ["byte", 1] },
        },
        { op: "BATCH_TO_SPACE_ND", inputs: ["d", "block", "crops"], outputs: ["y"] },
      ],
      expected: (x) => tf.relu(tf.depthwiseConv2d(x, deep, 1, "same", "NHWC", [2, 2])),
    },
  ],
  [
    "TRANSPOSE_CONV",
    {
      constants: [integers("size", [1, 12, 12, 5]), upLite],
      operators: [
        {
          ...{ op: "TRANSPOSE_CONV", inputs: ["size", "w", "x"], outputs: ["y"] },
          options: { ...same, 1: ["int", 2], 2: ["int", 2] },
        },
      ],
      expected: (x) => tf.conv2dTranspose(x, up, [1, 12, 12, 5], 2, "same"),
    },
  ],
  [
    "Convolution2DTransposeBias",
    {
      constants: [upLite, floats("b", bias)],
      operators: [
        {
          ...{ op: "Convolution2DTransposeBias", inputs: ["x", "w", "b"], outputs: ["y"] },
          custom: new Uint8Array(Int32Array.of(1, 2, 2).buffer),
        },
      ],
      expected: (x) => tf.add(tf.conv2dTranspose(x, up, [1, 12, 12, 5], 2, "same"), bias),
    },
  ],
  [
    "MaxPoolingWithArgmax2D, MaxUnpooling2D",
    {
      operators: [
        {
          ...{ op: "MaxPoolingWithArgmax2D", inputs: ["x"], outputs: ["p", "i"] },
          custom: new Uint8Array(Int32Array.of(2, 2, 2, 2, 2, 0).buffer),
        },
        {
          ...{ op: "MaxUnpooling2D", inputs: ["p", "i"], outputs: ["y"] },
          custom: new Uint8Array(Int32Array.of(2, 2, 2, 2, 2, 0).buffer),
        },
      ],
      expected: (x) => {
        const pooled = tf.maxPool(x, 2, 2, "valid");
        const wide = tf.image.resizeNearestNeighbor(pooled, [6, 6]);
        return tf.mul(x, tf.cast(tf.equal(x, wide), "float32"));
      },
    },
  ],
  [
    "FULLY_CONNECTED of a map",
    {
      ...one("FULLY_CONNECTED", [floats("w", tf.transpose(uniform([144, 3], 7))), floats("b", uniform([3], 3))], {
        0: ["byte", 1],
      }),
      expected: (x) => tf.relu(tf.add(tf.matMul(tf.reshape(x, [1, 144]), uniform([144, 3], 7)), uniform([3], 3))),
    },
  ],
  [
    "FULLY_CONNECTED that keeps the axes",
    {
      ...one("FULLY_CONNECTED", [floats("w", square)], { 0: ["byte", 0], 2: ["bool", true] }),
      expected: (x) => tf.reshape(tf.matMul(tf.reshape(x, [36, 4]), square, false, true), [...shape]),
    },
  ],
  [
    "AVERAGE_POOL_2D",
    {
      ...one("AVERAGE_POOL_2D", [], { ...same, ...window }),
      expected: (x) => tf.avgPool(x, 3, 2, "same"),
    },
  ],
  ["MAX_POOL_2D", { ...one("MAX_POOL_2D", [], { ...same, ...window }), expected: (x) => tf.maxPool(x, 3, 2, "same") }],
  [
    "L2_POOL_2D",
    {
      ...one("L2_POOL_2D", [], { ...same, ...window }),
      expected: (x) => tf.sqrt(tf.avgPool(tf.square(x), 3, 2, "same")),
    },
  ],
  ...(["ADD", "SUB", "MUL", "DIV"] as const).map((op): [string, Case] => [
    `${op} of a constant per channel`,
    {
      ...one(op, [floats("c", tf.add(uniform([4], 8), 3))], { 0: ["byte", relu6] }),
      expected: (x) => {
        const apply = { ADD: tf.add, SUB: tf.sub, MUL: tf.mul, DIV: tf.div }[op];
        return tf.relu6(apply(x, tf.add(uniform([4], 8), 3)));
      },
    },
  ]),
  [
    "SQUARED_DIFFERENCE",
    {
      ...one("SQUARED_DIFFERENCE", [floats("c", uniform([4], 8))]),
      expected: (x) => tf.square(tf.sub(x, uniform([4], 8))),
    },
  ],
  ["MAXIMUM", { ...one("MAXIMUM", [floats("c", tf.scalar(0.2))]), expected: (x) => tf.maximum(x, 0.2) }],
  ["MINIMUM", { ...one("MINIMUM", [floats("c", tf.scalar(0.2))]), expected: (x) => tf.minimum(x, 0.2) }],
  ["POW", { ...one("POW", [floats("c", tf.scalar(2))]), expected: (x) => tf.square(x) }],
  unary("SQRT", (x) => tf.sqrt(x)),
  unary("RSQRT", (x) => tf.rsqrt(x)),
  unary("EXP", (x) => tf.exp(x)),
  unary("NEG", (x) => tf.neg(x)),
  unary("ABS", (x) => tf.abs(x)),
  unary("RELU", (x) => tf.relu(x)),
  unary("RELU6", (x) => tf.relu6(x)),
  unary("RELU_N1_TO_1", (x) => tf.clipByValue(x, -1, 1)),
  unary("RELU_0_TO_1", (x) => tf.clipByValue(x, 0, 1)),
  unary("LEAKY_RELU", (x) => tf.leakyRelu(x, 0.3), { 0: ["float", 0.3] }),
  [
    "PRELU",
    { ...one("PRELU", [floats("a", uniform([1, 1, 4], 2))]), expected: (x) => tf.prelu(x, uniform([1, 1, 4], 2)) },
  ],
  [
    "PRELU with a slope for every place",
    { ...one("PRELU", [floats("a", uniform([6, 6, 4], 2))]), expected: (x) => tf.prelu(x, uniform([6, 6, 4], 2)) },
  ],
  ...(["FLOOR", "CEIL", "ROUND", "SIGN", "SIN", "COS"] as const).map((op): [string, Case] => [
    op,
    {
      constants: [floats("c", tf.scalar(3.7))],
      operators: [
        { op: "MUL", inputs: ["x", "c"], outputs: ["m"], options: { 0: ["byte", 0] } },
        { op, inputs: ["m"], outputs: ["y"] },
      ],
      expected: (x) => {
        const apply = { FLOOR: tf.floor, CEIL: tf.ceil, ROUND: tf.round, SIGN: tf.sign, SIN: tf.sin, COS: tf.cos }[op];
        return apply(tf.mul(x, 3.7));
      },
    },
  ]),
  ...(["EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"] as const).map((op): [string, Case] => [
    `${op}, SELECT_V2`,
    {
      constants: [floats("zero", tf.scalar(0)), floats("n", uniform([4], 8))],
      operators: [
        { op: "ROUND", inputs: ["x"], outputs: ["r"] },
        { op, inputs: ["r", "zero"], outputs: ["b"] },
        { op: "SELECT_V2", inputs: ["b", "x", "n"], outputs: ["y"] },
      ],
      expected: (x) => {
        const apply = {
          ...{ EQUAL: tf.equal, NOT_EQUAL: tf.notEqual, GREATER: tf.greater },
          ...{ GREATER_EQUAL: tf.greaterEqual, LESS: tf.less, LESS_EQUAL: tf.lessEqual },
        }[op];
        return tf.where(apply(tf.round(x), 0), x, uniform([4], 8));
      },
    },
  ]),
  [
    "LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT, SELECT",
    {
      constants: [floats("low", tf.scalar(-0.5)), floats("high", tf.scalar(0.5)), floats("n", uniform(shape, 8))],
      operators: [
        { op: "GREATER", inputs: ["x", "low"], outputs: ["a"] },
        { op: "LESS", inputs: ["x", "high"], outputs: ["b"] },
        { op: "LOGICAL_AND", inputs: ["a", "b"], outputs: ["both"] },
        { op: "LOGICAL_NOT", inputs: ["both"], outputs: ["not"] },
        { op: "LOGICAL_OR", inputs: ["not", "b"], outputs: ["or"] },
        { op: "SELECT", inputs: ["or", "x", "n"], outputs: ["y"] },
      ],
      expected: (x) => {
        const [a, b] = [tf.greater(x, -0.5), tf.less(x, 0.5)];
        return tf.where(tf.logicalOr(tf.logicalNot(tf.logicalAnd(a, b)), b), x, uniform(shape, 8));
      },
    },
  ],
  [
    "SELECT by rows",
    {
      constants: [
        { name: "c", shape: [4], type: "bool", data: Uint8Array.of(1, 0, 0, 1) },
        floats("n", uniform([4, 6], 8)),
        integers("s", [4, 36]),
        floats("m", uniform([36, 6], 9)),
      ],
      operators: [
        { op: "RESHAPE", inputs: ["x", "s"], outputs: ["r"] },
        { op: "BATCH_MATMUL", inputs: ["r", "m"], outputs: ["p"] },
        { op: "SELECT", inputs: ["c", "p", "n"], outputs: ["y"] },
      ],
      expected: (x) => {
        const product = tf.matMul(tf.reshape(x, [4, 36]), uniform([36, 6], 9) as tf.Tensor2D);
        return tf.where(tf.tensor2d([1, 0, 0, 1], [4, 1], "bool"), product, uniform([4, 6], 8));
      },
    },
  ],
  [
    "FLOOR_MOD, FLOOR_DIV",
    {
      constants: [floats("c", tf.scalar(0.3)), floats("d", tf.scalar(-0.07))],
      operators: [
        { op: "FLOOR_MOD", inputs: ["x", "c"], outputs: ["m"] },
        { op: "FLOOR_DIV", inputs: ["x", "d"], outputs: ["q"] },
        { op: "ADD", inputs: ["m", "q"], outputs: ["y"], options: { 0: ["byte", 0] } },
      ],
      expected: (x) => tf.add(tf.mod(x, 0.3), tf.floorDiv(x, -0.07)),
    },
  ],
  [
    "FLOOR_DIV of whole constants",
    {
      constants: [integers("a", [-7, 7, -6, 5]), integers("b", [2, -2, 2, 3])],
      operators: [
        { op: "FLOOR_DIV", inputs: ["a", "b"], outputs: ["q"] },
        { op: "CAST", inputs: ["q"], outputs: ["f"] },
        { op: "ADD", inputs: ["x", "f"], outputs: ["y"], options: { 0: ["byte", 0] } },
      ],
      expected: (x) => tf.add(x, tf.tensor1d([-4, -4, -3, 1])),
    },
  ],
  [
    "CUMSUM, exclusive, reverse",
    {
      ...one("CUMSUM", [integers("a", [2], [])], { 0: ["bool", true], 1: ["bool", true] }),
      expected: (x) => tf.cumsum(x, 2, true, true),
    },
  ],
  unary("ELU", (x) => tf.elu(x)),
  unary("GELU", (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2))))),
  unary("HARD_SWISH", (x) => tf.mul(x, tf.div(tf.relu6(tf.add(x, 3)), 6))),
  unary("LOGISTIC", (x) => tf.sigmoid(x)),
  unary("TANH", (x) => tf.tanh(x)),
  unary("SOFTMAX", (x) => tf.softmax(tf.mul(x, 2)), { 0: ["float", 2] }),
  unary("LOG_SOFTMAX", (x) => tf.logSoftmax(x)),
  [
    "CONCATENATION with a constant",
    {
      ...one("CONCATENATION", [floats("c", uniform([1, 6, 6, 2], 3))], { 0: ["int", -1], 1: ["byte", 1] }),
      expected: (x) => tf.relu(tf.concat([x, uniform([1, 6, 6, 2], 3) as tf.Tensor4D], 3)),
    },
  ],
  [
    "PAD",
    {
      ...one("PAD", [integers("p", [0, 0, 1, 2, 0, 1, 0, 3], [4, 2])]),
      expected: (x) =>
        tf.pad(x, [
          [0, 0],
          [1, 2],
          [0, 1],
          [0, 3],
        ]),
    },
  ],
  [
    "PADV2",
    {
      ...one("PADV2", [integers("p", [0, 0, 1, 2, 0, 1, 0, 0], [4, 2]), floats("v", tf.scalar(0.5))]),
      expected: (x) =>
        tf.pad(
          x,
          [
            [0, 0],
            [1, 2],
            [0, 1],
            [0, 0],
          ],
          0.5,
        ),
    },
  ],
  ...(["reflect", "symmetric"] as const).map((mode, i): [string, Case] => [
    `MIRROR_PAD ${mode}`,
    {
      ...one("MIRROR_PAD", [integers("p", [0, 0, 1, 2, 2, 0, 0, 0], [4, 2])], { 0: ["byte", i] }),
      expected: (x) =>
        tf.mirrorPad(
          x,
          [
            [0, 0],
            [1, 2],
            [2, 0],
            [0, 0],
          ],
          mode,
        ),
    },
  ]),
  [
    "RESHAPE",
    {
      ...one("RESHAPE", [integers("s", [-1, 12, 4])]),
      expected: (x) => tf.reshape(x, [3, 12, 4]),
    },
  ],
  [
    "RESHAPE by its options",
    { ...one("RESHAPE", [], { 0: ["ints", [1, 144]] }), expected: (x) => tf.reshape(x, [1, 144]) },
  ],
  [
    "EXPAND_DIMS, SQUEEZE",
    {
      constants: [integers("a", [1], [])],
      operators: [
        { op: "EXPAND_DIMS", inputs: ["x", "a"], outputs: ["e"] },
        { op: "SQUEEZE", inputs: ["e"], outputs: ["y"], options: { 0: ["ints", [1]] } },
      ],
      expected: (x) => x,
    },
  ],
  ["TRANSPOSE", { ...one("TRANSPOSE", [integers("p", [0, 2, 1, 3])]), expected: (x) => tf.transpose(x, [0, 2, 1, 3]) }],
  [
    "SLICE",
    {
      ...one("SLICE", [integers("b", [0, 1, 2, 0]), integers("s", [1, 3, -1, 2])]),
      expected: (x) => tf.slice(x, [0, 1, 2, 0], [1, 3, 4, 2]),
    },
  ],
  [
    "STRIDED_SLICE",
    {
      ...one("STRIDED_SLICE", [integers("b", [0, 1, 0, 0]), integers("e", [1, 6, 6, 4]), integers("s", [1, 2, 2, 1])], {
        0: ["int", 4],
        1: ["int", 2],
      }),
      expected: (x) => tf.stridedSlice(x, [0, 1, 0, 0], [1, 6, 6, 4], [1, 2, 2, 1], 4, 2),
    },
  ],
  [
    "SPLIT",
    {
      constants: [integers("a", [3], [])],
      operators: [
        { op: "SPLIT", inputs: ["a", "x"], outputs: ["l", "r"], options: { 0: ["int", 2] } },
        { op: "SUB", inputs: ["r", "l"], outputs: ["y"] },
      ],
      expected: (x) => {
        const [left, right] = tf.split(x, 2, 3);
        return tf.sub(right, left);
      },
    },
  ],
  [
    "SPLIT_V",
    {
      constants: [integers("n", [1, 3]), integers("a", [3], [])],
      operators: [
        { op: "SPLIT_V", inputs: ["x", "n", "a"], outputs: ["l", "r"], options: { 0: ["int", 2] } },
        { op: "MUL", inputs: ["r", "l"], outputs: ["y"] },
      ],
      expected: (x) => {
        const [left, right] = tf.split(x, [1, 3], 3);
        return tf.mul(right, left);
      },
    },
  ],
  [
    "UNPACK, PACK",
    {
      operators: [
        { op: "UNPACK", inputs: ["x"], outputs: ["u0", "u1", "u2", "u3"], options: { 0: ["int", 4], 1: ["int", 3] } },
        { op: "PACK", inputs: ["u3", "u0"], outputs: ["y"], options: { 0: ["int", 2], 1: ["int", 3] } },
      ],
      expected: (x) => tf.gather(x, [3, 0], 3),
    },
  ],
  [
    "GATHER",
    { ...one("GATHER", [integers("i", [2, 0])], { 0: ["int", 3] }), expected: (x) => tf.gather(x, [2, 0], 3) },
  ],
  ["TILE", { ...one("TILE", [integers("n", [1, 2, 1, 3])]), expected: (x) => tf.tile(x, [1, 2, 1, 3]) }],
  [
    "RESIZE_BILINEAR, half-pixel centres",
    {
      ...one("RESIZE_BILINEAR", [integers("s", [9, 12])], { 3: ["bool", true] }),
      expected: (x) => tf.image.resizeBilinear(x, [9, 12], false, true),
    },
  ],
  [
    "RESIZE_BILINEAR, aligned corners",
    {
      ...one("RESIZE_BILINEAR", [integers("s", [11, 11])], { 2: ["bool", true] }),
      expected: (x) => tf.image.resizeBilinear(x, [11, 11], true),
    },
  ],
  [
    "RESIZE_NEAREST_NEIGHBOR",
    {
      ...one("RESIZE_NEAREST_NEIGHBOR", [integers("s", [12, 9])], { 1: ["bool", true] }),
      expected: (x) => tf.image.resizeNearestNeighbor(x, [12, 9], false, true),
    },
  ],
  unary("DEPTH_TO_SPACE", (x) => tf.depthToSpace(x, 2), { 0: ["int", 2] }),
  [
    "SPACE_TO_DEPTH",
    {
      ...one("SPACE_TO_DEPTH", [], { 0: ["int", 2] }),
      expected: (x) => tf.reshape(tf.transpose(tf.reshape(x, [3, 2, 3, 2, 4]), [0, 2, 1, 3, 4]), [1, 3, 3, 16]),
    },
  ],
  ["MEAN", { ...one("MEAN", [integers("a", [1, 2])]), expected: (x) => tf.mean(x, [1, 2]) }],
  [
    "MEAN that keeps axes",
    { ...one("MEAN", [integers("a", [-1])], { 0: ["bool", true] }), expected: (x) => tf.mean(x, -1, true) },
  ],
  ["SUM", { ...one("SUM", [integers("a", [3])]), expected: (x) => tf.sum(x, 3) }],
  ["REDUCE_MAX", { ...one("REDUCE_MAX", [integers("a", [1, 2])]), expected: (x) => tf.max(x, [1, 2]) }],
  [
    "REDUCE_MAX of channels",
    { ...one("REDUCE_MAX", [integers("a", [3])], { 0: ["bool", true] }), expected: (x) => tf.max(x, 3, true) },
  ],
  [
    "BATCH_MATMUL of two parts",
    {
      x: uniform([1, 6, 6, 4], 11),
      constants: [integers("r", [1, 36, 4])],
      operators: [
        { op: "RESHAPE", inputs: ["x", "r"], outputs: ["m"] },
        { op: "BATCH_MATMUL", inputs: ["m", "m"], outputs: ["y"], options: { 0: ["bool", true], 1: ["bool", false] } },
      ],
      expected: (x) => {
        const m = tf.reshape(x, [1, 36, 4]);
        return tf.matMul(m, m, true);
      },
    },
  ],
  [
    "BATCH_MATMUL by a constant",
    {
      ...one("BATCH_MATMUL", [floats("w", square)], { 1: ["bool", true] }),
      expected: (x) => tf.reshape(tf.matMul(tf.reshape(x, [36, 4]), square, false, true), [...shape]),
    },
  ],
  unary("L2_NORMALIZATION", (x) => tf.div(x, tf.sqrt(tf.sum(tf.square(x), 3, true)))),
  unary("LOCAL_RESPONSE_NORMALIZATION", (x) => tf.localResponseNormalization(x, 1, 2, 0.5, 0.75), {
    ...{ 0: ["int", 1], 1: ["float", 2], 2: ["float", 0.5], 3: ["float", 0.75] },
  }),
  [
    "SHAPE, STRIDED_SLICE, PACK, RESHAPE",
    {
      constants: [integers("z", [0]), integers("o", [1]), integers("rest", [-1], []), integers("s", [1])],
      operators: [
        { op: "SHAPE", inputs: ["x"], outputs: ["n"] },
        { op: "STRIDED_SLICE", inputs: ["n", "z", "o", "s"], outputs: ["batch"], options: { 4: ["int", 1] } },
        { op: "PACK", inputs: ["batch", "rest"], outputs: ["to"], options: { 0: ["int", 2], 1: ["int", 0] } },
        { op: "RESHAPE", inputs: ["x", "to"], outputs: ["y"] },
      ],
      expected: (x) => tf.reshape(x, [1, 144]),
    },
  ],
  [
    "float16 weights behind DEQUANTIZE",
    {
      constants: [{ name: "h", shape: [4], type: "float16", data: Uint16Array.of(0x3c00, 0xb800, 0x4100, 0x3555) }],
      operators: [
        { op: "DEQUANTIZE", inputs: ["h"], outputs: ["c"] },
        { op: "MUL", inputs: ["x", "c"], outputs: ["y"] },
      ],
      expected: (x) => tf.mul(x, tf.tensor1d([1, -0.5, 2.5, 0.333251953125])),
    },
  ],
  [
    "DENSIFY",
    {
      constants: [
        {
          ...{ name: "sparse", shape: [4, 4], data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
          // Rows of blocks 2×2: row 0 has the block 1, row 1 the block 0.
          sparsity: {
            ...{ order: [0, 1, 2, 3], blocks: [0, 1] },
            levels: [{ size: 2 }, { segments: [0, 1, 2], indices: [1, 0] }, { size: 2 }, { size: 2 }],
          },
        },
      ],
      operators: [
        { op: "DENSIFY", inputs: ["sparse"], outputs: ["w"] },
        { op: "FULLY_CONNECTED", inputs: ["x", "w"], outputs: ["y"], options: { 2: ["bool", true] } },
      ],
      expected: (x) => {
        const w = tf.tensor2d([
          [0, 0, 1, 2],
          [0, 0, 3, 4],
          [5, 6, 0, 0],
          [7, 8, 0, 0],
        ]);
        return tf.reshape(tf.matMul(tf.reshape(x, [36, 4]), w, false, true), [...shape]);
      },
    },
  ],
];

const positive: ReadonlySet<string> = new Set(["SQRT", "RSQRT", "L2_POOL_2D"]);

describe("operators of TensorFlow Lite", () => {
  it.each(cases)("%s", async (name, given) => {
    const x = positive.has(name) ? tf.add(usual(), 1.5) : (given.x ?? usual());
    const model = await loadModel(liteFile(fileOf({ ...given, x })));
    const expected = given.expected(x as tf.Tensor4D);
    const { output } = await model.run(new Tensor(Float32Array.from(x.dataSync()), x.shape));
    // A list of a picture's network has the axes of the file.
    expectAlike(output, expected, name, x.rank === 4);
  });
});

it("docs/model-formats.md names every operator that runs", () => {
  const page = readFileSync("docs/model-formats.md", "utf8");
  for (const name of [...builtins.keys(), ...customs.keys()]) expect(page).toMatch(new RegExp(`\\b${name}\\b`));
});
