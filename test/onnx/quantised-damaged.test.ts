/** Quantised networks that are damaged: every one is refused in words, by the node. */
import { describe, expect, it } from "vitest";
import { explain, loadModel, ModelError, SeethroughError, Tensor } from "../../src/index";
import { quantisedOperators } from "../../src/operators/quantised-names";
import { Network } from "./quantised-network";

type Make = (n: Network) => string;
type Damage = readonly [make: Make, said: RegExp];

const q = (n: Network, scale = n.scale(0.1), zero = n.constant("uint8", [128])): [string, string, string] => [
  n.add("QuantizeLinear", ["x", scale, zero]),
  scale,
  zero,
];
const out = (n: Network): [string, string] => [n.scale(0.2), n.constant("uint8", [100])];
const w = (n: Network): [string, string, string] => [
  n.weights("int8", [4, 3, 3, 3]),
  n.scale(0.01),
  n.constant("int8", [0]),
];

const damages: Readonly<Record<string, Damage>> = {
  "a scale that is NaN": [
    (n) => q(n, n.scale(Number.NaN))[0],
    /^QuantizeLinear "v\d": its scale "c\d" is NaN, and must be a number above zero/,
  ],
  "a scale that is zero": [(n) => q(n, n.scale(0))[0], /is 0, and must be a number above zero/],
  "a scale below zero": [(n) => q(n, n.scale(-0.5))[0], /is -0.5, and must be/],
  "an infinite scale": [(n) => q(n, n.scale(Number.POSITIVE_INFINITY))[0], /is Infinity, and must be/],
  "a scale of integers": [
    (n) => q(n, n.constant("int32", [1]))[0],
    /its scale "c\d" holds integers, and must hold floats/,
  ],
  "no scale": [(n) => n.add("QuantizeLinear", ["x"]), /QuantizeLinear "v\d": its scale is missing/],
  "an empty scale": [(n) => q(n, n.constant("float32", [], [0]))[0], /its scale "c\d" is empty/],
  "a zero point of floats": [
    (n) => q(n, n.scale(1), n.scale(3))[0],
    /its zero point "c\d" holds floats, and must hold integers/,
  ],
  "a zero point of int32": [
    (n) => q(n, n.scale(1), n.constant("int32", [3]))[0],
    /its zero point "c\d" holds int32, and must hold/,
  ],
  "two zero points for one scale": [
    (n) => q(n, n.scale(1), n.constant("uint8", [3, 4], [2]))[0],
    /has 2 numbers, and its scale has 1/,
  ],
  "as many scales as no axis has": [
    (n) => q(n, n.scale(1, 2), n.constant("uint8", [0, 0], [2]))[0],
    /the scale of a value 1×3×6×6 must be one number or 3 of them \(axis 1\), it has 2/,
  ],
  "an axis that is none": [
    (n) => n.add("QuantizeLinear", ["x", n.scale(1, 2, 3), n.constant("uint8", [0, 0, 0], [3])], { axis: 7 }),
    /QuantizeLinear "v\d": axis 7 does not exist/,
  ],
  "a scale of the image": [
    (n) => q(n, n.add("ReduceMax", ["x"], { keepdims: 0 }))[0],
    /its scale "v\d" is computed from the image, and must be a constant/,
  ],
  "blocks of what is computed": [
    (n) =>
      n.add("QuantizeLinear", ["x", n.constant("float32", new Array(54).fill(1), [1, 3, 3, 6])], {
        axis: 2,
        block_size: 2,
      }),
    /QuantizeLinear .*a scale for each block of a value that is computed/,
  ],
  "floats that are dequantised": [
    (n) => n.add("DequantizeLinear", ["x", n.scale(1)]),
    /DequantizeLinear \(at "v\d": .*(its input holds no quantised integers|quantised arithmetic)/,
  ],
  "integers that are of another type": [
    (n) => n.add("DequantizeLinear", [q(n)[0], n.scale(1), n.constant("int8", [0])]),
    /its input holds uint8, and its zero point says int8/,
  ],
  "integers that are quantised": [
    (n) => n.add("QuantizeLinear", [q(n)[0], n.scale(1), n.constant("uint8", [0])]),
    /it quantises integers/,
  ],
  "a layer whose input is not quantised": [
    (n) => n.add("QLinearConv", ["x", n.scale(1), n.constant("uint8", [0]), ...w(n), ...out(n)]),
    /^QLinearConv "v\d": its input "x" must hold quantised integers/,
  ],
  "a layer without weights": [
    (n) => n.add("QLinearConv", [...q(n)]),
    /QLinearConv "v\d": its weight "undefined" is computed|QLinearConv "v\d": its (weight|scale) .*missing|input 3 is missing/,
  ],
  "weights of floats": [
    (n) =>
      n.add("QLinearConv", [
        ...q(n),
        n.constant("float32", new Array(108).fill(1), [4, 3, 3, 3]),
        ...w(n).slice(1),
        ...out(n),
      ]),
    /its weight "c\d+" holds floats, and must be a constant of integers/,
  ],
  "weights of the image": [
    (n) => {
      const parts = q(n);
      return n.add("QLinearConv", [...parts, parts[0], ...w(n).slice(1), ...out(n)]);
    },
    /its weight "v\d" is computed from the image/,
  ],
  "three scales for four channels": [
    (n) => n.add("QLinearConv", [...q(n), w(n)[0], n.scale(1, 2, 3), n.constant("int8", [0, 0, 0], [3]), ...out(n)]),
    /(has 3 scales, and must have one or 4|zero point "c\d+" has 3 numbers, and its scale has 4)/,
  ],
  "zero points of weights of another type": [
    (n) => n.add("QLinearConv", [...q(n), w(n)[0], n.scale(1), n.constant("uint8", [0]), ...out(n)]),
    /its weight holds int8, and the zero point "c\d+" is uint8/,
  ],
  "a bias of floats": [
    (n) => n.add("QLinearConv", [...q(n), ...w(n), ...out(n), n.constant("float32", [1, 2, 3, 4], [4])]),
    /its bias "c\d+" holds floats/,
  ],
  "a bias of another length": [
    (n) => n.add("QLinearConv", [...q(n), ...w(n), ...out(n), n.constant("int32", [1, 2, 3], [3])]),
    /the bias must have 4 values/,
  ],
  "no scale of the result": [
    (n) => n.add("QLinearConv", [...q(n), ...w(n)]),
    /QLinearConv "v\d": its scale is missing/,
  ],
  "channels that do not fit": [
    (n) => n.add("QLinearConv", [...q(n), n.weights("int8", [4, 5, 3, 3]), ...w(n).slice(1), ...out(n)]),
    /input has 3 channels, weight expects 5/,
  ],
  "shapes that do not fit together": [
    (n) => n.microsoft("QLinearAdd", [...q(n), n.weights("uint8", [1, 4, 1, 1]), ...out(n), ...out(n)]),
    /1×3×6×6/,
  ],
  "constants of another type than their zero point": [
    (n) => n.microsoft("QLinearMul", [...q(n), n.weights("int8", [1]), ...out(n), ...out(n)]),
    /"c\d+" holds int8, and its zero point says uint8/,
  ],
  "a join of nothing": [(n) => n.microsoft("QLinearConcat", [...out(n)], { axis: 1 }), /QLinearConcat|Concat/],
  "an axis of a softmax that is none": [
    (n) => n.microsoft("QLinearSoftmax", [...q(n), ...out(n)], { axis: 9, opset: 13 }),
    /axis 9 does not exist in a value of rank 4/,
  ],
  "integers that are added": [
    (n) => n.add("Add", [q(n)[0], q(n)[0]]),
    /Add \(at "v\d": it computes with the integers of the quantised value "v\d"\)/,
  ],
  "the zero point of another value": [
    (n) => {
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["dq", "ds", "dz"] });
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: [n.add("Sin", ["x"])], outputs: ["eq", "es", "ez"] });
      return n.add("ConvInteger", ["dq", n.weights("uint8", [4, 3, 3, 3]), "ez"]);
    },
    /ConvInteger "v\d": the zero point "ez" is not that of "dq", which is "dz"/,
  ],
  "a matrix of 3 bits": [
    (n) =>
      n.microsoft("MatMulNBits", ["x", n.weights("uint8", [4, 1, 8]), n.scale(1, 2, 3, 4)], {
        K: 6,
        N: 4,
        bits: 3,
        block_size: 16,
      }),
    /weights of 3 bits are not supported/,
  ],
  "a matrix of more rows than it has bytes": [
    (n) =>
      n.microsoft("MatMulNBits", ["x", n.weights("uint8", [4, 1, 8]), n.scale(1, 2, 3, 4)], {
        K: 2 ** 30,
        N: 2 ** 30,
        bits: 4,
        block_size: 16,
      }),
    /MatMulNBits/,
  ],
  "a matrix in blocks of nothing": [
    (n) =>
      n.microsoft("MatMulNBits", ["x", n.weights("uint8", [4, 1, 8]), n.scale(1, 2, 3, 4)], {
        K: 6,
        N: 4,
        bits: 4,
        block_size: 0,
      }),
    /MatMulNBits/,
  ],
  "a rounding that the file writes itself": [(n) => n.add("RoundToGrid", ["x"]), /RoundToGrid/],
  "a pool of nothing": [
    (n) => n.microsoft("QLinearAveragePool", [...q(n), ...out(n)], { kernel_shape: [0, 0] }),
    /AveragePool/,
  ],
  "channels last": [
    (n) => n.microsoft("QLinearGlobalAveragePool", [...q(n), ...out(n)], { channels_last: 1 }),
    /its channels are the last axis/,
  ],
  "nothing to quantise": [(n) => n.add("QuantizeLinear", ["", n.scale(1)]), /QuantizeLinear "v\d": input 0 is missing/],
  "no input of a dynamic value": [
    (n) => n.add("DynamicQuantizeLinear", []),
    /DynamicQuantizeLinear "v\d": input 0 is missing/,
  ],
  "several scales on a value that is moved": [
    (n) =>
      n.add("Transpose", [n.add("QuantizeLinear", ["x", n.scale(1, 2, 3), n.constant("uint8", [1, 2, 3], [3])])], {
        perm: [0, 2, 1, 3],
      }),
    /it moves integers that have a scale for each of several parts/,
  ],
};

