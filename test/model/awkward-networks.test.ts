/** Networks on which engines go wrong: odd ranks, skip connections, unpooling far from its pool, heads and inputs of other tools. */
import { describe, expect, it } from "vitest";
import type { Constant, Graph } from "../../src/graph/ir";
import {
  explain,
  gradCam,
  inspect,
  integratedGradients,
  LayerError,
  loadModel,
  type Model,
  OptionError,
  occlusion,
  saliency,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";

const random = randomIntegers(5);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);
const noise = (shape: readonly number[]): Float32Array => weights(...shape).floats();
const conv = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };

/** The network's output and that of onnxruntime for one N×C×H×W input. */
async function both(
  graph: Graph,
  shape: readonly [number, number, number, number],
): Promise<[Float32Array, Float32Array, Model]> {
  const data = noise(shape);
  const model = await loadModel(writeOnnx(graph));
  const expected = await runReference(graph, { x: floats(shape, data) });
  const { output } = await model.run(Tensor.fromNCHW(data, shape));
  const actual = output.shape.length === 4 ? output.toNCHW() : output.data;
  return [actual, Float32Array.from(expected[graph.outputs[0]].data as Float32Array), model];
}

const expectAlike = (actual: Float32Array, expected: Float32Array): void => {
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-6);
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]) / largest).toBeLessThan(2e-5);
  });
};

describe("values of rank 5", () => {
  const between = (op: string, constants: Record<string, Constant>): Graph =>
    graphOf({
      inputs: { x: [1, 4, 4, 4] },
      constants: { wide: ints(1, 4, 2, 2, 4), flat: ints(1, 64), ...constants },
      nodes: [
        ["Reshape", ["x", "wide"], ["a"]],
        [op, ["a", ...Object.keys(constants)], ["b"]],
        ["Reshape", ["b", "flat"], ["y"]],
      ],
    });
  const four = (): Constant => floats([4], [0.5, 1.5, 2, 0.7]);
  for (const [op, constants] of [
    ["BatchNormalization", { scale: four(), bias: four(), mean: four(), variance: four() }],
    ["InstanceNormalization", { scale: four(), bias: four() }],
    ["PRelu", { slope: floats([4, 1, 1, 1], [0.1, 0.2, 0.3, 0.4]) }],
  ] as const) {
    it(`in ${op}`, async () => {
      const [actual, expected] = await both(between(op, constants), [1, 4, 4, 4]);
      expectAlike(actual, expected);
    });
  }
});

