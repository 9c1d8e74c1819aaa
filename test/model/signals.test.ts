/** Networks over signals, `[1, C, L]`: every method against plain float64 loops. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  cam,
  deconvnet,
  explain,
  gradCam,
  guidedBackprop,
  heatmap,
  inputXGradient,
  inspect,
  integratedGradients,
  LayerError,
  loadModel,
  type Model,
  maximizeActivation,
  methodNames,
  OptionError,
  occlusion,
  projectActivation,
  saliency,
  TargetError,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers, runReference } from "../graph/build";
import * as naive from "./naive-signal-network";

const channels = 2;
const length = 48;
const random = randomIntegers(11);
const numbers = (...shape: number[]): number[] => Array.from(randomFloats(random, shape).floats());
const positive = (count: number): number[] => numbers(count).map((value) => Math.abs(value) + 0.3);

const stem: naive.Layer[] = [
  { op: "conv", weight: numbers(6, 2, 5), shape: [6, 2, 5], bias: numbers(6), stride: 1, pad: 2 },
  { op: "norm", scale: positive(6), shift: numbers(6), mean: numbers(6), variance: positive(6) },
  { op: "relu" },
  { op: "pool", kernel: 2, stride: 2 },
  { op: "conv", weight: numbers(7, 6, 3), shape: [7, 6, 3], bias: numbers(7), stride: 1, pad: 1 },
  { op: "relu" },
];
const networks = {
  averaging: [...stem, { op: "mean" }, { op: "dense", weight: numbers(3, 7), bias: numbers(3) }],
  flattening: [
    { op: "conv", weight: numbers(5, 2, 7), shape: [5, 2, 7], bias: numbers(5), stride: 2, pad: 3 },
    { op: "norm", scale: positive(5), shift: numbers(5), mean: numbers(5), variance: positive(5) },
    { op: "relu" },
    { op: "pool", kernel: 3, stride: 2 },
    { op: "dense", weight: numbers(3, 55), bias: numbers(3) },
  ],
} satisfies Record<string, naive.Layer[]>;

const data = Float32Array.from(numbers(channels, length));
const x = new Tensor(data, [1, channels, length]);
const target = 1;

/** The network as an ONNX file; nodes are named n0, n1, …. */
function fileOf(layers: readonly naive.Layer[]): Uint8Array {
  return writeOnnx(naive.graphOfLayers(layers, [1, channels, length]));
}

function expectAlike(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-5): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(1e-9, ...Array.from(expected, Math.abs));
  Array.from(expected).forEach((value, i) => {
    expect(Math.abs(actual[i] - value) / largest, `element ${i}`).toBeLessThan(tolerance);
  });
}

