import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Attribute, Graph } from "../../src/graph/ir";
import { cam, decodeImage, LayerError, loadModel, OptionError, Tensor, toCamModel } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

type Nodes = [string, string[], string[], Record<string, Attribute>?][];

/** Maps [1, 4, 3, 2] of an input [1, 2, 7, 5], without padding so that windows of a larger input see the same. */
const trunk: Nodes = [
  ["Sub", ["x", "mean"], ["centred"]],
  ["Conv", ["centred", "w0", "b0"], ["c0"], { kernel_shape: [2, 2] }],
  ["Relu", ["c0"], ["r0"]],
  ["MaxPool", ["r0"], ["p0"], { kernel_shape: [2, 2], strides: [2, 2] }],
];
const random = randomIntegers(11);
const weights = {
  mean: randomFloats(random, [1, 2, 1, 1]),
  w0: randomFloats(random, [4, 2, 2, 2]),
  b0: randomFloats(random, [4]),
  w1: randomFloats(random, [24, 5]),
  w1t: randomFloats(random, [5, 24]),
  b1: randomFloats(random, [5]),
  w2: randomFloats(random, [5, 3]),
  b2: randomFloats(random, [3]),
  w2t: randomFloats(random, [3, 5]),
  slope: randomFloats(random, [5]),
  one: floats([], [1.5]),
  row: randomFloats(random, [1, 5]),
  scale: randomFloats(random, [5]),
  variance: floats([5], [0.5, 1, 2, 0.3, 0.9]),
  rows: ints(-1, 24),
};

/** Heads as exporters write them: PyTorch, Keras through tf2onnx, with everything that may stand between two layers. */
const heads: Record<string, Nodes> = {
  "Flatten, Gemm, Gemm": [
    ["Flatten", ["p0"], ["f"]],
    ["Gemm", ["f", "w1t", "b1"], ["h1"], { transB: 1, alpha: 0.5, beta: 2 }],
    ["Relu", ["h1"], ["a1"]],
    ["Dropout", ["a1"], ["d1"]],
    ["Gemm", ["d1", "w2", "b2"], ["y"]],
  ],
  "Transpose, Reshape, MatMul, Add": [
    ["Transpose", ["p0"], ["t"], { perm: [0, 2, 3, 1] }],
    ["Reshape", ["t", "rows"], ["f"]],
    ["MatMul", ["f", "w1"], ["m1"]],
    ["Add", ["m1", "b1"], ["h1"]],
    ["Tanh", ["h1"], ["a1"]],
    ["MatMul", ["a1", "w2"], ["m2"]],
    ["Add", ["b2", "m2"], ["l"]],
    ["Softmax", ["l"], ["y"], { axis: -1 }],
  ],
  "rectifier after the flatten, batch norm, PRelu and constants between the layers": [
    ["Flatten", ["p0"], ["f"]],
    ["LeakyRelu", ["f"], ["g"], { alpha: 0.1 }],
    ["Gemm", ["g", "w1"], ["h1"]],
    ["BatchNormalization", ["h1", "scale", "b1", "slope", "variance"], ["n1"]],
    ["PRelu", ["n1", "slope"], ["a1"]],
    ["Mul", ["a1", "one"], ["s1"]],
    ["Sub", ["row", "s1"], ["o1"]],
    ["Unsqueeze", ["o1", "axes"], ["u1"]],
    ["Squeeze", ["u1", "axes"], ["v1"]],
    ["Gemm", ["v1", "w2t", "b2"], ["y"], { transB: 1 }],
  ],
};

const network = (head: Nodes): Graph =>
  graphOf({
    inputs: { x: ["N", 2, 7, 5] },
    constants: { ...weights, axes: ints(2) },
    nodes: [...trunk, ...head],
    outputs: ["y"],
  });

/** Rows and columns [top, top + 7) × [left, left + 5) of [1, 2, h, w]. */
const crop = (data: ArrayLike<number>, h: number, w: number, top: number, left: number) =>
  floats(
    [1, 2, 7, 5],
    Array.from({ length: 70 }, (_, i) => {
      const [c, y, x] = [Math.floor(i / 35), Math.floor(i / 5) % 7, i % 5];
      return data[(c * h + top + y) * w + left + x];
    }),
  );

