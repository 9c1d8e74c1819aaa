import { describe, expect, it } from "vitest";
import { detect, explain, loadModel, randomizationTest, Tensor } from "../../src/index";
import fc from "../seeded";
import { type Bytes, deployed, ends, Network } from "./quantised-network";

/** The largest distance between two lists in steps, and how many are apart at all. */
function apart(a: Float32Array, b: Float32Array, step: number): { most: number; share: number } {
  expect(a.length).toBe(b.length);
  const steps = a.map((value, i) => Math.round(Math.abs(value - b[i]) / step));
  return { most: Math.max(...steps), share: steps.filter((each) => each > 0).length / steps.length };
}

const picture = (network: Network): Float32Array =>
  Float32Array.from({ length: network.inputShape.reduce((a, b) => a * b, 1) }, () => network.random(-1000, 1000) / 500);

/** A value quantised and dequantised. */
function pair(n: Network, x: string, scale: number, zero: number, type: Bytes): string {
  const [s, z] = [n.scale(scale), n.constant(type, [zero])];
  return n.add("DequantizeLinear", [n.add("QuantizeLinear", [x, s, z]), s, z]);
}

/** A convolution of dequantised weights with one scale for each channel, and a bias. */
function conv(n: Network, x: string, scale: number, from: number, to: number, type: Bytes, stride = 1): string {
  const scales = Array.from({ length: to }, (_, o) => (o + 3) / 2048);
  const w = n.weights(type, [to, from, 3, 3]);
  const zeros = n.constant(type, new Array<number>(to).fill(type === "int8" ? 0 : 128), [to]);
  const bias = n.constant(
    "int32",
    Array.from({ length: to }, () => n.random(-900, 900)),
    [to],
  );
  const products = n.scale(...scales.map((each) => Math.fround(Math.fround(scale) * Math.fround(each))));
  const noZeros = n.constant("int32", new Array<number>(to).fill(0), [to]);
  const inputs = [
    x,
    n.add("DequantizeLinear", [w, n.scale(...scales), zeros], { axis: 0 }),
    n.add("DequantizeLinear", [bias, products, noZeros], { axis: 0 }),
  ];
  return n.add("Conv", inputs, { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] });
}

/** A small residual network in pairs of QuantizeLinear and DequantizeLinear. */
function residual(seed: number, type: Bytes): { n: Network; file: Uint8Array<ArrayBuffer> } {
  const n = new Network(seed, [1, 3, 12, 10]);
  const [low] = ends[type];
  const x = pair(n, "x", 0.017, low + 120, type);
  const first = pair(n, n.add("Relu", [conv(n, x, 0.017, 3, 9, type)]), 0.0213, low, type);
  const second = pair(n, conv(n, first, 0.0213, 9, 9, type), 0.031, low + 131, type);
  const sum = pair(n, n.add("Add", [first, second]), 0.035, low + 101, type);
  const pooled = pair(n, n.add("MaxPool", [sum], { kernel_shape: [2, 2], strides: [2, 2] }), 0.035, low + 101, type);
  const mean = pair(n, n.add("GlobalAveragePool", [pooled]), 0.011, low + 90, type);
  const flat = pair(n, n.add("Flatten", [mean]), 0.011, low + 90, type);
  const scales = [0.004, 0.005, 0.006, 0.007];
  const matrix = n.add(
    "DequantizeLinear",
    [
      n.weights(type, [4, 9]),
      n.scale(...scales),
      n.constant(type, new Array<number>(4).fill(type === "int8" ? 0 : 128), [4]),
    ],
    { axis: 0 },
  );
  const logits = pair(n, n.add("Gemm", [flat, matrix], { transB: 1 }), 0.02, low + 128, type);
  return { n, file: n.file(logits, [1, 4]) };
}

describe("pairs of QuantizeLinear and DequantizeLinear", () => {
  it.each([
    [1, "uint8"],
    [2, "int8"],
    [3, "uint8"],
    [4, "int8"],
  ] as const)("network %i of %s gives what onnxruntime gives", async (seed, type) => {
    const { n, file } = residual(seed, type);
    const x = picture(n);
    const model = await loadModel(file);
    const { output } = await model.run(Tensor.fromNCHW(x, [1, 3, 12, 10]));
    for (const level of ["all", "disabled"] as const) {
      const expected = await deployed(file, x, n.inputShape, level);
      expect(apart(output.data, expected, 0.02)).toEqual({ most: 0, share: 0 });
    }
  });
});

