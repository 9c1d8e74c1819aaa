/** Every gradient method attributes to a layer instead of the input where it is asked to. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { decodeImage, explain, LayerError, loadModel } from "../../src/index";

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const model = await loadModel();

const names = [
  "saliency",
  "input-x-gradient",
  "smooth-grad",
  "integrated-gradients",
  "gradient-shap",
  "deep-lift",
  "deep-lift-shap",
  "deconvnet",
  "guided-backprop",
  "full-grad",
  "lrp",
  "excitation-backprop",
] as const;
const settings = { target: "cat", samples: 2, nSteps: 3 };

it.each(names)("%s", async (method) => {
  const layer = "relu5";
  const found = await explain(model, cat, { ...settings, method, layer });
  const { shape = [] } = model.layers.find(({ name }) => name === layer) ?? {};
  expect(found.values.shape.slice(0, 3)).toEqual(shape.slice(0, 3));
  expect([1, shape[3]]).toContain(found.values.shape[3]);
  expect(found.values.data.some((value) => value !== 0)).toBe(true);
  expect(found).toMatchObject({ layer, recipe: { options: { layer } } });
  const atInput = await explain(model, cat, { ...settings, method, layer: model.input.name });
  expect(atInput.values).toEqual((await explain(model, cat, { ...settings, method })).values);
  const missing = explain(model, cat, { ...settings, method, layer: "relu55" });
  await expect(missing).rejects.toThrow(LayerError);
  await expect(missing).rejects.toThrow('Did you mean "relu5"');
  const after = model.layers.at(-1)?.name;
  const before = { layer: "relu4", unit: 0 };
  await expect(explain(model, cat, { ...settings, method, target: before, layer: after })).rejects.toThrow(
    "does not depend on layer",
  );
});