const numbers = (data: ArrayLike<number | bigint>): number[] => Array.from(data, Number);

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-5): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...Array.from(expected, Math.abs));
  Array.from(actual).forEach((value, i) => {
    expect(Math.abs(value - expected[i]), `element ${i}`).toBeLessThanOrEqual(tolerance * largest);
  });
}

it.each(Object.keys(heads))(
  "%s: the same scores in onnxruntime, and every window's on a larger image",
  async (name) => {
    const graph = network(heads[name]);
    const model = await loadModel(writeOnnx(graph));
    const { onnx, model: same, report } = await toCamModel(model);
    expect(report.kind).toBe("exact");
    expect(report.notes).toEqual([expect.stringMatching(/the head fits once/)]);

    // The size it was made for, a batch of two.
    const two = randomFloats(random, [2, 2, 7, 5]);
    const [before, after] = [await runReference(graph, { x: two }), await runReference(onnx, { x: two })];
    expect(after.y.dims).toEqual([2, 3]);
    expectClose(numbers(after.y.data), numbers(before.y.data));

    // Larger: stride 2, so 11×9 holds 3×3 windows.
    const large = randomFloats(random, [1, 2, 11, 9]);
    const wide = await runReference(onnx, { x: large });
    const map = wide[Object.keys(wide).find((output) => output.endsWith("_map")) as string];
    expect(map.dims).toEqual([1, 3, 3, 3]);
    const scored = heads[name].at(-1)?.[0] === "Softmax" ? "l" : "y";
    for (const [i, top] of [0, 2, 4].entries()) {
      for (const [j, left] of [0, 2, 4].entries()) {
        const window = crop(large.floats(), 11, 9, top, left);
        const alone = await runReference({ ...graph, outputs: [scored] }, { x: window });
        const there = [0, 1, 2].map((k) => Number(map.data[k * 9 + i * 3 + j]));
        expectClose(there, numbers(alone[scored].data));
      }
    }

    // Ours: the same file, and CAM of a class is its map.
    const { model: ours } = await toCamModel(model, { inputShape: [1, 2, 11, 9] });
    const input = Tensor.fromNCHW(large.floats(), large.shape);
    expectClose((await ours.run(input)).output.data, numbers(wide.y.data));
    const attribution = await cam(ours, input, { target: 1 });
    expectClose(attribution.values.data, numbers(map.data).slice(9, 18));
    expect(Math.abs(attribution.convergenceDelta ?? 1)).toBeLessThan(1e-5);
    expect(same.input.shape).toEqual([1, 7, 5, 2]);
  },
);

it("a signal's head slides along the signal", async () => {
  const graph = graphOf({
    inputs: { x: [1, 2, 8] },
    constants: { k: randomFloats(random, [3, 2, 3]), w: randomFloats(random, [18, 4]) },
    nodes: [
      ["Conv", ["x", "k"], ["c"]],
      ["Flatten", ["c"], ["f"]],
      ["MatMul", ["f", "w"], ["y"]],
    ],
  });
  const { onnx, report } = await toCamModel(await loadModel(writeOnnx(graph)));
  expect(report.windows).toEqual({ size: [8], step: [1] });
  const long = randomFloats(random, [1, 2, 11]);
  const { y_map } = await runReference(onnx, { x: long });
  expect(y_map.dims).toEqual([1, 4, 4]);
  for (let at = 0; at < 4; at++) {
    const part = [0, 1].flatMap((c) => numbers(long.floats()).slice(c * 11 + at, c * 11 + at + 8));
    const { y } = await runReference(graph, { x: floats([1, 2, 8], part) });
    const there = [0, 1, 2, 3].map((k) => Number(y_map.data[k * 4 + at]));
    expectClose(there, numbers(y.data));
  }
});

it("every node of the head that has no counterpart is named, in one message", async () => {
  const graph = network([
    ["Flatten", ["p0"], ["f"]],
    ["Add", ["f", "perElement"], ["g"]],
    ["Gemm", ["g", "w1"], ["h1"]],
    ["Softmax", ["h1"], ["s1"]],
    ["Gemm", ["s1", "w2"], ["y"]],
  ]);
  const constants = new Map([...graph.constants, ["perElement", randomFloats(random, [24])]]);
  const model = await loadModel(writeOnnx({ ...graph, constants }));
  await expect(toCamModel(model)).rejects.toThrow(
    'cannot be rewritten as convolutions: Add "g": its constant (24) is not one number per channel; ' +
      'Softmax "s1": it mixes elements in a way that has no counterpart on a map. Give images to fit a linear head',
  );
});

