import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Composite,
  type CompositeName,
  decodeImage,
  excitationBackprop,
  heatmap,
  inputXGradient,
  type LrpRule,
  loadModel,
  lrp,
  type Model,
  Tensor,
} from "../../../src/index";
import { loaded } from "../../../src/model/loaded-model";
import { writeOnnx } from "../../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../../graph/build";
import { describeShared, readShared } from "../../shared-folder";
import {
  type Affine,
  applied,
  convolution,
  dense,
  distance,
  type NaiveRule,
  relevance,
  sum,
  transposed,
} from "./naive-rules";

const random = randomIntegers(23);
const numbers = (count: number): number[] => Array.from(randomFloats(random, [count]).floats());
const image = (values: readonly number[], h: number, w: number): Tensor =>
  Tensor.fromNCHW(Float32Array.from(values), [1, values.length / h / w, h, w]);
const relu = (values: readonly number[]): number[] => values.map((value) => Math.max(value, 0));
const load = (parts: Parameters<typeof graphOf>[0], options = {}): Promise<Model> =>
  loadModel(writeOnnx(graphOf(parts)), options);

const petshop = await loadModel();
const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));

/** Two convolutions and two dense layers with biases, over an input of both signs, and the same as matrices. */
const weights = {
  w1: numbers(6 * 9),
  b1: numbers(6),
  w2: numbers(4 * 3 * 4),
  b2: numbers(4),
  w3: numbers(16 * 5),
  b3: numbers(5),
  w4: numbers(10),
  b4: numbers(2),
};
const network = await load({
  inputs: { x: [1, 1, 6, 6] },
  constants: {
    w1: floats([6, 1, 3, 3], weights.w1),
    b1: floats([6], weights.b1),
    w2: floats([4, 3, 2, 2], weights.w2),
    b2: floats([4], weights.b2),
    w3: floats([16, 5], weights.w3),
    b3: floats([5], weights.b3),
    w4: floats([5, 2], weights.w4),
    b4: floats([2], weights.b4),
  },
  nodes: [
    ["Conv", ["x", "w1", "b1"], ["c1"], { pads: [1, 1, 1, 1], strides: [2, 2] }],
    ["Relu", ["c1"], ["r1"]],
    ["Conv", ["r1", "w2", "b2"], ["c2"], { group: 2 }],
    ["Tanh", ["c2"], ["t2"]],
    ["Flatten", ["t2"], ["f"]],
    ["Gemm", ["f", "w3", "b3"], ["g3"]],
    ["Relu", ["g3"], ["r3"]],
    ["Gemm", ["r3", "w4", "b4"], ["y"]],
  ],
});
const layers = [
  convolution({ size: [1, 6, 6], kernel: 3, stride: 2, pad: 1 }, weights.w1, weights.b1, 6),
  convolution({ size: [6, 3, 3], kernel: 2 }, weights.w2, weights.b2, 4, 2),
  dense(weights.w3, weights.b3),
  dense(weights.w4, weights.b4),
];
const activations = [relu, (values: readonly number[]) => values.map(Math.tanh), relu];

/** Relevance of output 1 by one rule per layer. */
function naive(x: readonly number[], rules: readonly NaiveRule[], start?: number): { values: number[]; score: number } {
  const inputs = [[...x]];
  layers.slice(0, 3).forEach((layer, i) => {
    inputs.push(activations[i](applied(layer, inputs[i])));
  });
  const score = applied(layers[3], inputs[3])[1];
  let values = [0, start ?? score];
  for (let i = 3; i >= 0; i--) values = relevance(layers[i], inputs[i], values, rules[i]);
  return { values, score };
}

