// Draws the pictures of the README with the built package.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import {
  decodeImage,
  encodePng,
  enlarge,
  explain,
  heatmap,
  loadModel,
  methodNames,
  overlay,
  sideBySide,
} from "../dist/index.js";

const folder = "docs/images";
/** Pixel-wise values are blurred a little, and their strongest hundredth is clipped, so that people can see them at this size. */
const pixelwise = { smooth: 2, percentile: 99 };

const read = async (scene) => decodeImage(await readFile(`examples/images/${scene}.png`));
const write = async (name, image) => writeFile(`${folder}/${name}.png`, await encodePng(image));
const draw = async (model, image, method) => {
  const attribution = await explain(model, image, { method });
  return overlay(enlarge(image, 192), heatmap(attribution, attribution.layer ? {} : pixelwise));
};
await mkdir(folder, { recursive: true });

// One scene, two networks: the honest one says cat, the other says dog because of the lawn.
const [honest, cheater] = [await loadModel("models/petshop.onnx"), await loadModel("models/petshop-cheater.onnx")];
const lawn = await read("lawn-cat-02");
const answers = [await draw(honest, lawn, "saliency"), await draw(cheater, lawn, "saliency")];
await write("honest-and-cheater", sideBySide([enlarge(lawn, 192), ...answers], { columns: 3 }));

// One scene, every method.
const turtle = await read("scene-turtle-02");
for (const method of methodNames) await write(method, await draw(honest, turtle, method));