describe("a quantised network that is damaged is refused by its node", () => {
  for (const [name, [make, said]] of Object.entries(damages)) {
    for (const quantized of ["deployed", "float"] as const) {
      it(`${name} (${quantized})`, async () => {
        const n = new Network(4, [1, 3, 6, 6]);
        const file = n.file(make(n), [1, 3, 6, 6]);
        const error = await loadModel(file, { quantized }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error, String(error)).toBeInstanceOf(SeethroughError);
        expect((error as Error).message).toMatch(said);
        // What is damaged is no operator that is not supported.
        if (/^[^(]*"v\d": its (scale|zero)/.test((error as Error).message)) expect(error).toBeInstanceOf(ModelError);
        expect(error).not.toHaveProperty("name", "InternalError");
      });
    }
  }
});

describe("quantised operators with whatever may stand at their inputs", () => {
  it.each([1, 2, 3, 4])("end in an error of a known kind, or in a network that runs (%i)", async (seed) => {
    let ran = 0;
    for (let i = 0; i < 150; i++) {
      const n = new Network(1000 * seed + i, [1, 3, 6, 6]);
      const [value, scale, zero] = q(n);
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["dq", "ds", "dz"] });
      const pool = [
        ...["x", value, value, scale, scale, zero, zero, "dq", "ds", "dz", ""],
        ...[
          n.weights("uint8", [4, 3, 3, 3]),
          n.weights("int8", [6, 4]),
          n.weights("uint8", [6]),
          n.constant("float32", [0.5, 0.25, 2], [3]),
        ],
        ...[
          n.constant("uint8", [1, 2, 3], [3]),
          n.constant("int32", [1, 2, 3, 4], [4]),
          n.constant("int8", [0]),
          n.constant("float32", [], [0]),
        ],
      ];
      const names = [...quantisedOperators];
      const [domain, op] = `::${names[n.random(0, names.length - 1)]}`.split("::").slice(-2);
      // Half of them have parameters where they are expected.
      const isLikely = n.random(0, 1) === 0;
      const inputs = Array.from({ length: n.random(0, 9) }, (_, k) =>
        isLikely && n.random(0, 3) > 0 ? [value, scale, zero][k % 3] : pool[n.random(0, pool.length - 1)],
      );
      const attribute = (): number | { readonly float: number } =>
        n.random(0, 2) === 0 ? { float: n.random(-9, 9) / 2 } : n.random(-3, 9);
      const keys = "axis K N bits block_size transA transB alpha group opset to output_dtype channels_last".split(" ");
      const attributes = Object.fromEntries(keys.filter(() => n.random(0, 3) === 0).map((key) => [key, attribute()]));
      try {
        const model = await loadModel(n.file(n.add(op, inputs, attributes, domain), [1, 3, 6, 6]));
        await model.run(new Tensor(new Float32Array(108), [1, 6, 6, 3]));
        ran++;
      } catch (error) {
        expect(error, `case ${i}`).toBeInstanceOf(SeethroughError);
        expect(String(error), `case ${i}: ${op}`).not.toMatch(/fault of seethrough/);
      }
    }
    expect(ran).toBeGreaterThan(0);
  });
});

