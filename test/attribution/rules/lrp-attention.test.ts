/** lrp through attention and products of two values, against float64 relevance of the same networks. */
import { describe, expect, it } from "vitest";
import { excitationBackprop, inputXGradient, loadModel, lrp, Tensor } from "../../../src/index";
import { writeOnnx } from "../../../src/onnx/writer";
import { floats as constant, graphOf, ints, randomFloats, randomIntegers } from "../../graph/build";
import { describeShared, readShared, readSharedJson, sharedPath } from "../../shared-folder";
import { distance } from "./naive-rules";

const floats = (path: string): Float32Array => new Float32Array(readShared(path).buffer);

interface Case {
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly flat: number;
  readonly value: number;
}

describeShared("lrp through attention is AttnLRP", () => {
  for (const name of ["vit_small", "vit_small_op16", "clip_vit", "mlp_mixer", "nonlocal"]) {
    it(name, { timeout: 60_000 }, async () => {
      const path = `models/modern/${name}`;
      const { inputs, flat, value } = readSharedJson<Case>(`${path}.json`);
      using model = await loadModel(sharedPath(`${path}.onnx`));
      const [[, c, h, w]] = Object.values(inputs);
      const x = Tensor.fromNCHW(floats(`${path}.in0.bin`), [1, c, h, w]);
      const { values, target } = await lrp(model, x, { target: flat, composite: "epsilon", epsilon: 1e-12 });
      expect(target.score).toBeCloseTo(value, 4);
      expect(distance(values.toNCHW(), floats(`${path}.attnlrp.bin`))).toBeLessThan(1e-4);
    });
  }

  for (const name of ["resnet_cbam", "convnextv2_grn", "yolo11_cls_psa", "face_prelu_l2norm"]) {
    it(`${name} is explained, with finite values`, { timeout: 60_000 }, async () => {
      const path = `models/modern/${name}`;
      const { inputs } = readSharedJson<Case>(`${path}.json`);
      using model = await loadModel(sharedPath(`${path}.onnx`));
      const [[, c, h, w]] = Object.values(inputs);
      const x = Tensor.fromNCHW(floats(`${path}.in0.bin`), [1, c, h, w]);
      const { values } = await lrp(model, x, { target: 0, composite: "epsilon" });
      expect(values.data.every(Number.isFinite)).toBe(true);
      expect(values.data.some((value) => value !== 0)).toBe(true);
    });
  }
});

const random = randomIntegers(5);
const numbers = (count: number): number[] => Array.from(randomFloats(random, [count]).floats());
type Nodes = Parameters<typeof graphOf>[0]["nodes"];

/** Nodes between a convolution "c" and a dense head that reads "m". */
async function between(nodes: Nodes, constants: Record<string, ReturnType<typeof constant>> = {}) {
  return loadModel(
    writeOnnx(
      graphOf({
        inputs: { x: [1, 2, 4, 4] },
        constants: {
          ...{ w: constant([4, 2, 1, 1], numbers(8)), head: constant([64, 2], numbers(128)) },
          ...{
            one: constant([], [1]),
            half: constant([], [0.5]),
            two: constant([], [2]),
            root: constant([], [Math.SQRT2]),
          },
          ...{ cubed: constant([], [0.044715]), three: constant([], [3]), tiny: constant([], [1e-5]) },
          ...constants,
        },
        nodes: [["Conv", ["x", "w"], ["c"]], ...nodes, ["Flatten", ["m"], ["f"]], ["Gemm", ["f", "head"], ["y"]]],
      }),
    ),
  );
}

const x = Tensor.fromNCHW(Float32Array.from(numbers(32)), [1, 2, 4, 4]);
const options = { target: 1, composite: "epsilon", epsilon: 1e-12 } as const;
const at = async (model: Awaited<ReturnType<typeof between>>, layer: string): Promise<Float32Array> =>
  (await lrp(model, x, { ...options, layer })).values.data;