for (const [name, layers] of Object.entries(networks)) {
  describe(`a network over signals, ${name}`, () => {
    let model: Model;
    beforeAll(async () => {
      model = await loadModel(fileOf(layers));
    });
    const score = (values: ArrayLike<number>): number =>
      naive.forward(layers, Array.from(values), channels).scores[target];
    const gradient = (values: ArrayLike<number>, rule: naive.Rule = "gradient"): number[] =>
      naive.gradientOf(layers, Array.from(values), channels, target, rule);

    it("predicts as onnxruntime does", async () => {
      expect(model.input.shape).toEqual([1, channels, length]);
      const { output } = await model.run(x);
      expectAlike(output.data, naive.forward(layers, Array.from(data), channels).scores);
      const graph = naive.graphOfLayers(layers, [1, channels, length]);
      const reference = await runReference(graph, { x: floats([1, channels, length], data) });
      expectAlike(output.data, reference[graph.outputs[0]].data as Float32Array);
    });

    it("saliency, inputXGradient, deconvnet, guidedBackprop", async () => {
      const plain = gradient(data);
      expectAlike((await saliency(model, x, { target })).values.data, plain);
      const products = plain.map((value, i) => value * data[i]);
      expectAlike((await inputXGradient(model, x, { target })).values.data, products);
      expectAlike((await deconvnet(model, x, { target })).values.data, gradient(data, "deconvnet"));
      expectAlike((await guidedBackprop(model, x, { target })).values.data, gradient(data, "guided"));
      expect((await saliency(model, x, { target })).values.shape).toEqual([1, channels, length]);
    });

    it("integratedGradients", async () => {
      const baseline = new Tensor(Float32Array.from(numbers(channels, length)), x.shape);
      const steps = 20;
      const sums = new Array<number>(data.length).fill(0);
      for (let step = 0; step < steps; step++) {
        const alpha = (step + 0.5) / steps;
        const at = data.map((value, i) => baseline.data[i] + alpha * (value - baseline.data[i]));
        gradient(at).forEach((value, i) => {
          sums[i] += value / steps;
        });
      }
      const expected = sums.map((value, i) => value * (data[i] - baseline.data[i]));
      const options = { target, baseline, nSteps: steps, rule: "riemann-middle" } as const;
      const { values, convergenceDelta } = await integratedGradients(model, x, options);
      expectAlike(values.data, expected);
      const gap = values.data.reduce((a, b) => a + b, 0) - (score(data) - score(baseline.data));
      expect(convergenceDelta).toBeCloseTo(gap, 4);
    });

    it("occlusion, its window one number; of a black box the same", async () => {
      const [window, stride] = [9, 4];
      const [drop, cover] = [new Array<number>(length).fill(0), new Array<number>(length).fill(0)];
      for (let k = 0; k < Math.ceil((length - window) / stride) + 1; k++) {
        const covers = (t: number): boolean => t >= k * stride && t < k * stride + window;
        const loss = score(data) - score(data.map((value, i) => (covers(i % length) ? 0.25 : value)));
        for (let t = 0; t < length; t++) {
          if (!covers(t)) continue;
          drop[t] += loss;
          cover[t]++;
        }
      }
      const expected = Array.from(data, (_, i) => drop[i % length] / cover[i % length]);
      const options = { target, window, stride, value: 0.25 };
      const own = await occlusion(model, x, options);
      expectAlike(own.values.data, expected);
      expect(own.values.shape).toEqual([1, channels, length]);
      expect((await occlusion(model, x, { ...options, window: [1, 9], stride: [1, 4] })).values).toEqual(own.values);
      const shapes = new Set<string>();
      const blackBox = async (batch: Tensor): Promise<Float32Array> => {
        shapes.add(batch.shape.slice(1).join());
        const size = channels * length;
        const rows = Array.from({ length: batch.shape[0] }, (_, n) => batch.data.slice(n * size, (n + 1) * size));
        return Float32Array.from(rows.flatMap((row) => naive.forward(layers, Array.from(row), channels).scores));
      };
      const foreign = await occlusion(blackBox, x, options);
      expectAlike(foreign.values.data, expected);
      expect([...shapes]).toEqual([`${channels},${length}`]);
      // Per channel: a tensor as the value lies in the tensor's own order.
      const value = new Tensor(
        data.map((v, i) => (i < length ? v : 0)),
        x.shape,
      );
      expectAlike(
        (await occlusion(blackBox, x, { ...options, value })).values.data,
        (await occlusion(model, x, { ...options, value })).values.data,
      );
    });

    it("gradCam, and cam where the network allows it", async () => {
      const { values: maps } = naive.forward(layers, Array.from(data), channels);
      const last = layers.findLastIndex(({ op }) => op === "relu" || op === "pool");
      const map = maps[last + 1];
      const slopes = naive.gradientAt(layers, Array.from(data), channels, target, last + 1);
      const weights = slopes.map((channel) => channel.reduce((a, b) => a + b, 0) / channel.length);
      const expected = map[0].map((_, t) => map.reduce((sum, channel, k) => sum + weights[k] * channel[t], 0));
      const found = await gradCam(model, x, { target, layer: `n${last}` });
      expectAlike(found.values.data, expected);
      expect(found.values.shape).toEqual([1, 1, map[0].length, 1]);
      expect((await gradCam(model, x, { target })).layer).toBe(`n${last}`);
      if (name === "flattening") {
        await expect(cam(model, x, { target })).rejects.toThrow(LayerError);
        return;
      }
      const exact = await cam(model, x, { target });
      expectAlike(
        exact.values.data,
        expected.map((value) => value * map[0].length),
      );
      expect(Math.abs(exact.convergenceDelta ?? 1)).toBeLessThan(1e-5);
    });

    it("projectActivation", async () => {
      const { values } = naive.forward(layers, Array.from(data), channels);
      const at = layers.findIndex(({ op }) => op === "pool");
      const unit = values[at + 1].map((channel) => Math.max(...channel)).indexOf(Math.max(...values[at + 1].flat()));
      const channel = values[at + 1][unit];
      const place = channel.indexOf(Math.max(...channel));
      const seed = values[at + 1].map((row, k) => row.map((value, t) => (k === unit && t === place ? value : 0)));
      const expected = naive.backward(layers.slice(0, at + 1), values, seed, 0, "deconvnet");
      const { image, kept } = await projectActivation(model, x, { layer: `n${at}`, unit });
      expectAlike(image.data, expected.flat());
      expect(image.shape).toEqual([1, channels, length]);
      expect(kept[0]).toMatchObject({ unit, position: [0, place] });
      const named = await projectActivation(model, x, { layer: `n${at}`, unit, position: place });
      expect(named.image).toEqual(image);
    });

    it("maximizeActivation", async () => {
      const [stepSize, l2] = [0.3, 0.02];
      const { image, objective } = await maximizeActivation(model, { target, start: x, steps: 1, stepSize, l2 });
      const slope = gradient(data);
      expectAlike(
        image.data,
        Array.from(data, (value, i) => value + stepSize * (slope[i] - 2 * l2 * value)),
      );
      expect(image.shape).toEqual([1, channels, length]);
      expect(objective[0]).toBeCloseTo(score(data) - l2 * data.reduce((sum, value) => sum + value * value, 0), 4);
    });

    it("a neuron, its position one number", async () => {
      const at = layers.findIndex(({ op }) => op === "pool");
      const neuron = { layer: `n${at}`, unit: 2, position: 6 } as const;
      const { values } = naive.forward(layers, Array.from(data), channels);
      const seed = values[at + 1].map((row, k) => row.map((_, t) => Number(k === 2 && t === 6)));
      const expected = naive.backward(layers.slice(0, at + 1), values, seed, 0, "gradient");
      const found = await saliency(model, x, { target: neuron });
      expectAlike(found.values.data, expected.flat());
      const nothing = found.values.data.every((value) => value === 0);
      expect(found.notes.map(({ code }) => code)).toEqual(nothing ? ["nothing-flows"] : []);
      expect((await saliency(model, x, { target: { ...neuron, position: [0, 6] } })).values).toEqual(found.values);
      const first = await saliency(model, x, { target: { ...neuron, position: 0 } });
      expect(first.notes.map(({ code }) => code)).not.toContain("unit-position");
      const strongest = values[at + 1][2].indexOf(Math.max(...values[at + 1][2]));
      const note = (await saliency(model, x, { target: { layer: `n${at}`, unit: 2 } })).notes[0].message;
      expect(note).toContain(`where it is strongest, ${strongest}, is explained`);
    });

    it("every method by name gives finite values and a heatmap one row high", async () => {
      for (const method of methodNames) {
        if (method === "cam" && name === "flattening") continue;
        const attribution = await explain(model, x, { method, target });
        expect(attribution.values.data.every(Number.isFinite), method).toBe(true);
        const input = [1, channels, length];
        const grid = [1, 1, attribution.values.shape.at(-2), 1];
        expect([input, grid], method).toContainEqual([...attribution.values.shape]);
        const { width, height } = heatmap(attribution);
        expect([width, height], method).toEqual([length, 1]);
      }
    });
  });
}

