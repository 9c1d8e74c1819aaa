// Draws what units of a large network see in the scenes of a folder, layer by layer, as docs/images/squeezenet-units.png:
// node scripts/make-deep-units.mjs MODEL.onnx FOLDER
import { readdir, readFile, writeFile } from "node:fs/promises";
import { decodeImage, encodePng, loadModel, sideBySide, topActivations, unitPage } from "../dist/index.js";

const [file, folder] = process.argv.slice(2);
/** SqueezeNet 1.0 as Deep Compression left it: pixels minus their mean, 227 × 227. */
const model = await loadModel(file, { preprocess: { range: [0, 255], mean: [123, 117, 104] } });
const names = (await readdir(folder)).filter((name) => name.endsWith(".png") && !name.includes(".mask.")).sort();
const read = async (name) => decodeImage(await readFile(`${folder}/${name}`));
const images = names.map((name) => ({ id: name, image: () => read(name) }));

const pages = [];
for (const layer of ["/fire2/Concat", "/fire4/Concat", "/fire6/Concat", "/fire8/Concat"]) {
  const units = model.layers.find(({ name }) => name === layer).shape[3];
  // Four units at equal distances that answer to something in these scenes.
  const all = await topActivations(model, images, { layer, top: 5 });
  const awake = all.units.filter(({ top }) => top.length === 5 && top[4].score > 0).map(({ unit }) => unit);
  const unit = [0, 1, 2, 3].map((i) => awake[Math.floor(((i + 0.5) * awake.length) / 4)]);
  process.stdout.write(`${layer}: ${awake.length} of ${units} units answer; units ${unit.join(", ")}\n`);
  const some = await topActivations(model, images, { layer, unit, top: 5 });
  pages.push((await unitPage(model, some, read, { tile: 64 })).picture);
}
const { data, width, height } = sideBySide(pages, { columns: 2 });
const level = (value) => Math.round((Math.round((value * 31) / 255) * 255) / 31);
const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => level(data[Math.floor(i / 3) * 4 + (i % 3)]));
await writeFile("docs/images/squeezenet-units.png", await encodePng({ data: rgb, width, height }));