it("says why a network needs no rewriting, or cannot have any", async () => {
  const petshop = await loadModel();
  await expect(toCamModel(petshop)).rejects.toThrow(LayerError);
  await expect(toCamModel(petshop)).rejects.toThrow(
    '"petshop" already ends in average pooling and linear layers: there is nothing to rewrite, cam(model, image) works as it is, at layer "relu6"',
  );
  const pooled = network([
    ["GlobalAveragePool", ["p0"], ["g"]],
    ["Flatten", ["g"], ["f"]],
    ["Gemm", ["f", "narrow"], ["h1"]],
    ["Relu", ["h1"], ["a1"]],
    ["Gemm", ["a1", "w2"], ["y"]],
  ]);
  const constants = new Map([...pooled.constants, ["narrow", randomFloats(random, [4, 5])]]);
  await expect(toCamModel(await loadModel(writeOnnx({ ...pooled, constants })))).rejects.toThrow(
    'GlobalAveragePool "g" pools all places before the hidden layers',
  );
  const map = await loadModel(writeOnnx({ ...network([]), outputs: ["p0"] }));
  await expect(toCamModel(map)).rejects.toThrow('"p0" is 1×4×3×2, not one score per class');
  const vector = graphOf({ inputs: { x: [1, 5] }, constants: weights, nodes: [["MatMul", ["x", "w2"], ["y"]]] });
  await expect(toCamModel(await loadModel(writeOnnx(vector)))).rejects.toThrow(
    'the network takes a vector ("x", 1×5), so there are no places to show',
  );
  const flat = await loadModel("models/petshop-flatten.onnx");
  await expect(toCamModel(flat, { lambda: 1, layer: "relu6" })).rejects.toThrow(
    "lambda, layer are for fitting a new head: pass images too.",
  );
  await expect(toCamModel(flat, { images: [], lambda: -1 })).rejects.toThrow(OptionError);
  await expect(toCamModel(flat, { images: [] })).rejects.toThrow("toCamModel got 0 images: 0 to fit the head to");
  const image = await scene("scene-cat-00");
  await expect(toCamModel(flat, { images: [{ image, label: "kat" }] })).rejects.toThrow(/"kat" is none of/);
  await expect(cam(flat, image)).rejects.toThrow(/toCamModel, which gives the network one/);
});

const scene = async (name: string) => decodeImage(new Uint8Array(readFileSync(`examples/images/${name}.png`)));

const scenes = JSON.parse(readFileSync("examples/images/scenes.json", "utf8")) as { file: string; label: string }[];
const labelled = async () =>
  Promise.all(scenes.map(async ({ file, label }) => ({ image: await scene(file.replace(".png", "")), label })));

it("a head fitted to images: CAM at the trained size, exact, in a file that onnxruntime runs alike", async () => {
  const model = await loadModel("models/petshop-flatten.onnx");
  const images = await labelled();
  const { model: made, onnx, report } = await toCamModel(model, { images, heldOut: images.slice(0, 3) });
  expect(report).toMatchObject({ kind: "refit", layer: "relu6", fit: { images: images.length, heldOut: 3 } });
  expect(report.steps.map(({ node, change }) => `${node}: ${change.split(":")[0]}`)).toEqual([
    "pool6: removed",
    "flatten: removed",
    "fc1: removed",
    "relu_fc1: removed",
    "fc2: removed",
    "logits_pooled: new",
    "logits_linear: new",
  ]);
  // Fitted to logits and asked about images it was fitted to, it answers as before.
  expect(report.fit).toMatchObject({ accuracy: { before: 1, after: 1 }, agreement: 1 });
  const { image } = images[0];
  const attribution = await cam(made, image, { target: "cat" });
  expect(attribution.layer).toBe("relu6");
  const bias = loaded(made).parts.graph.constants.get("logits_bias")?.floats()[1] as number;
  const mean = attribution.values.data.reduce((a, b) => a + b) / attribution.values.data.length;
  expect(mean + bias).toBeCloseTo(attribution.target.score, 4);
  expect(made.labels).toEqual(model.labels);

  const again = await loadModel(onnx);
  expect(await again.predict(image)).toEqual(await made.predict(image));
  const x = Tensor.fromNCHW(
    new Float32Array(3 * 96 * 96).map((_, i) => Math.sin(i)),
    [1, 3, 96, 96],
  );
  const { logits } = await runReference(onnx, { input: floats([1, 3, 96, 96], x.toNCHW()) });
  expectClose((await again.run(x)).output.data, numbers(logits.data));
});