describe("lrp through functions of one value: f(x)/x, in any number of nodes", () => {
  const functions: Record<string, Nodes> = {
    "GELU in pieces": [
      ["Div", ["c", "root"], ["d"]],
      ["Erf", ["d"], ["e"]],
      ["Add", ["e", "one"], ["p"]],
      ["Mul", ["c", "p"], ["q"]],
      ["Mul", ["q", "half"], ["m"]],
    ],
    "GELU by tanh, halved first": [
      ["Mul", ["c", "half"], ["h"]],
      ["Pow", ["c", "three"], ["c3"]],
      ["Mul", ["c3", "cubed"], ["k"]],
      ["Add", ["c", "k"], ["s"]],
      ["Tanh", ["s"], ["t"]],
      ["Add", ["t", "one"], ["p"]],
      ["Mul", ["p", "h"], ["m"]],
    ],
    Mish: [
      ["Softplus", ["c"], ["s"]],
      ["Tanh", ["s"], ["t"]],
      ["Mul", ["c", "t"], ["m"]],
    ],
    "Mish with a softplus in pieces": [
      ["Exp", ["c"], ["e"]],
      ["Add", ["e", "one"], ["p"]],
      ["Log", ["p"], ["s"]],
      ["Tanh", ["s"], ["t"]],
      ["Mul", ["c", "t"], ["m"]],
    ],
    "softplus in pieces": [
      ["Exp", ["c"], ["e"]],
      ["Add", ["e", "one"], ["p"]],
      ["Log", ["p"], ["m"]],
    ],
    "SiLU as a quotient": [
      ["Neg", ["c"], ["n"]],
      ["Exp", ["n"], ["e"]],
      ["Add", ["e", "one"], ["p"]],
      ["Div", ["c", "p"], ["m"]],
    ],
    "a square": [["Mul", ["c", "c"], ["m"]]],
  };
  for (const [name, nodes] of Object.entries(functions)) {
    it(name, async () => {
      const model = await between(nodes);
      expect(distance(await at(model, "c"), await at(model, "m"))).toBeLessThan(1e-5);
    });
  }
});