/** Scales as they are measured, and such as make halves: one that is two or four of another. */
const ratios = [0.0173, 0.05, 0.1, 0.025, 0.0371];

interface Made {
  readonly value: string;
  readonly shape: readonly number[];
  /** The step of the result; 0: real numbers. */
  readonly step: number;
}

interface Setting {
  readonly n: Network;
  readonly type: Bytes;
  readonly pick: () => number;
  readonly zero: () => number;
  /** The input, quantised, with its scale and zero point. */
  readonly x: readonly [string, string, string];
  readonly xScale: number;
}

/** Puts an operator between a QuantizeLinear and a DequantizeLinear. */
function around(seed: number, type: Bytes, shape: readonly number[], make: (setting: Setting) => Made) {
  const n = new Network(seed, shape);
  const [low] = ends[type];
  const pick = (): number => ratios[n.random(0, ratios.length - 1)];
  const zero = (): number => low + n.random(90, 160);
  const xScale = pick();
  const [s, z] = [n.scale(xScale), n.constant(type, [zero()])];
  const made = make({ n, type, pick, zero, x: [n.add("QuantizeLinear", ["x", s, z]), s, z], xScale });
  return { n, made, file: n.file(made.value, made.shape) };
}

/** A result as an operator gives it: its scale and zero point, and floats made of it. */
function result({ n, type, pick, zero }: Setting, value: (scale: string, zero: string) => string): Omit<Made, "shape"> {
  const step = pick();
  const [s, z] = [n.scale(step), n.constant(type, [zero()])];
  return { value: n.add("DequantizeLinear", [value(s, z), s, z]), step };
}

type Case = readonly [shape: readonly number[], make: (setting: Setting) => Made];