it("images may come as a stream, are counted, and the work can be stopped", async () => {
  const model = await loadModel("models/petshop-flatten.onnx");
  const images = await labelled();
  async function* stream() {
    yield* images;
  }
  const seen: [number, number][] = [];
  const streamed = await toCamModel(model, { images: stream(), onProgress: (done, total) => seen.push([done, total]) });
  expect(seen).toEqual(images.map((_, i) => [i + 1, Number.POSITIVE_INFINITY]));
  expect(streamed.report.fit).toMatchObject({ images: 8, heldOut: 1 });
  const listed = await toCamModel(model, { images });
  expect(listed.onnx).toEqual(streamed.onnx);
  const labels = await toCamModel(model, { images, fit: "labels", lambda: 1e-3, layer: "pool6" });
  expect(labels.report).toMatchObject({ layer: "pool6", fit: { lambda: 1e-3 } });
  const stop = AbortSignal.abort(new Error("enough"));
  await expect(toCamModel(model, { images, signal: stop })).rejects.toThrow("enough");
});

describeShared("networks of others", () => {
  it("LeNet-5: the same logits, and each place of a larger image as if it were cut out", async () => {
    const file = readShared("models/lenet5-mnist.onnx");
    const { onnx, report } = await toCamModel(await loadModel(file));
    expect(report.steps.map(({ node }) => node)).toEqual([
      "/Flatten",
      "/fc/f6/Gemm",
      "/fc/relu6/Relu",
      "/fc/f7/Gemm",
      "logits_pooled",
    ]);
    expect(report.windows).toEqual({ size: [32, 32], step: [4, 4] });
    const digit = new Float32Array(readShared("goldens/lenet5/mnist_nine/input.bin").slice().buffer);
    const input = floats([1, 1, 32, 32], digit);
    const [before, after] = [await runReference(file, { input }), await runReference(onnx, { input })];
    expectClose(numbers(after.logits.data), numbers(before.logits.data));

    // The digit somewhere on a larger sheet; two poolings, so the head moves by four pixels.
    const sheet = new Float32Array(44 * 40);
    for (let y = 0; y < 32; y++) sheet.set(digit.subarray(y * 32, y * 32 + 32), (y + 8) * 40 + 4);
    const { logits_map } = await runReference(onnx, { input: floats([1, 1, 44, 40], sheet) });
    expect(logits_map.dims).toEqual([1, 10, 4, 3]);
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 3; column++) {
        const cut = Array.from({ length: 1024 }, (_, i) => {
          return sheet[(row * 4 + Math.floor(i / 32)) * 40 + column * 4 + (i % 32)];
        });
        const { logits } = await runReference(file, { input: floats([1, 1, 32, 32], cut) });
        const there = Array.from({ length: 10 }, (_, k) => Number(logits_map.data[k * 12 + row * 3 + column]));
        expectClose(there, numbers(logits.data));
      }
    }
    // Best where the digit is: row 2, column 1.
    const nines = numbers(logits_map.data).slice(9 * 12, 10 * 12);
    expect(nines.indexOf(Math.max(...nines))).toBe(2 * 3 + 1);
  });
});

