import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Baseline,
  decodeImage,
  deepLift,
  deepLiftShap,
  explain,
  inputXGradient,
  loadModel,
  type Model,
  Tensor,
} from "../../../src/index";
import { writeOnnx } from "../../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../../graph/build";
import { describeShared, readShared } from "../../shared-folder";
import { type Affine, adjoint, applied, convolution, dense, distance, maxima, sum } from "./naive-rules";

const random = randomIntegers(11);
const numbers = (count: number): number[] => Array.from(randomFloats(random, [count]).floats());
const image = (values: readonly number[], h: number, w: number): Tensor =>
  Tensor.fromNCHW(Float32Array.from(values), [1, values.length / h / w, h, w]);

const petshop = await loadModel();
const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe("deepLift", () => {
  it("gives the multipliers of the definition: overlapping max-pool, tanh, sigmoid, in float64", async () => {
    const weights = {
      first: numbers(2 * 4 * 9),
      bias: numbers(4),
      second: numbers(4 * 3 * 4),
      head: numbers(3 * 4 * 5),
      last: numbers(10),
    };
    const model = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 7, 7] },
          constants: {
            w1: floats([4, 2, 3, 3], weights.first),
            b1: floats([4], weights.bias),
            w2: floats([3, 4, 2, 2], weights.second),
            w3: floats([12, 5], weights.head),
            w4: floats([5, 2], weights.last),
          },
          nodes: [
            ["Conv", ["x", "w1", "b1"], ["c1"], { pads: [1, 1, 1, 1] }],
            ["Relu", ["c1"], ["r1"]],
            ["MaxPool", ["r1"], ["p"], { kernel_shape: [3, 3], strides: [2, 2] }],
            ["Conv", ["p", "w2"], ["c2"]],
            ["Tanh", ["c2"], ["t"]],
            ["Flatten", ["t"], ["f"]],
            ["Gemm", ["f", "w3"], ["g"]],
            ["Sigmoid", ["g"], ["s"]],
            ["Gemm", ["s", "w4"], ["y"]],
          ],
        }),
      ),
    );
    const layers = {
      first: convolution({ size: [2, 7, 7], kernel: 3, pad: 1 }, weights.first, weights.bias, 4),
      second: convolution({ size: [4, 3, 3], kernel: 2 }, weights.second, [0, 0, 0], 3),
      head: dense(weights.head, [0, 0, 0, 0, 0]),
      last: dense(weights.last, [0, 0]),
    };
    const window = { size: [4, 7, 7], kernel: 3, stride: 2 } as const;
    const [x, from] = [numbers(98), numbers(98)];
    const forward = (input: readonly number[]) => {
      const c1 = applied(layers.first, input);
      const r1 = c1.map((value) => Math.max(value, 0));
      const at = maxima(window, r1);
      const p = at.map((index) => r1[index]);
      const c2 = applied(layers.second, p);
      const g = applied(layers.head, c2.map(Math.tanh));
      return {
        input,
        c1,
        r1,
        at,
        p,
        c2,
        t: c2.map(Math.tanh),
        g,
        s: g.map(sigmoid),
        y: applied(layers.last, g.map(sigmoid)),
      };
    };
    const [here, there] = [forward(x), forward(from)];
    type Name = "input" | "c1" | "r1" | "p" | "c2" | "t" | "g" | "s" | "y";
    const change = (name: Name): number[] => here[name].map((value, i) => value - there[name][i]);
    const rescaled = (m: readonly number[], input: Name, output: Name): number[] =>
      m.map((value, i) => (change(input)[i] === 0 ? 0 : (value * change(output)[i]) / change(input)[i]));
    const back = (layer: Affine, m: readonly number[]): number[] => adjoint(layer, m);

    let m = back(layers.last, [0, 1]);
    m = rescaled(m, "g", "s");
    m = rescaled(back(layers.head, m), "c2", "t");
    m = back(layers.second, m);
    const contributions = new Array<number>(here.r1.length).fill(0);
    m.forEach((value, j) => {
      const higher = Math.max(here.p[j], there.p[j]);
      contributions[here.at[j]] += value * (higher - there.p[j]);
      contributions[there.at[j]] += value * (here.p[j] - higher);
    });
    m = contributions.map((value, i) => (value === 0 ? 0 : value / change("r1")[i]));
    m = back(layers.first, rescaled(m, "c1", "r1"));
    const expected = m.map((value, i) => value * change("input")[i]);

    const attribution = await deepLift(model, image(x, 7, 7), { target: 1, baseline: image(from, 7, 7) });
    expect(distance(attribution.values.toNCHW(), expected)).toBeLessThan(1e-5);
    expect(sum(expected)).toBeCloseTo(here.y[1] - there.y[1], 10);
    expect(attribution.convergenceDelta).toBeCloseTo(0, 5);
    // The windows do overlap: otherwise this would say nothing about adding up.
    expect(new Set(here.at).size).toBeLessThan(here.at.length);
  });

  /** One network per function that is not linear, with a bias so that zero maps elsewhere. */
  const functions: Record<string, Parameters<typeof graphOf>[0]["nodes"]> = {
    relu6: [["Clip", ["c", "low", "high"], ["a"]]],
    "hard swish": [["HardSwish", ["c"], ["a"]]],
    "swish in two nodes": [
      ["Sigmoid", ["c"], ["gate"]],
      ["Mul", ["c", "gate"], ["a"]],
    ],
    "squeeze and excitation": [
      ["GlobalAveragePool", ["c"], ["mean"]],
      ["HardSigmoid", ["mean"], ["gate"]],
      ["Mul", ["gate", "c"], ["a"]],
    ],
    square: [["Mul", ["c", "c"], ["a"]]],
    quotient: [
      ["Softplus", ["c"], ["e"]],
      ["Add", ["e", "high"], ["d"]],
      ["Div", ["c", "d"], ["a"]],
    ],
    "local response normalisation": [["LRN", ["c"], ["a"], { size: 3, alpha: 0.9, beta: 0.75, bias: 1 }]],
    "instance normalisation": [["InstanceNormalization", ["c", "one", "b"], ["a"]]],
    "softmax over channels": [["Softmax", ["c"], ["a"], { axis: 1 }]],
    "leaky and parametric": [
      ["LeakyRelu", ["c"], ["l"], { alpha: 0.3 }],
      ["PRelu", ["l", "slope"], ["a"]],
    ],
    "padding below zero, then a maximum": [
      ["Pad", ["c", "pads", "minus"], ["padded"]],
      ["MaxPool", ["padded"], ["a"], { kernel_shape: [3, 3] }],
    ],
  };
  for (const [name, nodes] of Object.entries(functions)) {
    it(`is complete through ${name}, and through a softmax that is explained itself`, async () => {
      const file = writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 5, 5] },
          constants: {
            w: floats([4, 2, 3, 3], numbers(72)),
            b: floats([4], numbers(4)),
            one: floats([4], [1, 2, 3, 4]),
            slope: floats([4, 1, 1], [0.1, 0.2, 0.3, -0.4]),
            low: floats([], [0]),
            high: floats([], [0.7]),
            pads: ints(0, 0, 1, 1, 0, 0, 1, 1),
            minus: floats([], [-0.3]),
            head: floats(
              [3, 4, 3, 3],
              numbers(108).map((value) => value / 5),
            ),
          },
          nodes: [
            ["Conv", ["x", "w", "b"], ["c"]],
            ...nodes,
            ["Conv", ["a", "head"], ["h"]],
            ["Flatten", ["h"], ["y"]],
            ["Softmax", ["y"], ["p"]],
          ],
        }),
      );
      for (const output of [undefined, "p"]) {
        for (const memory of ["fast", "low"] as const) {
          const model = await loadModel(file, { output, memory });
          const [x, from] = [image(numbers(50), 5, 5), image(numbers(50), 5, 5)];
          const { values, convergenceDelta, target } = await deepLift(model, x, { target: 2, baseline: from });
          const scores = await Promise.all(
            [x, from].map(async (input) => (await explain(model, input, { target: 2 })).target.score),
          );
          expect(target.score).toBeCloseTo(scores[0], 5);
          const slack = 2e-6 * Math.max(1, sum(values.data.map(Math.abs)));
          expect(Math.abs(sum(values.data) - (scores[0] - scores[1]))).toBeLessThan(slack);
          expect(Math.abs(convergenceDelta as number)).toBeLessThan(slack);
          expect(values.data.some((value) => Math.abs(value) > 1e-4)).toBe(true);
        }
      }
    });
  }

  it("is the difference of inputXGradient on a linear network, and zero for an input that is its own baseline", async () => {
    const model = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 3, 6, 6] },
          constants: {
            w: floats([8, 3, 3, 3], numbers(216)),
            b: floats([8], numbers(8)),
            head: floats([8, 4], numbers(32)),
          },
          nodes: [
            ["Conv", ["x", "w", "b"], ["c"]],
            ["GlobalAveragePool", ["c"], ["m"]],
            ["Flatten", ["m"], ["f"]],
            ["Gemm", ["f", "head"], ["y"]],
          ],
        }),
      ),
    );
    const [x, from] = [image(numbers(108), 6, 6), image(numbers(108), 6, 6)];
    const [a, b] = await Promise.all([x, from].map((input) => inputXGradient(model, input, { target: 3 })));
    const lifted = await deepLift(model, x, { target: 3, baseline: from });
    expect(
      distance(
        lifted.values.data,
        a.values.data.map((value, i) => value - b.values.data[i]),
      ),
    ).toBeLessThan(1e-6);
    const nothing = await deepLift(model, x, { target: 3, baseline: x });
    expect(nothing.values.data.every((value) => value === 0)).toBe(true);
    expect(nothing.notes.map(({ code }) => code)).toContain("target-equals-baseline");
  });

  it("attributes to a layer; where paths lead around it nothing is promised", async () => {
    const file = (extra: boolean): Uint8Array =>
      writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 4, 4] },
          constants: { w: floats([2, 2, 1, 1], numbers(4)), head: floats([32, 3], numbers(96)) },
          nodes: [
            ["Conv", ["x", "w"], ["c"]],
            ["Relu", ["c"], ["r"]],
            ["Add", ["r", extra ? "x" : "r"], ["a"]],
            ["Flatten", ["a"], ["f"]],
            ["Gemm", ["f", "head"], ["y"]],
          ],
        }),
      );
    const x = image(numbers(32), 4, 4);
    const inner = await deepLift(await loadModel(file(false)), x, { layer: "r", target: 0 });
    expect(inner.values.shape).toEqual([1, 4, 4, 2]);
    expect(inner.convergenceDelta).toBeCloseTo(0, 5);
    expect(
      (await deepLift(await loadModel(file(true)), x, { layer: "r", target: 0 })).convergenceDelta,
    ).toBeUndefined();
  });

  it("says of the baseline what is wrong, and of an aborted call why", async () => {
    await expect(deepLift(petshop, cat, { baseline: "grey" as Baseline })).rejects.toThrow(
      'The baseline "grey" is none of zero, black, white, mean, blur, a number or a Tensor.',
    );
    await expect(deepLift(petshop, cat, { baseline: new Tensor(new Float32Array(3), [1, 1, 1, 3]) })).rejects.toThrow(
      "The baseline is 1×1×1×3, the input is",
    );
    await expect(deepLift(petshop, cat, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});

describe("deepLiftShap", () => {
  it("is the mean of deepLift over the baselines", async () => {
    const baselines = ["black", "blur", 0.25] as const;
    const single = await Promise.all(baselines.map((baseline) => deepLift(petshop, cat, { baseline, target: 1 })));
    const seen: number[] = [];
    const shap = await deepLiftShap(petshop, cat, { baselines, target: 1, onProgress: (done) => seen.push(done) });
    const mean = single[0].values.data.map((_, i) => sum(single.map(({ values }) => values.data[i])) / 3);
    expect(distance(shap.values.data, mean)).toBeLessThan(1e-6);
    expect(Math.abs(shap.convergenceDelta as number)).toBeLessThan(1e-4);
    expect(seen).toEqual([1, 2, 3]);
    expect(shap.target).toEqual(single[0].target);
  });

  it("wants a list of baselines", async () => {
    await expect(deepLiftShap(petshop, cat, { baselines: [] })).rejects.toThrow(
      "baselines must be a list of at least one baseline (a name, a number or a Tensor), got [].",
    );
    await expect(deepLiftShap(petshop, cat, { baselines: "zero" as unknown as Baseline[] })).rejects.toThrow(
      'baselines must be a list of at least one baseline (a name, a number or a Tensor), got "zero".',
    );
  });
});

describeShared("deepLift on real networks", () => {
  const load = (name: string, inputShape?: readonly number[]): Promise<Model> =>
    loadModel(readShared(`models/${name}.onnx`), { inputShape });

  it("is complete on SqueezeNet's overlapping pools, a ResNet, MobileNetV2's ReLU6 and gates of squeeze and excitation", async () => {
    const photograph = await decodeImage(readShared("images/chelsea.png"));
    const models = await Promise.all([
      load("squeezenet1.0-dc-imagenet"),
      load("resnet20-cifar10-bn"),
      load("mobilenet-v2-1.0-224-imagenet"),
      load("ppocr-mobile-v2-cls", [1, 3, 48, 192]),
    ]);
    for (const model of models) {
      const { values, convergenceDelta, target } = await deepLift(model, photograph, { baseline: "mean" });
      const largest = Math.max(Math.abs(target.score), sum(values.data.map(Math.abs)) / 100);
      expect(Math.abs(convergenceDelta as number) / largest, model.name).toBeLessThan(1e-4);
    }
  });

  it("names every max-unpooling that it cannot pass", async () => {
    const model = await load("enet-camvid-maxunpool-bn", [1, 3, 64, 96]);
    const x = new Tensor(new Float32Array(64 * 96 * 3).fill(0.5), [1, 64, 96, 3]);
    const error = await deepLift(model, x).catch((reason: Error) => reason);
    expect(error).toMatchObject({
      name: "UnsupportedOperatorError",
      operators: [{ op: "MaxUnpool" }, { op: "MaxUnpool" }],
    });
    expect((error as Error).message).toMatch(
      /^deep-lift cannot pass 2 operations of this network: MaxUnpool .*integrated-gradients\.$/,
    );
  });
});