const operators: Readonly<Record<string, Case>> = {
  QLinearConv: [
    [1, 5, 9, 7],
    (at) => {
      const { n, type, x } = at;
      const w = n.weights(type, [6, 5, 3, 3]);
      const scales = n.scale(...[1, 2, 3, 4, 5, 6].map((i) => i / 1024));
      const zeros = n.constant(type, new Array<number>(6).fill(type === "int8" ? 0 : 127), [6]);
      const bias = n.constant("int32", [100, -2000, 0, 999, -1, 5000], [6]);
      const made = result(at, (s, z) =>
        n.add("QLinearConv", [...x, w, scales, zeros, s, z, bias], { pads: [1, 0, 2, 1], strides: [2, 1] }),
      );
      return { ...made, shape: [1, 6, 5, 6] };
    },
  ],
  "QLinearConv, depthwise": [
    [1, 8, 6, 6],
    (at) => {
      const { n, type, x } = at;
      const w = n.weights(type, [8, 1, 3, 3]);
      const own = [n.scale(0.01), n.constant(type, [type === "int8" ? -3 : 120])];
      const made = result(at, (s, z) =>
        n.add("QLinearConv", [...x, w, ...own, s, z], { pads: [1, 1, 1, 1], group: 8 }),
      );
      return { ...made, shape: [1, 8, 6, 6] };
    },
  ],
  QLinearMatMul: [
    [1, 7, 11],
    (at) => {
      const { n, type, x } = at;
      const b = [n.weights(type, [11, 5]), n.scale(0.02), n.constant(type, [type === "int8" ? 4 : 130])];
      return { ...result(at, (s, z) => n.add("QLinearMatMul", [...x, ...b, s, z])), shape: [1, 7, 5] };
    },
  ],
  QGemm: [
    [1, 33],
    (at) => {
      const { n, type, x } = at;
      const scales = n.scale(...[3, 5, 7, 9].map((i) => i / 512));
      const b = [n.weights("int8", [4, 33]), scales, n.constant("int8", [0, 0, 0, 0], [4])];
      const bias = n.constant("int32", [100, -20, 300, 0], [4]);
      const made = result(at, (s, z) =>
        n.microsoft("QGemm", [...x, ...b, bias, s, z], { transB: 1, alpha: { float: 0.75 } }),
      );
      expect(["int8", "uint8"]).toContain(type);
      return { ...made, shape: [1, 4] };
    },
  ],
  "QGemm to floats": [
    [1, 33],
    ({ n, x }) => {
      const b = [n.weights("int8", [33, 4]), n.scale(0.0123), n.constant("int8", [0])];
      return {
        value: n.microsoft("QGemm", [...x, ...b, n.constant("int32", [4, 5, 6, -7], [4])]),
        shape: [1, 4],
        step: 0,
      };
    },
  ],
  QLinearAdd: [
    [1, 3, 8, 16],
    (at) => {
      const { n, type, pick, zero, x } = at;
      const [s, z] = [n.scale(pick()), n.constant(type, [zero()])];
      const other = n.add("QuantizeLinear", [n.add("Sin", ["x"]), s, z]);
      return { ...result(at, (...to) => n.microsoft("QLinearAdd", [...x, other, s, z, ...to])), shape: [1, 3, 8, 16] };
    },
  ],
  "QLinearAdd of a constant": [
    [1, 3, 8, 16],
    (at) => {
      const { n, type, pick, zero, x } = at;
      const c = [n.weights(type, [3, 1, 1]), n.scale(pick()), n.constant(type, [zero()])];
      return { ...result(at, (...to) => n.microsoft("QLinearAdd", [...x, ...c, ...to])), shape: [1, 3, 8, 16] };
    },
  ],
  QLinearMul: [
    [1, 3, 8, 16],
    (at) => {
      const { n, type, pick, zero, x } = at;
      const [s, z] = [n.scale(pick()), n.constant(type, [zero()])];
      const other = n.add("QuantizeLinear", [n.add("Cos", ["x"]), s, z]);
      return { ...result(at, (...to) => n.microsoft("QLinearMul", [...x, other, s, z, ...to])), shape: [1, 3, 8, 16] };
    },
  ],
  QLinearConcat: [
    [1, 3, 8, 4],
    (at) => {
      const { n, type, pick, zero, x } = at;
      const [s, z] = [n.scale(pick()), n.constant(type, [zero()])];
      const other = n.add("QuantizeLinear", [n.add("Sin", ["x"]), s, z]);
      const made = result(at, (...to) => n.microsoft("QLinearConcat", [...to, ...x, other, s, z], { axis: 1 }));
      return { ...made, shape: [1, 6, 8, 4] };
    },
  ],
  QLinearAveragePool: [
    [1, 5, 9, 8],
    (at) => ({
      ...result(at, (...to) =>
        at.n.microsoft("QLinearAveragePool", [...at.x, ...to], {
          kernel_shape: [3, 2],
          strides: [2, 2],
          pads: [1, 0, 1, 0],
        }),
      ),
      shape: [1, 5, 5, 4],
    }),
  ],
  QLinearGlobalAveragePool: [
    [1, 19, 4, 6],
    (at) => ({
      ...result(at, (...to) => at.n.microsoft("QLinearGlobalAveragePool", [...at.x, ...to])),
      shape: [1, 19, 1, 1],
    }),
  ],
  QLinearSigmoid: [
    [1, 2, 20, 8],
    (at) => ({ ...result(at, (...to) => at.n.microsoft("QLinearSigmoid", [...at.x, ...to])), shape: [1, 2, 20, 8] }),
  ],
  QLinearLeakyRelu: [
    [1, 2, 20, 8],
    (at) => ({
      ...result(at, (...to) => at.n.microsoft("QLinearLeakyRelu", [...at.x, ...to], { alpha: { float: 0.1 } })),
      shape: [1, 2, 20, 8],
    }),
  ],
  QLinearSoftmax: [
    [1, 6, 3, 8],
    ({ n, type, x }) => {
      const [s, z] = [n.scale(1 / 256), n.constant(type, [ends[type][0]])];
      const y = n.microsoft("QLinearSoftmax", [...x, s, z], { axis: 1, opset: 13 });
      return { value: n.add("DequantizeLinear", [y, s, z]), shape: [1, 6, 3, 8], step: 1 / 256 };
    },
  ],
  "QLinearSoftmax of old": [
    [1, 6, 8],
    ({ n, type, x }) => {
      const [s, z] = [n.scale(1 / 256), n.constant(type, [ends[type][0]])];
      const y = n.microsoft("QLinearSoftmax", [...x, s, z], { axis: 1, opset: 12 });
      return { value: n.add("DequantizeLinear", [y, s, z]), shape: [1, 6, 8], step: 1 / 256 };
    },
  ],
  ConvInteger: [
    [1, 4, 6, 6],
    ({ n, x: [q, , z] }) => {
      const w = [n.weights("uint8", [5, 4, 3, 3]), z, n.constant("uint8", [131])];
      const sums = n.add("ConvInteger", [q, ...w], { pads: [1, 1, 1, 1] });
      return { value: n.add("Cast", [sums], { to: 1 }), shape: [1, 5, 6, 6], step: 0 };
    },
  ],
  MatMulInteger: [
    [1, 4, 16],
    ({ n, x: [q, , z] }) => {
      const sums = n.add("MatMulInteger", [
        q,
        n.weights("int8", [16, 6]),
        z,
        n.constant("int8", [1, 2, 3, -4, 5, 0], [6]),
      ]);
      return { value: n.add("Cast", [sums], { to: 1 }), shape: [1, 4, 6], step: 0 };
    },
  ],
  MatMulIntegerToFloat: [
    [1, 4, 16],
    ({ n, x: [q, s, z] }) => {
      const bias = n.constant("float32", [0.5, -1, 2, 0, 3, 4], [6]);
      const scales = n.scale(...[1, 2, 3, 4, 5, 6].map((i) => i / 100));
      const b = n.weights("int8", [16, 6]);
      const zeros = n.constant("int8", [1, 2, 3, -4, 5, 0], [6]);
      return {
        value: n.microsoft("MatMulIntegerToFloat", [q, b, s, scales, z, zeros, bias]),
        shape: [1, 4, 6],
        step: 0,
      };
    },
  ],
  "dynamic: DynamicQuantizeLinear, ConvInteger, Cast, Mul": [
    [1, 4, 6, 6],
    ({ n }) => {
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["dq", "ds", "dz"] });
      const sums = n.add("ConvInteger", ["dq", n.weights("int8", [5, 4, 3, 3]), "dz", n.constant("int8", [0])], {
        pads: [1, 1, 1, 1],
      });
      const scale = n.add("Mul", ["ds", n.scale(0.02)]);
      return { value: n.add("Mul", [n.add("Cast", [sums], { to: 1 }), scale]), shape: [1, 5, 6, 6], step: 0 };
    },
  ],
  "dynamic: DynamicQuantizeLinear, MatMulInteger, Cast, Mul": [
    [1, 5, 12],
    ({ n }) => {
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["dq", "ds", "dz"] });
      const sums = n.add("MatMulInteger", ["dq", n.weights("uint8", [12, 7]), "dz", n.constant("uint8", [128])]);
      const scale = n.add("Mul", ["ds", n.scale(0.02)]);
      return { value: n.add("Mul", [n.add("Cast", [sums], { to: 1 }), scale]), shape: [1, 5, 7], step: 0 };
    },
  ],
  DynamicQuantizeMatMul: [
    [1, 5, 12],
    ({ n }) => {
      const b = [n.weights("int8", [12, 3]), n.scale(0.01, 0.02, 0.03), n.constant("int8", [0, 0, 0], [3])];
      const bias = n.constant("float32", [1, 2, 3], [3]);
      return { value: n.microsoft("DynamicQuantizeMatMul", ["x", ...b, bias]), shape: [1, 5, 3], step: 0 };
    },
  ],
  ...Object.fromEntries(
    ([4, 8] as const).map((bits) => [
      `MatMulNBits, ${bits} bits`,
      [
        [1, 5, 40],
        ({ n }: Setting) => {
          const bytes = Array.from({ length: 6 * 3 * 2 * bits }, () => n.random(0, 255));
          const packed = n.constant("uint8", bytes, [6, 3, 2 * bits]);
          const scales = n.constant(
            "float32",
            Array.from({ length: 18 }, () => n.random(1, 99) / 512),
            [18],
          );
          const each = Math.ceil((3 * bits) / 8);
          const zeros = n.constant(
            "uint8",
            Array.from({ length: 6 * each }, () => n.random(0, 255)),
            [6 * each],
          );
          const sizes = { K: 40, N: 6, bits, block_size: 16 };
          return { value: n.microsoft("MatMulNBits", ["x", packed, scales, zeros], sizes), shape: [1, 5, 6], step: 0 };
        },
      ] satisfies Case,
    ]),
  ),
  "DynamicQuantizeLinear, DequantizeLinear": [
    [1, 5, 12],
    ({ n }) => {
      n.nodes.push({ op: "DynamicQuantizeLinear", inputs: ["x"], outputs: ["dq", "ds", "dz"] });
      return { value: n.add("DequantizeLinear", ["dq", "ds", "dz"]), shape: [1, 5, 12], step: 0 };
    },
  ],
};