it("the flatten pet shop on a collage: each scene's window says what the scene says alone", async () => {
  const file = new Uint8Array(readFileSync("models/petshop-flatten.onnx"));
  const model = await loadModel(file);
  const names = ["scene-cat-00", "scene-turtle-02", "scene-fish-02", "scene-rabbit-02"];
  const pictures = await Promise.all(names.map(scene));
  const collage = { width: 192, height: 192, data: new Uint8Array(192 * 192 * 4) };
  pictures.forEach(({ data, width }, i) => {
    for (let y = 0; y < 96; y++) {
      for (let x = 0; x < 96; x++) {
        const to = ((y + 96 * (i >> 1)) * 192 + x + 96 * (i & 1)) * 4;
        const channels = data.length / (96 * width);
        for (let c = 0; c < 4; c++) collage.data[to + c] = c < channels ? data[(y * width + x) * channels + c] : 255;
      }
    }
  });
  const { model: wide, onnx, report } = await toCamModel(model, { inputShape: [1, 3, 192, 192] });
  expect(report.windows).toEqual({ size: [96, 96], step: [32, 32] });
  const { activations } = await wide.run(collage, { capture: ["logits_map"] });
  const map = activations.get("logits_map") as Tensor;
  // Six steps of 32 pixels minus the window of three leave 4×4 places; the corners are the scenes.
  expect(map.shape).toEqual([1, 4, 4, 8]);
  for (const [i, name] of names.entries()) {
    const place = (i >> 1) * 3 * 4 + (i & 1) * 3;
    const scores = map.data.subarray(place * 8, place * 8 + 8);
    const [best] = await model.predict(pictures[i], { top: 1 });
    expect(name).toContain(best.label);
    expect(scores.indexOf(Math.max(...scores)), name).toBe(best.index);
  }
  // The file remembers the size it was made for, and takes others.
  expect((await loadModel(onnx)).input.shape).toEqual([1, 192, 192, 3]);
  expect((await loadModel(onnx, { inputShape: [1, 3, 96, 96] })).input.shape).toEqual([1, 96, 96, 3]);
  const input = randomFloats(random, [2, 3, 96, 96]);
  const [before, after] = [await runReference(file, { input }), await runReference(onnx, { input })];
  expectClose(numbers(after.logits.data), numbers(before.logits.data));
});

it("says what stays fixed: a size that nodes were computed for, weights that were rounded", async () => {
  const graph = network(heads["Flatten, Gemm, Gemm"]);
  const meanImage = randomFloats(random, [1, 2, 7, 5]);
  const fixed = { ...graph, constants: new Map([...graph.constants, ["mean", meanImage]]) };
  const { onnx, report } = await toCamModel(await loadModel(writeOnnx(fixed)));
  expect(report.notes[1]).toBe(
    "Nodes before the head were computed for 1×2×7×5, so the input keeps that size in the new file too.",
  );
  await expect(loadModel(onnx, { inputShape: [1, 2, 9, 9] })).rejects.toThrow(/the file fixes the shape/);
  const low = await loadModel(writeOnnx(graph), { memory: "low" });
  const { report: rounded } = await toCamModel(low);
  expect(rounded.notes[1]).toMatch(/loaded with memory 'low': the new file holds its weights as float16/);
});

it("of a model with a chosen output makes a file that explains that output", async () => {
  const nodes: Nodes = [
    ...trunk,
    ["Flatten", ["p0"], ["f"]],
    ["Gemm", ["f", "w1", "b1"], ["hidden"]],
    ["Gemm", ["hidden", "w2", "b2"], ["scores"]],
    ["ArgMax", ["scores"], ["best"], { axis: 1 }],
  ];
  const input = Tensor.fromNCHW(randomFloats(random, [1, 2, 7, 5]).floats(), [1, 2, 7, 5]);
  // Without it the first output would be one that cannot run, or another one.
  for (const outputs of [["best"], ["hidden", "scores"]]) {
    const file = writeOnnx(graphOf({ inputs: { x: [1, 2, 7, 5] }, constants: weights, nodes, outputs }));
    const chosen = await loadModel(file, { output: "scores" });
    const { model, onnx } = await toCamModel(chosen);
    const [before, after] = [await chosen.run(input), await model.run(input)];
    const again = await (await loadModel(onnx)).run(input);
    expect(after.output.data).toEqual(again.output.data);
    expect(after.output.shape).toEqual([1, 3]);
    after.output.data.forEach((value, i) => {
      expect(value).toBeCloseTo(before.output.data[i], 4);
    });
  }
});