describe("small damages of a quantised file", () => {
  it("end in an error of a known kind, or in a network that runs", async () => {
    const n = new Network(9, [1, 3, 6, 6]);
    const y = n.add("QLinearConv", [...q(n), ...w(n), ...out(n)], { pads: [1, 1, 1, 1] });
    const [s, z] = out(n);
    const sum = n.microsoft("QLinearAdd", [y, ...out(n), y, ...out(n), s, z]);
    const file = n.file(n.add("DequantizeLinear", [sum, s, z]), [1, 4, 6, 6]);
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const damaged = file.slice();
      for (let k = 0; k <= i % 3; k++) damaged[n.random(0, file.length - 1)] = n.random(0, 255);
      try {
        const model = await loadModel(damaged);
        const x = new Tensor(new Float32Array(model.input.shape.reduce((a, b) => a * b, 1)), model.input.shape);
        await explain(model, x, { method: "saliency", target: { sum: [0, 1] } });
      } catch (error) {
        expect(error).toBeInstanceOf(SeethroughError);
        expect(String(error)).not.toMatch(/fault of seethrough/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(30);
  });
});

it.each([1, 2])("constants whose %ith parameter is computed from the image are refused by name", async (computed) => {
  const n = new Network(3, [1, 3, 4, 4]);
  const largest = n.add("ReduceMax", ["x"], { keepdims: 0 });
  const places = n.add("QuantizeLinear", [largest, n.scale(0.1), n.constant("int8", [0])]);
  const parameters = computed === 1 ? [largest] : [n.scale(0.1), places];
  const matrix = n.add("DequantizeLinear", [n.weights("int8", [4, 5]), ...parameters]);
  const file = n.file(n.add("MatMul", [n.add("DequantizeLinear", q(n)), matrix]), [1, 3, 4, 5]);
  await expect(loadModel(file)).rejects.toThrow(
    /DequantizeLinear \(.*: its scale or its zero point is computed from the image/,
  );
});
