import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { cam, decodeImage, explain, type ImageLike, loadModel, type Model, reciproCam, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";

let model: Model;
let photo: ImageLike;
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  photo = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
});

it("is CAM up to scale behind the last maps of a network with global average pooling", async () => {
  for (const target of ["cat", "dog"]) {
    const [recipro, exact] = [await reciproCam(model, photo, { target }), await cam(model, photo, { target })];
    expect(recipro.layer).toBe(exact.layer);
    expect(recipro.values.shape).toEqual(exact.values.shape);
    const places = exact.values.data.length;
    const largest = Math.max(...exact.values.data.map(Math.abs)) / places;
    exact.values.data.forEach((value, i) => {
      expect(Math.abs(recipro.values.data[i] - value / places) / largest).toBeLessThan(1e-4);
    });
  }
});

it("weighs the neighbours with a Gaussian", async () => {
  const plain = (await reciproCam(model, photo)).values;
  const smooth = (await reciproCam(model, photo, { gaussian: true })).values;
  const [, h, w] = plain.shape;
  const shares = [4, 2, 1].map((part) => part / 16);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let row = Math.max(0, y - 1); row <= Math.min(h - 1, y + 1); row++)
        for (let column = Math.max(0, x - 1); column <= Math.min(w - 1, x + 1); column++)
          sum += shares[Math.abs(row - y) + Math.abs(column - x)] * plain.data[row * w + column];
      expect(smooth.data[y * w + x]).toBeCloseTo(sum, 4);
    }
  }
});

it("weighs the neighbours of a volume in all three directions", async () => {
  const random = randomIntegers(3);
  const size = [3, 4, 5];
  const volumes = await loadModel(
    writeOnnx(
      graphOf({
        inputs: { x: [1, 1, ...size] },
        constants: { w: randomFloats(random, [4, 1, 1, 1, 1]), l: randomFloats(random, [4, 2]) },
        nodes: [
          ["Conv", ["x", "w"], ["maps"], { kernel_shape: [1, 1, 1] }],
          ["GlobalAveragePool", ["maps"], ["gap"]],
          ["Flatten", ["gap"], ["flat"]],
          ["MatMul", ["flat", "l"], ["y"]],
        ],
      }),
    ),
  );
  const x = new Tensor(
    Float32Array.from({ length: 60 }, (_, i) => Math.sin(i * i)),
    [1, 1, ...size],
  );
  const options = { target: 1, layer: "maps" };
  const plain = (await reciproCam(volumes, x, options)).values;
  const { data } = (await reciproCam(volumes, x, { ...options, gaussian: true })).values;
  expect(plain.shape).toEqual([1, ...size, 1]);
  const share = (step: number) => (step === 0 ? 2 : Math.abs(step) === 1 ? 1 : 0) / 4;
  const at = (i: number) => [Math.floor(i / 20), Math.floor(i / 5) % 4, i % 5];
  data.forEach((value, i) => {
    const [z, y, x] = at(i);
    const sum = plain.data.reduce((total, each, k) => {
      const [front, row, column] = at(k);
      return total + share(front - z) * share(row - y) * share(column - x) * each;
    }, 0);
    expect(value).toBeCloseTo(sum, 5);
  });
});

it("does the same whatever the batch, and at earlier layers keeps one place of them", async () => {
  const one = await reciproCam(model, photo, { layer: "relu4", batchSize: 1 });
  const many = await explain(model, photo, { method: "recipro-cam", layer: "relu4", batchSize: 7 });
  expect(many.values.data).toEqual(one.values.data);
  const [, h, w, c] = (await model.run(photo, { capture: ["relu4"] })).activations.get("relu4")?.shape ?? [];
  expect(one.values.shape).toEqual([1, h, w, 1]);
  const score = async (place: number) => {
    const mask = Uint8Array.from({ length: h * w }, (_, i) => Number(i !== place));
    const all = await model.predict(photo, { top: 8, intervene: [{ layer: "relu4", mask }] });
    return all.find(({ index }) => index === one.target.index)?.score ?? Number.NaN;
  };
  expect(c).toBeGreaterThan(1);
  const none = await score(-1);
  for (const place of [0, 17, h * w - 1]) expect(one.values.data[place]).toBeCloseTo((await score(place)) - none, 4);
});