describe("max-unpooling", () => {
  it("runs a pool whose own output nobody reads", async () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { w: weights(3, 3, 3, 3) },
      nodes: [
        ["MaxPool", ["x"], ["p", "indices"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Conv", ["x", "w"], ["c"], { ...conv, strides: [2, 2] }],
        ["MaxUnpool", ["c", "indices"], ["u"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Relu", ["u"], ["y"]],
      ],
    });
    const [actual, expected] = await both(graph, [1, 3, 8, 8]);
    expectAlike(actual, expected);
  });

  it("needs the pool, so a path cannot start between them", async () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { w1: weights(4, 3, 3, 3), w2: weights(4, 4, 3, 3) },
      nodes: [
        ["Conv", ["x", "w1"], ["c"], conv],
        ["MaxPool", ["c"], ["p", "indices"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Conv", ["p", "w2"], ["mid"], conv],
        ["MaxUnpool", ["mid", "indices"], ["y"], { kernel_shape: [2, 2], strides: [2, 2] }],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    const x = Tensor.fromNCHW(noise([1, 3, 8, 8]), [1, 3, 8, 8]);
    await expect(integratedGradients(model, x, { target: 0, layer: "mid" })).rejects.toThrow(
      /other paths lead around that layer/,
    );
    expect((await integratedGradients(model, x, { target: 0 })).values.data.some((value) => value !== 0)).toBe(true);
  });
});

describe("layers and targets", () => {
  const residual = graphOf({
    inputs: { x: [1, 3, 8, 8] },
    constants: { w1: weights(4, 3, 3, 3), w2: weights(4, 4, 3, 3) },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"], conv],
      ["Relu", ["c1"], ["r1"]],
      ["Conv", ["r1", "w2"], ["c2"], conv],
      ["Add", ["r1", "c2"], ["sum"]],
      ["GlobalAveragePool", ["sum"], ["gap"]],
      ["Flatten", ["gap"], ["y"]],
    ],
  });
  const x = Tensor.fromNCHW(noise([1, 3, 8, 8]), [1, 3, 8, 8]);

  it("a path cannot start at a layer that a skip connection leads around", async () => {
    const model = await loadModel(writeOnnx(residual));
    await expect(integratedGradients(model, x, { target: 0, layer: "c2" })).rejects.toThrow(LayerError);
    const atSum = await integratedGradients(model, x, { target: 0, layer: "sum" });
    expect(Math.abs(atSum.convergenceDelta as number)).toBeLessThan(1e-5);
  });

  it("a layer after the target is refused, and none is suggested", async () => {
    const model = await loadModel(writeOnnx(residual));
    const target = { layer: "c1", unit: 0 };
    await expect(saliency(model, x, { target, layer: "c2" })).rejects.toThrow(/does not depend on layer "c2"/);
    await expect(gradCam(model, x, { target })).rejects.toThrow(/No layer of .* before the target/);
    const later = await gradCam(model, x, { target: { layer: "c2", unit: 0 } });
    expect(later.layer).toBe("r1");
  });

  it("a segmenter's mask is not its own CAM layer", async () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { w1: weights(4, 3, 3, 3), w2: weights(2, 4, 3, 3) },
      nodes: [
        ["Conv", ["x", "w1"], ["c1"], conv],
        ["Relu", ["c1"], ["r1"]],
        ["Conv", ["r1", "w2"], ["c2"], conv],
        ["Sigmoid", ["c2"], ["mask"]],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    expect(inspect(model).camLayers[0].layer).toBe("r1");
    expect((await gradCam(model, x, { target: 1 })).values.data.some((value) => value !== 0)).toBe(true);
  });
});

describe("heads and inputs as other tools write them", () => {
  it("a softmax is seen through a reshape", async () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { w: weights(5, 3, 1, 1) },
      nodes: [
        ["Conv", ["x", "w"], ["c"], { kernel_shape: [1, 1] }],
        ["GlobalAveragePool", ["c"], ["gap"]],
        ["Softmax", ["gap"], ["p"], { axis: 1 }],
        ["Flatten", ["p"], ["y"]],
      ],
    });
    const [probabilities, expected, model] = await both(graph, [1, 3, 8, 8]);
    expectAlike(probabilities, expected);
    expect(model.output.name).toBe("gap");
    const predictions = await model.predict(new Tensor(new Float32Array(192).fill(0.5), [1, 8, 8, 3]), { top: 5 });
    expect(predictions.reduce((total, { probability }) => total + probability, 0)).toBeCloseTo(1, 5);
  });

  it("images channels last, transposed by the first node", async () => {
    const w = weights(4, 3, 3, 3);
    const tail: [string, string[], string[], Record<string, never>?][] = [
      ["GlobalAveragePool", ["c"], ["gap"]],
      ["Flatten", ["gap"], ["y"]],
    ];
    const last = graphOf({
      inputs: { x: [1, 6, 8, 3] },
      constants: { w },
      nodes: [["Transpose", ["x"], ["t"], { perm: [0, 3, 1, 2] }], ["Conv", ["t", "w"], ["c"], conv], ...tail],
    });
    const model = await loadModel(writeOnnx(last));
    expect(model.input.shape).toEqual([1, 6, 8, 3]);
    const data = noise([1, 6, 8, 3]);
    const expected = await runReference(last, { x: floats([1, 6, 8, 3], data) });
    expectAlike(
      (await model.run(new Tensor(data, [1, 6, 8, 3]))).output.data,
      Float32Array.from(expected.y.data as Float32Array),
    );
    const picture = { data: new Uint8Array(6 * 8 * 3).fill(99), width: 8, height: 6 };
    expect((await explain(model, picture, { method: "saliency" })).inputSize).toEqual({ width: 8, height: 6 });
  });

  it("a file made for a batch runs one sample; asking for a batch is refused", async () => {
    const graph = graphOf({
      inputs: { x: [2, 3, 8, 8] },
      constants: { w: weights(4, 3, 3, 3) },
      nodes: [
        ["Conv", ["x", "w"], ["c"], conv],
        ["GlobalAveragePool", ["c"], ["g"]],
        ["Flatten", ["g"], ["y"]],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    expect(model.output.shape).toEqual([1, 4]);
    expect(model.notes.find(({ code }) => code === "batch-of-one")?.message).toMatch(/fixes 2 samples for "x"/);
    const ofOne = await loadModel(writeOnnx({ ...graph, inputs: [{ name: "x", shape: [1, 3, 8, 8] }] }));
    const ofAny = await loadModel(writeOnnx({ ...graph, inputs: [{ name: "x", shape: [null, 3, 8, 8] }] }));
    for (const { notes } of [ofOne, ofAny]) expect(notes.map(({ code }) => code)).not.toContain("batch-of-one");
    await expect(loadModel(writeOnnx(graph), { inputShape: [2, 3, 8, 8] })).rejects.toThrow(/one sample at a time/);
  });
});

describe("calls that cannot be meant", () => {
  const wrong: readonly (readonly [string, (model: Model, x: Tensor) => Promise<unknown>, RegExp])[] = [
    [
      "a stride larger than the window",
      (m, x) => occlusion(m, x, { window: [8, 8], stride: [20, 20] }),
      /stride 20×20 is larger than the window/,
    ],
    [
      "a window that is half a pixel",
      (m, x) => occlusion(m, x, { window: 1.5 }),
      /window must be a whole number of at least 1, or two .* got 1\.5/,
    ],
    [
      "a baseline that is not a number",
      (m, x) => integratedGradients(m, x, { baseline: Number.NaN }),
      /baseline has values that are not finite/,
    ],
    ["no target", (m, x) => saliency(m, x, { target: null as never }), /A target is a class index, a label/],
    [
      "a position that is one number",
      (m, x) => saliency(m, x, { target: { layer: "conv1", unit: 0, position: 3 as never } }),
      /two numbers \[y, x\]/,
    ],
    ["a layer that is a number", (m, x) => gradCam(m, x, { layer: 5 as never }), /layer must be a name, got 5/],
    ["a method that is null", (m, x) => explain(m, x, { method: null as never }), /There is no method null/],
    ["no class at all", (m, x) => m.predict(x, { top: 0 }), /top must be a whole number of at least 1/],
    ["a capture that is no list", (m, x) => m.run(x, { capture: "fc" as never }), /capture is a list/],
    ["an output that is a number", () => loadModel(undefined, { output: 5 as never }), /output is the name/],
    ["a shape that is text", () => loadModel(undefined, { inputShape: "x" as never }), /inputShape is a list/],
  ];
  for (const [name, call, message] of wrong) {
    it(name, async () => {
      const model = await loadModel();
      const x = new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]);
      await expect(call(model, x)).rejects.toThrow(message);
      await expect(call(model, x)).rejects.not.toThrow(TypeError);
    });
  }

  it("a mean that is no list", async () => {
    await expect(loadModel(undefined, { preprocess: { mean: "0.5" as never } })).rejects.toThrow(OptionError);
  });

  it("part of the preprocessing leaves the rest as the file says", async () => {
    const picture = { data: new Uint8Array(96 * 96 * 3).fill(200), width: 96, height: 96 };
    const [plain, stretched] = [await loadModel(), await loadModel(undefined, { preprocess: { fit: "stretch" } })];
    expect(await stretched.predict(picture)).toEqual(await plain.predict(picture));
  });
});