describe("quantised operators give what onnxruntime gives", () => {
  for (const [name, [shape, make]] of Object.entries(operators)) {
    for (const type of ["uint8", "int8"] as const) {
      if (type === "int8" && /^ConvInteger/.test(name)) continue;
      it(`${name} of ${type}`, async () => {
        for (let seed = 1; seed <= 6; seed++) {
          const { n, made, file } = around(seed * 7, type, shape, make);
          const x = picture(n);
          const { output } = await (await loadModel(file)).run(tensor(x, shape));
          const found = output.shape.length === 4 ? output.toNCHW() : output.data;
          const expected = await deployed(file, x, shape, "all");
          expect(new Set(expected).size).toBeGreaterThan(3);
          if (made.step > 0) expect(apart(found, expected, made.step), `seed ${seed}`).toEqual({ most: 0, share: 0 });
          else {
            const size = Math.max(...expected.map(Math.abs));
            found.forEach((value, i) => {
              expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-6 * size);
            });
          }
        }
      });
    }
  }
});

/** Float operators between pairs. */
const paired: Readonly<Record<string, Case>> = {
  Add: [[1, 3, 8, 16], (at) => between(at, (x) => at.n.add("Add", [x, second(at)]), [1, 3, 8, 16])],
  "Add of a constant": [
    [1, 3, 8, 16],
    (at) => {
      const c = [at.n.weights(at.type, [3, 1, 1]), at.n.scale(at.pick()), at.n.constant(at.type, [at.zero()])];
      return between(at, (x) => at.n.add("Add", [x, at.n.add("DequantizeLinear", c)]), [1, 3, 8, 16]);
    },
  ],
  Mul: [[1, 3, 8, 16], (at) => between(at, (x) => at.n.add("Mul", [second(at), x]), [1, 3, 8, 16])],
  Concat: [[1, 3, 8, 4], (at) => between(at, (x) => at.n.add("Concat", [second(at), x], { axis: 1 }), [1, 6, 8, 4])],
  Sigmoid: [[1, 2, 20, 8], (at) => between(at, (x) => at.n.add("Sigmoid", [x]), [1, 2, 20, 8])],
  LeakyRelu: [
    [1, 2, 20, 8],
    (at) => between(at, (x) => at.n.add("LeakyRelu", [x], { alpha: { float: 0.2 } }), [1, 2, 20, 8]),
  ],
  AveragePool: [
    [1, 5, 9, 8],
    (at) => between(at, (x) => at.n.add("AveragePool", [x], { kernel_shape: [2, 2], strides: [2, 2] }), [1, 5, 4, 4]),
  ],
  GlobalAveragePool: [[1, 19, 4, 6], (at) => between(at, (x) => at.n.add("GlobalAveragePool", [x]), [1, 19, 1, 1])],
  "Conv, Clip": [
    [1, 5, 8, 8],
    (at) =>
      between(
        at,
        (x) => at.n.add("Clip", [conv(at.n, x, at.xScale, 5, 7, at.type), at.n.scale(-90), at.n.scale(90)]),
        [1, 7, 8, 8],
      ),
  ],
  "Conv, Reshape": [
    [1, 5, 8, 8],
    (at) =>
      between(
        at,
        (x) => {
          const shape = at.n.integers64([1, 7, 64]);
          return at.n.add("Reshape", [conv(at.n, x, at.xScale, 5, 7, at.type), shape]);
        },
        [1, 7, 64],
      ),
  ],
  MatMul: [
    [1, 7, 11],
    (at) => {
      const b = [at.n.weights(at.type, [11, 5]), at.n.scale(0.02), at.n.constant(at.type, [at.zero()])];
      return between(at, (x) => at.n.add("MatMul", [x, at.n.add("DequantizeLinear", b)]), [1, 7, 5]);
    },
  ],
  "MatMul of two values": [[1, 6, 6], (at) => between(at, (x) => at.n.add("MatMul", [x, second(at)]), [1, 6, 6])],
  HardSwish: [[1, 2, 20, 8], (at) => between(at, (x) => at.n.add("HardSwish", [x]), [1, 2, 20, 8])],
  "Transpose, MaxPool": [
    [1, 2, 6, 8],
    (at) =>
      between(
        at,
        (x) =>
          at.n.add("MaxPool", [at.n.add("Transpose", [x], { perm: [0, 1, 3, 2] })], {
            kernel_shape: [3, 3],
            pads: [1, 1, 1, 1],
          }),
        [1, 2, 8, 6],
      ),
  ],
};

