import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import {
  decodeImage,
  type ImageLike,
  LayerError,
  loadModel,
  type Model,
  OptionError,
  projectActivation,
  saliency,
  TargetError,
  type Tensor,
} from "../../src/index";

let model: Model;
let cat: ImageLike;
beforeAll(async () => {
  model = await loadModel();
  cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
});

it("keeps the strongest activation and says where it was", async () => {
  const { kept, image, trace, recipe } = await projectActivation(model, cat, { layer: "relu4", unit: 3 });
  const maps = (await model.run(cat, { capture: ["relu4"] })).activations.get("relu4") as Tensor;
  const [, , width, channels] = maps.shape;
  const values = maps.data.filter((_, i) => i % channels === 3);
  const best = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  expect(kept).toEqual([{ unit: 3, position: [Math.floor(best / width), best % width], value: values[best] }]);
  expect(image.shape).toEqual([1, 96, 96, 3]);
  expect(trace.map(({ layer }) => layer)).toEqual([
    ..."relu4 conv4 pool3 relu3 conv3 pool2 relu2 conv2 pool1 relu1 conv1".split(" "),
  ]);
  // The first stage holds that one activation and nothing else; no stage is wider than what the unit sees.
  expect(trace[0].values.data.filter((value) => value !== 0)).toEqual(Float32Array.of(values[best]));
  // The unit sees 38×38 of 96×96 pixels. Rounding may leave traces beside it, a millionth of the strongest value.
  const largest = image.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const reached = image.data.filter((value) => Math.abs(value) > 1e-6 * largest).length / image.data.length;
  expect(reached).toBeGreaterThan(0);
  expect(reached).toBeLessThanOrEqual((38 * 38) / (96 * 96));
  expect(recipe.options).toMatchObject({ layer: "relu4", unit: 3, keep: "max", rule: "deconvnet" });
});

it("with the gradient rule it is the saliency of the neuron, times its activation", async () => {
  const { image, kept } = await projectActivation(model, cat, { layer: "relu4", unit: 3, rule: "gradient" });
  const { values } = await saliency(model, cat, { target: { layer: "relu4", unit: 3, position: kept[0].position } });
  image.data.forEach((value, i) => {
    expect(Math.abs(value - values.data[i] * kept[0].value)).toBeLessThan(1e-4);
  });
});

it("rectifies at every stage, and more activations add up", async () => {
  const { trace, kept } = await projectActivation(model, cat, { layer: "relu5", keep: 7 });
  expect(kept).toHaveLength(7);
  expect(kept.map(({ value }) => value)).toEqual(kept.map(({ value }) => value).sort((a, b) => b - a));
  for (const { layer, op, values } of trace) {
    // What arrives at a convolution has passed its rectifier.
    if (op === "Conv")
      expect(
        values.data.every((value) => value >= 0),
        layer,
      ).toBe(true);
  }
});

it("says what is wrong", async () => {
  await expect(projectActivation(model, cat, { layer: "relu44" })).rejects.toThrow(LayerError);
  await expect(projectActivation(model, cat, { layer: "input" })).rejects.toThrow(/is the network's input/);
  await expect(projectActivation(model, cat, { layer: "relu4", unit: 64 })).rejects.toThrow(TargetError);
  await expect(projectActivation(model, cat, { layer: "relu4", keep: 0 })).rejects.toThrow(OptionError);
  await expect(projectActivation(model, cat, { layer: "relu4", rule: "lrp" as never })).rejects.toThrow(
    /none of deconvnet/,
  );
});