describe("signals", () => {
  it("at an output that is itself a signal: a position, a mask", async () => {
    const graph = graphOf({
      inputs: { x: [1, channels, length] },
      constants: { w: randomFloats(randomIntegers(2), [3, channels, 5]) },
      nodes: [["Conv", ["x", "w"], ["y"], { kernel_shape: [5], pads: [2, 2] }]],
    });
    const model = await loadModel(writeOnnx(graph));
    const { values } = await saliency(model, x, { target: { position: 20, channel: 1 } });
    const weight = randomFloats(randomIntegers(2), [3, channels, 5]).floats();
    const expected = Array.from({ length: channels * length }, (_, i) => {
      const [c, k] = [Math.floor(i / length), (i % length) - 18];
      return k >= 0 && k < 5 ? weight[(channels + c) * 5 + k] : 0;
    });
    expectAlike(values.data, expected);
    const mask = Uint8Array.from({ length }, (_, t) => Number(t === 20));
    expect((await saliency(model, x, { target: { mask, channel: 1 } })).values).toEqual(values);
    await expect(saliency(model, x, { target: { position: 48, channel: 1 } })).rejects.toThrow(
      /Target position 48: the output 1×3×48 has positions 0 to 47/,
    );
    await expect(saliency(model, x, { target: { position: [1] as never, channel: 1 } })).rejects.toThrow(TargetError);
  });

  it("say what is wrong in their own words", async () => {
    const model = await loadModel(fileOf(networks.averaging));
    await expect(occlusion(model, x, { window: 60 })).rejects.toThrow(/window 60 is larger than the input, 48/);
    await expect(occlusion(model, x, { window: 4, stride: 5 })).rejects.toThrow(
      /stride 5 is larger than the window, 4: samples/,
    );
    await expect(occlusion(model, x, { window: 2.5 })).rejects.toThrow(OptionError);
    await expect(occlusion(model, x, { window: 2.5 })).rejects.toThrow(
      /window must be a whole number of at least 1, got 2.5/,
    );
    await expect(saliency(model, new Tensor(new Float32Array(96), [1, 1, 96]))).rejects.toThrow(
      /takes a tensor of 1×2×48/,
    );
    await expect(integratedGradients(model, x, { baseline: "white" })).rejects.toThrow(
      /black and white are for images/,
    );
    expect(inspect(model).camLayers[0]).toEqual({ layer: "n5", shape: [1, 1, 24, 7] });
  });
});