/** Another value on a grid. */
function second({ n, type, pick, zero }: Setting): string {
  const [s, z] = [n.scale(pick()), n.constant(type, [zero()])];
  return n.add("DequantizeLinear", [n.add("QuantizeLinear", [n.add("Sin", ["x"]), s, z]), s, z]);
}

const between = (at: Setting, make: (x: string) => string, shape: readonly number[]): Made => {
  const value = make(at.n.add("DequantizeLinear", [...at.x]));
  return { ...result(at, (s, z) => at.n.add("QuantizeLinear", [value, s, z])), shape };
};

describe("float operators between pairs give what onnxruntime gives, which computes with the integers", () => {
  for (const [name, [shape, make]] of Object.entries(paired)) {
    it.each(["uint8", "int8"] as const)(`${name} of %s`, async (type) => {
      for (let seed = 1; seed <= 6; seed++) {
        const { n, made, file } = around(seed * 11, type, shape, make);
        const x = picture(n);
        const { output } = await (await loadModel(file)).run(tensor(x, shape));
        const found = output.shape.length === 4 ? output.toNCHW() : output.data;
        expect(apart(found, await deployed(file, x, shape, "all"), made.step), `seed ${seed}`).toEqual({
          most: 0,
          share: 0,
        });
      }
    });
  }
});