describe("lrp by the definitions, in float64", () => {
  const rules: Record<string, Exclude<LrpRule, string> & NaiveRule> = {
    epsilon: { rule: "epsilon", epsilon: 0.1 },
    gamma: { rule: "gamma" },
    "a larger gamma": { rule: "gamma", gamma: 3 },
    zPlus: { rule: "zPlus" },
    alphaBeta: { rule: "alphaBeta" },
    "alphaBeta(1.5, 0.5)": { rule: "alphaBeta", alpha: 1.5, beta: 0.5 },
    flat: { rule: "flat" },
    wSquare: { rule: "wSquare" },
    zBox: { rule: "zBox", low: -1.5, high: 1.25 },
  };
  for (const [name, rule] of Object.entries(rules)) {
    it(`${name}, in every layer that can have it`, async () => {
      const x = numbers(36);
      const epsilon = { rule: "epsilon" } as const;
      // zBox is about the input: deeper layers have no bounds of their own.
      const everywhere = rule.rule === "zBox" ? [rule, epsilon, epsilon, epsilon] : [rule, rule, rule, rule];
      const composite: Composite =
        rule.rule === "zBox"
          ? { convolution: "epsilon", dense: "epsilon", first: rule }
          : { convolution: rule, dense: rule };
      const expected = naive(x, everywhere);
      const { values, target, recipe } = await lrp(network, image(x, 6, 6), { target: 1, composite });
      expect(target.score).toBeCloseTo(expected.score, 5);
      expect(distance(values.toNCHW(), expected.values)).toBeLessThan(2e-4);
      expect(recipe.options.composite).toEqual(composite);
    });
  }

  const epsilon = { rule: "epsilon" };
  const composites: Record<CompositeName, readonly NaiveRule[]> = {
    epsilon: [epsilon, epsilon, epsilon, epsilon],
    epsilonPlus: [{ rule: "zPlus" }, { rule: "zPlus" }, epsilon, epsilon],
    epsilonPlusFlat: [{ rule: "flat" }, { rule: "zPlus" }, epsilon, epsilon],
    epsilonGammaBox: [{ rule: "zBox", low: -1, high: 1 }, { rule: "gamma" }, epsilon, epsilon],
    epsilonAlpha2Beta1: [{ rule: "alphaBeta" }, { rule: "alphaBeta" }, epsilon, epsilon],
    epsilonAlpha2Beta1Flat: [{ rule: "flat" }, { rule: "alphaBeta" }, epsilon, epsilon],
  };
  for (const [name, perLayer] of Object.entries(composites) as [CompositeName, readonly NaiveRule[]][]) {
    it(`the composite ${name}; its epsilon is an option`, async () => {
      const x = numbers(36);
      const composite =
        name === "epsilonGammaBox"
          ? ({
              convolution: "gamma",
              dense: "epsilon",
              firstConvolution: { rule: "zBox", low: -1, high: [1] },
            } as const)
          : name;
      const found = await lrp(network, image(x, 6, 6), { target: 1, composite });
      expect(distance(found.values.toNCHW(), naive(x, perLayer).values)).toBeLessThan(2e-4);
      const coarse = await lrp(network, image(x, 6, 6), { target: 1, composite, epsilon: 0.3 });
      const changed = perLayer.map((rule) => (rule.rule === "epsilon" ? { ...rule, epsilon: 0.3 } : rule));
      expect(distance(coarse.values.toNCHW(), naive(x, changed).values)).toBeLessThan(2e-4);
    });
  }

  it("excitationBackprop: positive evidence, no biases, from 1", async () => {
    const x = numbers(36);
    const rule = { rule: "excitation" };
    const { values } = await excitationBackprop(network, image(x, 6, 6), { target: 1 });
    expect(distance(values.toNCHW(), naive(x, [rule, rule, rule, rule], 1).values)).toBeLessThan(2e-4);
    expect(values.data.every((value) => value >= 0)).toBe(true);
  });

  it("one layer by name, and rules for what has no weights", async () => {
    const x = numbers(36);
    const composite = {
      convolution: "zPlus",
      dense: "epsilon",
      layers: { c2: "gamma", y: { rule: "epsilon", epsilon: 1 } },
    } as const;
    const { values } = await lrp(network, image(x, 6, 6), { target: 1, composite });
    const expected = naive(x, [
      { rule: "zPlus" },
      { rule: "gamma" },
      { rule: "epsilon" },
      { rule: "epsilon", epsilon: 1 },
    ]);
    expect(distance(values.toNCHW(), expected.values)).toBeLessThan(2e-4);
    const normed = await lrp(network, image(x, 6, 6), { target: 1, composite: { convolution: "norm", dense: "norm" } });
    expect(distance(normed.values.toNCHW(), naive(x, [epsilon, epsilon, epsilon, epsilon]).values)).toBeLessThan(2e-4);
  });

  /** One layer of a kind, as a network and as a matrix. */
  const kinds: Record<
    string,
    {
      nodes: Parameters<typeof graphOf>[0]["nodes"];
      constants: Record<string, ReturnType<typeof floats>>;
      layer: Affine;
    }
  > = {
    "a transposed convolution": (() => {
      const [weight, bias] = [numbers(2 * 3 * 9), numbers(3)];
      return {
        nodes: [["ConvTranspose", ["x", "w", "b"], ["c"], { strides: [2, 2] }]],
        constants: { w: floats([2, 3, 3, 3], weight), b: floats([3], bias) },
        layer: transposed({ size: [3, 9, 9], kernel: 3, stride: 2 }, weight, bias, 2),
      };
    })(),
    "a depthwise convolution": (() => {
      const [weight, bias] = [numbers(2 * 9), numbers(2)];
      return {
        nodes: [["Conv", ["x", "w", "b"], ["c"], { group: 2 }]],
        constants: { w: floats([2, 1, 3, 3], weight), b: floats([2], bias) },
        layer: convolution({ size: [2, 4, 4], kernel: 3 }, weight, bias, 2, 2),
      };
    })(),
    "a dense layer with factors": (() => {
      const [weight, bias] = [numbers(32 * 4), numbers(4)];
      const { rows } = dense(weight, bias);
      return {
        nodes: [
          ["Flatten", ["x"], ["f"]],
          ["Gemm", ["f", "w", "b"], ["c"], { alpha: -0.5, beta: 2 }],
        ],
        constants: { w: floats([32, 4], weight), b: floats([4], bias) },
        layer: { rows: rows.map((row) => row.map((w) => -0.5 * w)), bias: bias.map((b) => 2 * b) },
      };
    })(),
    "a convolution with batch normalisation": (() => {
      const [weight, bias, scale, shift, mean] = [numbers(3 * 2 * 9), numbers(3), numbers(3), numbers(3), numbers(3)];
      const variance = [0.5, 1, 2];
      const { rows, bias: biases } = convolution({ size: [2, 4, 4], kernel: 3 }, weight, bias, 3);
      const factor = (j: number): number => scale[j >> 2] / Math.sqrt(variance[j >> 2] + 1e-5);
      return {
        nodes: [
          ["Conv", ["x", "w", "b"], ["inner"]],
          ["BatchNormalization", ["inner", "s", "t", "m", "v"], ["c"]],
        ],
        constants: {
          ...{ w: floats([3, 2, 3, 3], weight), b: floats([3], bias), s: floats([3], scale) },
          ...{ t: floats([3], shift), m: floats([3], mean), v: floats([3], variance) },
        },
        layer: {
          rows: rows.map((row, j) => row.map((w) => factor(j) * w)),
          bias: biases.map((b, j) => factor(j) * (b - mean[j >> 2]) + shift[j >> 2]),
        },
      };
    })(),
  };
  for (const [name, { nodes, constants, layer }] of Object.entries(kinds)) {
    it(`${name}, by every rule, in low memory too`, async () => {
      const head = [...nodes, ["Flatten", ["c"], ["y"]]] as typeof nodes;
      const x = numbers(32);
      for (const memory of ["fast", "low"] as const) {
        const model = await load({ inputs: { x: [1, 2, 4, 4] }, constants, nodes: head }, { memory });
        for (const rule of Object.values(rules)) {
          const unit = 2;
          const y = applied(layer, x);
          const above = y.map((value, j) => (j === unit ? value : 0));
          const found = await lrp(model, image(x, 4, 4), {
            target: unit,
            composite: { convolution: rule, dense: rule },
          });
          const tolerance = memory === "low" ? 0.02 : 2e-4;
          expect(distance(found.values.toNCHW(), relevance(layer, x, above, rule)), rule.rule).toBeLessThan(tolerance);
        }
      }
    });
  }
});

