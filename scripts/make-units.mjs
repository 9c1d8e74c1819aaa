// Draws the pictures of docs/units.md with the built package: node scripts/make-units.mjs [folder with scenes]
import { readdir, readFile, writeFile } from "node:fs/promises";
import { contactSheet, decodeImage, encodePng, loadModel, topActivations, unitPage } from "../dist/index.js";

const folder = process.argv[2] ?? "examples/images";
const names = (await readdir(folder)).filter((name) => name.endsWith(".png") && !name.includes(".mask.")).sort();
const read = async (name) => decodeImage(await readFile(`${folder}/${name}`));
const images = names.map((name) => ({ id: name, image: () => read(name) }));

/** RGB with 32 levels, which take a third of the bytes and look the same. */
async function write(name, { data, width, height }) {
  const level = (value) => Math.round((Math.round((value * 31) / 255) * 255) / 31);
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => level(data[Math.floor(i / 3) * 4 + (i % 3)]));
  await writeFile(`docs/images/${name}.png`, await encodePng({ data: rgb, width, height }));
}

const model = await loadModel();
/** Every seventh unit of the layer, so that nobody picked the pretty ones. */
const unit = Array.from({ length: 10 }, (_, i) => 7 * i);
const result = await topActivations(model, images, { layer: "relu4", unit, top: 6 });
const { picture } = await unitPage(model, result, read, { tile: 76 });
await write("units", picture);

const three = await topActivations(model, images, { layer: "relu4", unit: unit.slice(0, 3), top: 4 });
await write("unit-sides", await contactSheet(model, three, read, { tile: 76 }));

const relevant = await topActivations(model, images, { layer: "relu6", unit: [0], by: "relevance", target: "cat" });
process.stdout.write(
  `${images.length} scenes; ${relevant.search.by} of relu6 unit 0: ${relevant.units[0].top[0].id}\n`,
);