const tensor = (x: Float32Array, shape: readonly number[]): Tensor =>
  shape.length === 4 ? Tensor.fromNCHW(x, shape as [number, number, number, number]) : new Tensor(x, [...shape]);

describe("convolutions of integers", () => {
  it("are sums of products of integers, on random shapes", async () => {
    const extent = fc.integer({ min: 1, max: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          ...{ seed: fc.integer({ min: 1, max: 1e6 }), groups: fc.constantFrom(1, 1, 2), perGroup: extent, to: extent },
          ...{
            kernel: extent,
            stride: fc.integer({ min: 1, max: 2 }),
            pad: fc.integer({ min: 0, max: 2 }),
            side: fc.integer({ min: 5, max: 9 }),
          },
        }),
        async ({ seed, groups, perGroup, to, kernel, stride, pad, side }) => {
          const [from, outs] = [groups * perGroup, groups * to];
          const n = new Network(seed, [1, from, side, side]);
          const [zx, zw] = [n.random(0, 255), n.random(-128, 127)];
          const [s, z] = [n.scale(1 / 8), n.constant("uint8", [zx])];
          const weights = Array.from({ length: outs * perGroup * kernel * kernel }, () => n.random(-128, 127));
          const w = n.constant("int8", weights, [outs, perGroup, kernel, kernel]);
          const [t, o] = [n.scale(3 / 4), n.constant("uint8", [77])];
          const conv = n.add(
            "QLinearConv",
            [n.add("QuantizeLinear", ["x", s, z]), s, z, w, n.scale(1 / 16), n.constant("int8", [zw]), t, o],
            {
              ...{
                kernel_shape: [kernel, kernel],
                strides: [stride, stride],
                pads: [pad, pad, pad, pad],
                group: groups,
              },
            },
          );
          const size = Math.floor((side + 2 * pad - kernel) / stride) + 1;
          const file = n.file(n.add("DequantizeLinear", [conv, t, o]), [1, outs, size, size]);
          const places = Array.from({ length: from * side * side }, () => n.random(-zx, 255 - zx));
          const { output } = await (await loadModel(file)).run(
            Tensor.fromNCHW(
              Float32Array.from(places, (place) => place / 8),
              [1, from, side, side],
            ),
          );
          const found = output.toNCHW();
          const unit = Math.fround(Math.fround((1 / 8) * (1 / 16)) / Math.fround(3 / 4));
          for (let c = 0; c < outs; c++)
            for (let y = 0; y < size; y++)
              for (let x = 0; x < size; x++) {
                let sum = 0;
                for (let k = 0; k < perGroup; k++)
                  for (let i = 0; i < kernel; i++)
                    for (let j = 0; j < kernel; j++) {
                      const [row, column] = [y * stride + i - pad, x * stride + j - pad];
                      if (row < 0 || column < 0 || row >= side || column >= side) continue;
                      const channel = Math.floor(c / to) * perGroup + k;
                      const weight = weights[((c * perGroup + k) * kernel + i) * kernel + j] - zw;
                      sum += weight * places[(channel * side + row) * side + column];
                    }
                const at = Math.fround(sum * unit);
                const whole = Math.round(at) - Number(Math.round(at) - at === 0.5 && Math.round(at) % 2 !== 0);
                const expected = Math.fround(Math.min(Math.max(whole, -77), 255 - 77) * Math.fround(3 / 4));
                expect(found[(c * size + y) * size + x] + 0).toBe(expected + 0);
              }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe("each result says how far the readings are apart", () => {
  const noteOf = ({ notes }: { readonly notes: readonly { readonly code: string; readonly message: string }[] }) =>
    notes.filter(({ code }) => code === "quantised").map(({ message }) => message);

  it("for its input, in both readings, and a score is as far apart as the note says", async () => {
    const { n, file } = residual(5, "uint8");
    const x = Tensor.fromNCHW(picture(n), [1, 3, 12, 10]);
    const [whole, real] = [await loadModel(file), await loadModel(file, { quantized: "float" })];
    expect(noteOf(whole)).toHaveLength(1);
    expect(noteOf(whole)[0]).toMatch(/computes with integers[\s\S]*reads real numbers\.$/);
    expect(noteOf(real)[0]).toMatch(/read as the real numbers/);
    for (const method of ["grad-cam", "saliency", "occlusion", "lrp"] as const) {
      const [a, b] = [await explain(whole, x, { method, target: 2 }), await explain(real, x, { method, target: 2 })];
      const said = / the score is (\S+) as deployed and (\S+) without rounding, (\S+) apart\.$/;
      const [found, other] = [a, b].map((one) => said.exec(noteOf(one).join()) ?? []);
      expect(Number(found[1])).toBeCloseTo(a.target.score, 3);
      expect(Number(found[2])).toBeCloseTo(b.target.score, 3);
      expect(Number(found[3])).toBeCloseTo(Math.abs(a.target.score - b.target.score), 3);
      expect(Number(other[1])).toBeCloseTo(a.target.score, 3);
      expect(Number(other[2])).toBeCloseTo(b.target.score, 3);
      expect(Number(found[3])).toBeGreaterThan(0);
    }
  });

  it("of a box by the score that both readings have, however its pictures were scored", async () => {
    const n = new Network(23, [1, 3, 16, 16]);
    const maps = pair(n, conv(n, pair(n, "x", 0.02, 110, "uint8"), 0.02, 3, 6, "uint8", 4), 0.04, 100, "uint8");
    const shape = n.integers64([1, 6, 16]);
    const rows = n.add("Reshape", [maps, shape]);
    const file = n.file(rows, [1, 6, 16]);
    const head = {
      boxes: rows,
      layout: "columns",
      decode: "center",
      units: "pixels",
      classAt: 4,
      activation: "sigmoid",
    } as const;
    const x = Tensor.fromNCHW(picture(n), [1, 3, 16, 16]);
    using model = await loadModel(file);
    const [detection] = await detect(model, x, { head, threshold: 0.01, iou: 1 });
    const target = { detection };
    const [passes, gradient] = [
      await explain(model, x, { method: "occlusion", target, window: [4, 4], stride: [4, 4] }),
      await explain(model, x, { method: "saliency", target }),
    ];
    expect(passes.target.score).not.toBe(gradient.target.score);
    expect(noteOf(gradient)[0]).toContain(`the score is ${Number(gradient.target.score.toPrecision(4))} as deployed`);
    expect(noteOf(passes)).toEqual(noteOf(gradient));
  });

  it("of a copy with other weights nothing: the other reading is of its own numbers", async () => {
    const { n, file } = residual(5, "uint8");
    using model = await loadModel(file, { quantized: "float" });
    const x = Tensor.fromNCHW(picture(n), [1, 3, 12, 10]);
    const notes: string[] = [];
    await randomizationTest(
      model,
      x,
      async (copy, input, options) => {
        const found = await explain(copy, input, { ...options, method: "saliency" });
        if (copy !== model) notes.push(...noteOf(found));
        return found;
      },
      { target: 2, stages: 2 },
    );
    expect(notes.length).toBeGreaterThan(0);
    expect(notes.filter((message) => message.includes(" apart."))).toEqual([]);
  });

  it("in low memory the reading of real numbers stands alone", async () => {
    const { n, file } = residual(5, "uint8");
    const model = await loadModel(file, { quantized: "float", memory: "low" });
    const { notes } = await explain(model, Tensor.fromNCHW(picture(n), [1, 3, 12, 10]), {
      method: "saliency",
      target: 2,
    });
    expect(noteOf({ notes })[0]).not.toMatch(/apart/);
  });

  it("of gradients: they pass straight through, and are zero beyond the grid", async () => {
    const { n, file } = residual(6, "int8");
    const x = picture(n);
    x[7] = 50;
    const model = await loadModel(file);
    const { values } = await explain(model, Tensor.fromNCHW(x, [1, 3, 12, 10]), { method: "saliency", target: 1 });
    const real = await explain(await loadModel(file, { quantized: "float" }), Tensor.fromNCHW(x, [1, 3, 12, 10]), {
      method: "saliency",
      target: 1,
    });
    expect(values.toNCHW()[7]).toBe(0);
    expect(real.values.toNCHW()[7]).toBe(0);
    const dot = (p: Float32Array, q: Float32Array): number => p.reduce((sum, value, i) => sum + value * q[i], 0);
    const [p, q] = [values.data, real.values.data];
    expect(dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q))).toBeGreaterThan(0.8);
  });
});

describe("a bias of floats beside integers is rounded where onnxruntime rounds it", () => {
  const tails: Readonly<Record<string, (n: Network, sums: string) => string>> = {
    "a grid": (_, sums) => sums,
    "a rectifier and a grid": (n, sums) => n.add("Relu", [sums]),
    "a bounded rectifier and a grid": (n, sums) => n.add("Clip", [sums, n.scale(-1), n.scale(1.5)]),
    "a sigmoid and a grid": (n, sums) => n.add("Sigmoid", [sums]),
    "a grid, and something else": (n, sums) => n.add("Add", [sums, n.add("Neg", [sums])]),
  };
  it.each(["Conv", "Gemm"].flatMap((op) => Object.keys(tails).map((tail) => [op, tail] as const)))(
    "%s before %s",
    async (op, tail) => {
      const isConv = op === "Conv";
      const n = new Network(17, isConv ? [1, 3, 9, 9] : [1, 27]);
      const channels = isConv ? 6 : 96;
      const scales = Array.from({ length: channels }, (_, o) => 0.02 + 0.0017 * (o % 6));
      const w = n.constant(
        "int8",
        Array.from({ length: channels * 27 }, () => n.random(-7, 7)),
        isConv ? [channels, 3, 3, 3] : [channels, 27],
      );
      const zeros = n.constant("int8", new Array<number>(channels).fill(0), [channels]);
      const filter = n.add("DequantizeLinear", [w, n.scale(...scales), zeros], { axis: 0 });
      // The units of the products are coarse: rounded or not, the bias moves many results by a step.
      const values = Array.from({ length: channels }, () => n.random(-999, 999) / 1000);
      const bias = n.constant("float32", values, [channels]);
      const x = pair(n, "x", 0.9, 3, "int8");
      const sums = n.add(op, [x, filter, bias], isConv ? { pads: [1, 1, 1, 1] } : { transB: 1 });
      const y = pair(n, tails[tail](n, sums), 0.05, -7, "int8");
      const shape = isConv ? [1, channels, 9, 9] : [1, channels];
      const file = n.file(y, shape);
      const data = Float32Array.from(picture(n), (value) => 2 * value);
      using model = await loadModel(file);
      const input = isConv ? Tensor.fromNCHW(data, n.inputShape) : new Tensor(data, n.inputShape);
      const { output } = await model.run(input);
      const found = apart(isConv ? output.toNCHW() : output.data, await deployed(file, data, n.inputShape), 0.05);
      expect(found).toEqual({ most: 0, share: 0 });
    },
  );
});