describe("lrp through factors and norms", () => {
  it("a gate behind layers, a reshape and an Expand takes nothing, where it is a factor for each channel", async () => {
    const model = await between(
      [
        ["GlobalAveragePool", ["c"], ["g"]],
        ["Flatten", ["g"], ["v"]],
        ["Gemm", ["v", "u"], ["l"]],
        ["Sigmoid", ["l"], ["o"]],
        ["Reshape", ["o", "perChannel"], ["r"]],
        ["Expand", ["r", "size"], ["e"]],
        ["Mul", ["c", "e"], ["m"]],
      ],
      { u: constant([4, 4], numbers(16)), perChannel: ints(1, 4, 1, 1), size: ints(1, 4, 4, 4) },
    );
    expect(await at(model, "c")).toEqual(await at(model, "m"));
  });

  it("a signal that is smaller than its gate gets the sum of what its places got", async () => {
    const model = await between(
      [
        ["GlobalAveragePool", ["c"], ["g"]],
        ["Sigmoid", ["c"], ["o"]],
        ["Mul", ["g", "o"], ["m"]],
      ],
      {},
    );
    const [above, below] = [await at(model, "m"), await at(model, "g")];
    const sums = [0, 1, 2, 3].map((channel) =>
      above.reduce((sum, value, i) => sum + (i % 4 === channel ? value : 0), 0),
    );
    expect(distance(below, sums)).toBeLessThan(1e-5);
  });

  it("two signals get half each, also where one is repeated", async () => {
    const model = await between(
      [
        ["Conv", ["x", "v"], ["d"]],
        ["GlobalAveragePool", ["d"], ["g"]],
        ["Mul", ["c", "g"], ["m"]],
      ],
      { v: constant([4, 2, 1, 1], numbers(8)) },
    );
    const [above, signal, other] = [await at(model, "m"), await at(model, "c"), await at(model, "g")];
    expect(
      distance(
        signal,
        Array.from(above, (value) => value / 2),
      ),
    ).toBeLessThan(1e-5);
    const sums = [0, 1, 2, 3].map(
      (channel) => above.reduce((sum, value, i) => sum + (i % 4 === channel ? value : 0), 0) / 2,
    );
    expect(distance(other, sums)).toBeLessThan(1e-5);
  });

  /** Relevance at "c" by the definition: c ⊙ (g − mean g) · scale / deviation, g the head's gradient at the norm's result. */
  const steady = (values: Float32Array, gradient: Float32Array, groups: (i: number) => number, centred = true) => {
    const result = new Float64Array(values.length);
    for (const group of new Set(Array.from(values, (_, i) => groups(i)))) {
      const members = Array.from(values.keys()).filter((i) => groups(i) === group);
      const mean = (of: (i: number) => number): number => members.reduce((sum, i) => sum + of(i), 0) / members.length;
      const centre = centred ? mean((i) => values[i]) : 0;
      const arrived = centred ? mean((i) => gradient[i]) : 0;
      const deviation = Math.sqrt(mean((i) => (values[i] - centre) ** 2) + 1e-5);
      for (const i of members) result[i] = (values[i] * (gradient[i] - arrived)) / deviation;
    }
    return result;
  };
  const plain = { s: constant([4], [1, 1, 1, 1]), b: constant([4], [0, 0, 0, 0]) };
  const norms: Record<string, { nodes: Nodes; groups: (i: number) => number; centred?: boolean }> = {
    InstanceNormalization: {
      nodes: [["InstanceNormalization", ["c", "s", "b"], ["m"], { epsilon: 1e-5 }]],
      groups: (i) => i % 4,
    },
    "a norm over channels, in pieces": {
      nodes: [
        ["ReduceMean", ["c"], ["u"], { axes: [1], keepdims: 1 }],
        ["Sub", ["c", "u"], ["d"]],
        ["Pow", ["d", "two"], ["q"]],
        ["ReduceMean", ["q"], ["v"], { axes: [1], keepdims: 1 }],
        ["Add", ["v", "tiny"], ["e"]],
        ["Sqrt", ["e"], ["r"]],
        ["Div", ["d", "r"], ["m"]],
      ],
      groups: (i) => i >> 2,
    },
    "a norm by the root of squares, as a product": {
      nodes: [
        ["Pow", ["c", "two"], ["q"]],
        ["ReduceMean", ["q"], ["v"], { axes: [1], keepdims: 1 }],
        ["Add", ["v", "tiny"], ["e"]],
        ["Sqrt", ["e"], ["r"]],
        ["Reciprocal", ["r"], ["i"]],
        ["Mul", ["c", "i"], ["m"]],
      ],
      groups: (i) => i >> 2,
      centred: false,
    },
  };
  for (const [name, { nodes, groups, centred }] of Object.entries(norms)) {
    it(`the statistics of ${name} are constants`, async () => {
      const model = await between(nodes, plain);
      const { activations } = await model.run(x, { capture: ["c", "m"] });
      const [values, normed] = ["c", "m"].map((layer) => (activations.get(layer) as Tensor).data);
      const above = (await inputXGradient(model, x, { target: 1, layer: "m" })).values.data;
      const gradient = above.map((value, i) => value / normed[i]);
      expect(distance(await at(model, "c"), steady(values, gradient, groups, centred))).toBeLessThan(1e-4);
    });
  }

  it("excitation refuses products of computed matrices by name", async () => {
    const model = await between([["MatMul", ["c", "c"], ["m"]]]);
    await expect(excitationBackprop(model, x, { target: 1 })).rejects.toThrow(
      /^excitation-backprop cannot pass 1 operation of this network: MatMul "m" \(a product of matrices that are both computed may be of any sign\)\./,
    );
    const [above, below] = [await at(model, "m"), await at(model, "c")];
    const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
    expect(Math.abs(sum(below) / sum(above) - 1)).toBeLessThan(1e-4);
  });
});