describe("lrp on whole networks", () => {
  it("with ε → 0 the epsilon rule is input × gradient where all activations are ReLUs", async () => {
    const byRule = await lrp(petshop, cat, { composite: "epsilon", epsilon: 1e-12 });
    const byGradient = await inputXGradient(petshop, cat);
    expect(distance(byRule.values.data, byGradient.values.data)).toBeLessThan(1e-4);
  });

  it("the same behind batch normalisation that cannot be folded, and with the mean subtracted in the network", async () => {
    const model = await load({
      inputs: { x: [1, 3, 6, 6] },
      constants: {
        mean: floats([1, 3, 1, 1], [0.3, -0.2, 0.1]),
        w1: floats([4, 3, 3, 3], numbers(108)),
        ...{ s: floats([4], [1, -0.5, 2, 0.7]), t: floats([4], numbers(4)), m: floats([4], numbers(4)) },
        v: floats([4], [1, 2, 0.5, 1]),
        shift: floats([1, 4, 1, 1], numbers(4)),
        head: floats([128, 2], numbers(256)),
      },
      nodes: [
        ["Sub", ["x", "mean"], ["centred"]],
        ["Conv", ["centred", "w1"], ["c"]],
        ["BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]],
        ["Relu", ["n"], ["r"]],
        ["Add", ["c", "shift"], ["moved"]],
        ["Relu", ["moved"], ["other"]],
        ["Concat", ["r", "other"], ["both"], { axis: 1 }],
        ["Flatten", ["both"], ["f"]],
        ["Gemm", ["f", "head"], ["y"]],
      ],
    });
    const x = image(numbers(108), 6, 6);
    const options = { target: 0, layer: "centred" };
    const byRule = await lrp(model, x, { ...options, composite: "epsilon", epsilon: 1e-12 });
    expect(distance(byRule.values.data, (await inputXGradient(model, x, options)).values.data)).toBeLessThan(1e-4);
    // What the mean is taken from gets the relevance as it is, however small the difference.
    for (const composite of ["epsilonPlusFlat", "epsilonGammaBox"] as const) {
      const [inner, outer] = [
        await lrp(model, x, { ...options, composite }),
        await lrp(model, x, { target: 0, composite }),
      ];
      expect(outer.values.data).toEqual(inner.values.data);
    }
  });

  const residual = (bias: number) =>
    load({
      inputs: { x: [1, 3, 8, 8] },
      constants: {
        w1: floats([8, 3, 3, 3], numbers(216)),
        w2: floats([8, 8, 3, 3], numbers(576)),
        b: floats(
          [8],
          numbers(8).map((value) => value * bias),
        ),
        head: floats([8, 4], numbers(32)),
      },
      nodes: [
        ["Conv", ["x", "w1", "b"], ["c1"], { pads: [1, 1, 1, 1] }],
        ["Relu", ["c1"], ["r1"]],
        ["MaxPool", ["r1"], ["p1"], { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }],
        ["Conv", ["p1", "w2", "b"], ["c2"], { pads: [1, 1, 1, 1] }],
        ["Add", ["c2", "p1"], ["a"]],
        ["Relu", ["a"], ["r2"]],
        ["AveragePool", ["r2"], ["p2"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Concat", ["p2", "p2"], ["twice"], { axis: 3 }],
        ["GlobalAveragePool", ["twice"], ["m"]],
        ["Flatten", ["m"], ["f"]],
        ["Gemm", ["f", "head"], ["y"]],
      ],
    });
  it("keeps relevance, layer by layer, where there are no biases", async () => {
    const model = await residual(0);
    const x = image(numbers(192), 8, 8);
    for (const composite of [
      "epsilon",
      "epsilonPlus",
      "epsilonPlusFlat",
      "epsilonAlpha2Beta1",
      "epsilonGammaBox",
    ] as const) {
      for (const layer of ["f", "p2", "r2", "a", "r1", "c1", undefined]) {
        const { values, target } = await lrp(model, x, { composite, layer, target: 2 });
        expect(Math.abs(sum(values.data) / target.score - 1), `${composite} ${layer}`).toBeLessThan(2e-3);
      }
    }
    const share = await excitationBackprop(model, x, { target: 2 });
    expect(sum(share.values.data)).toBeCloseTo(1, 3);
    expect(share.values.data.every((value) => value >= 0)).toBe(true);
    const biased = await lrp(await residual(1), x, { composite: "epsilon", target: 2 });
    expect(Math.abs(sum(biased.values.data) / biased.target.score - 1)).toBeGreaterThan(0.01);
  });

  it("a sum shares in proportion; excitation by the parts of its sign", async () => {
    const model = await load({
      inputs: { x: [1, 2] },
      constants: { up: floats([2, 2], [2, 0, 0, 1]), head: floats([2, 1], [1, 1]) },
      nodes: [
        ["Gemm", ["x", "up"], ["g"]],
        ["Add", ["g", "x"], ["a"]],
        ["Gemm", ["a", "head"], ["y"]],
      ],
    });
    const x = new Tensor(Float32Array.of(3, 1), [1, 2]);
    expect(Array.from((await lrp(model, x)).values.data, (value) => Math.round(value * 1e3) / 1e3)).toEqual([9, 2]);
    const mixed = await load({
      inputs: { x: [1, 2] },
      constants: { turn: floats([2, 2], [0, 0, -1, 0]), head: floats([2, 1], [1, 1]) },
      nodes: [
        ["Gemm", ["x", "turn"], ["g"]], // (−x₂, 0)
        ["Add", ["g", "x"], ["a"]], // (x₁ − x₂, x₂)
        ["Gemm", ["a", "head"], ["y"]],
      ],
    });
    const { values } = await excitationBackprop(mixed, x);
    // 2 + 1 = 3: two thirds to x₁, whose opponent gets nothing; one third to x₂.
    expect(values.data[0]).toBeCloseTo(2 / 3, 4);
    expect(values.data[1]).toBeCloseTo(1 / 3, 4);
  });

  it("of a signal times its gate the signal gets all; other products give half to each", async () => {
    const gated = (op: string) =>
      load({
        inputs: { x: [1, 2, 4, 4] },
        constants: {
          w: floats([2, 2, 1, 1], numbers(4)),
          v: floats([2, 2, 1, 1], numbers(4)),
          head: floats([32, 1], numbers(32)),
        },
        nodes: [
          ["Conv", ["x", "w"], ["s"]],
          ["Conv", ["x", "v"], ["h"]],
          [op, ["h"], ["gate"]],
          ["Mul", ["gate", "s"], ["m"]],
          ["Flatten", ["m"], ["f"]],
          ["Gemm", ["f", "head"], ["y"]],
        ],
      });
    const x = image(numbers(32), 4, 4);
    const model = await gated("HardSigmoid");
    const [product, signal, gate] = await Promise.all(
      ["m", "s", "h"].map((layer) => lrp(model, x, { layer, composite: "epsilon" })),
    );
    expect(signal.values.data).toEqual(product.values.data);
    expect(gate.values.data.every((value) => value === 0)).toBe(true);
    const parts = await load({
      inputs: { x: [1, 2, 4, 4] },
      constants: {
        ...{ w: floats([2, 2, 1, 1], numbers(4)), three: floats([], [3]), zero: floats([], [0]), six: floats([], [6]) },
        head: floats([32, 1], numbers(32)),
      },
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        ["Add", ["c", "three"], ["a"]],
        ["Clip", ["a", "zero", "six"], ["b"]],
        ["Div", ["b", "six"], ["gate"]],
        ["Mul", ["c", "gate"], ["m"]],
        ["Flatten", ["m"], ["f"]],
        ["Gemm", ["f", "head"], ["y"]],
      ],
    });
    const [swished, before] = await Promise.all(
      ["m", "c"].map((layer) => lrp(parts, x, { layer, composite: "epsilon" })),
    );
    expect(before.values.data).toEqual(swished.values.data);
    const halved = await gated("Relu");
    const [both, one, other] = await Promise.all(
      ["m", "s", "gate"].map(async (layer) => (await lrp(halved, x, { layer, composite: "epsilon" })).values.data),
    );
    expect(
      distance(
        one,
        Array.from(both, (value) => value / 2),
      ),
    ).toBeLessThan(1e-3);
    expect(distance(other, one)).toBeLessThan(1e-3);
  });

  it("leaves memory as it was, and the same bits", async () => {
    const model = await residual(1);
    const x = image(numbers(192), 8, 8);
    const options = { composite: "epsilonAlpha2Beta1Flat", target: 1 } as const;
    const first = await lrp(model, x, options);
    const used = loaded(model).parts.memory.used;
    for (let i = 0; i < 3; i++) expect((await lrp(model, x, options)).values.data).toEqual(first.values.data);
    expect(loaded(model).parts.memory.used).toBe(used);
  });

  it("says what is wrong with a composite, an epsilon, a layer, a box", async () => {
    const call = (options: object) => lrp(petshop, cat, options);
    await expect(call({ composite: "epsilonplus" })).rejects.toThrow(
      'composite "epsilonplus" is none of epsilon, epsilonPlus, epsilonPlusFlat, epsilonGammaBox, epsilonAlpha2Beta1, epsilonAlpha2Beta1Flat.',
    );
    await expect(call({ composite: { convolution: "zPlus" } })).rejects.toThrow(
      "composite.dense is missing: a rule (epsilon, gamma, zPlus, alphaBeta, flat, wSquare, zBox, pass, norm) is expected.",
    );
    await expect(call({ composite: { convolution: "zplus", dense: "epsilon" } })).rejects.toThrow(
      'composite.convolution "zplus" is none of epsilon, gamma, zPlus,',
    );
    await expect(
      call({ composite: { convolution: { rule: "alphaBeta", alpha: 2, beta: 2 }, dense: "epsilon" } }),
    ).rejects.toThrow("composite.convolution: alpha − beta must be 1, so that relevance is kept; got 2 and 2.");
    await expect(call({ composite: { convolution: "zPlus", dense: "epsilon", last: "flat" } })).rejects.toThrow(
      'composite has no option "last". It takes convolution, dense, first, firstConvolution, layers.',
    );
    await expect(call({ composite: 5 })).rejects.toThrow(
      "composite must be a name or { convolution, dense, first?, firstConvolution?, layers? }, got number.",
    );
    await expect(call({ composite: { convolution: "pass", dense: "epsilon" } })).rejects.toThrow(
      "the rule pass needs an output as large as the input",
    );
    await expect(
      call({ composite: { convolution: "zPlus", dense: "epsilon", layers: { relu1: "gamma" } } }),
    ).rejects.toThrow("the rule gamma is for convolutions and dense layers");
    await expect(
      call({ composite: { convolution: "zPlus", dense: "epsilon", layers: { relu99: "pass" } } }),
    ).rejects.toThrow('has no layer "relu99"');
    await expect(call({ epsilon: 0 })).rejects.toThrow("epsilon must be above 0, got 0.");
    const zBox = { rule: "zBox", low: [0, 0], high: 1 };
    await expect(call({ composite: { convolution: "zPlus", dense: "epsilon", first: zBox } })).rejects.toThrow(
      "The rule zBox takes as low a number or one for each of the 3 channels, got [0,0].",
    );
  });

  it("draws something: a heatmap of every composite", async () => {
    for (const composite of ["epsilonPlus", "epsilonGammaBox", "epsilonAlpha2Beta1Flat"] as const) {
      const attribution = await lrp(petshop, cat, { composite });
      expect(attribution.values.shape).toEqual([1, 96, 96, 3]);
      expect(heatmap(attribution).data.some((value) => value > 0.5)).toBe(true);
    }
  });
});

describeShared("lrp on real networks", () => {
  it("with ε → 0 is input × gradient on ResNet-20, whose batch normalisation it folds", async () => {
    const model = await loadModel(readShared("models/resnet20-cifar10-bn.onnx"));
    const photograph = await decodeImage(readShared("images/chelsea.png"));
    const byRule = await lrp(model, photograph, { composite: "epsilon", epsilon: 1e-12 });
    expect(distance(byRule.values.data, (await inputXGradient(model, photograph)).values.data)).toBeLessThan(1e-4);
    const inner = model.layers.find(({ op }) => op === "Conv")?.name as string;
    await expect(lrp(model, photograph, { layer: inner })).rejects.toThrow(
      /^lrp folds batch normalisation into the layer before it, and ".*" lies between the two\. Name the layer after it\.$/,
    );
  });
});
