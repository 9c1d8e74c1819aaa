// A classifier that flattens gets class activation maps: node examples/to-cam/to-cam.mjs [folder for the pictures]
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  cam,
  decodeImage,
  encodePng,
  enlarge,
  gradCam,
  heatmap,
  loadModel,
  overlay,
  sideBySide,
  toCamModel,
} from "seethrough";

const [folder = "."] = process.argv.slice(2);
const root = new URL("../../", import.meta.url);
const scenes = JSON.parse(await readFile(new URL("examples/images/scenes.json", root), "utf8"));
const read = async (file) => decodeImage(await readFile(new URL(`examples/images/${file}`, root)));
const pictures = new Map();
for (const { file, mask, label } of scenes)
  pictures.set(file, { image: await read(file), mask: await read(mask), label });

const model = await loadModel(await readFile(new URL("models/petshop-flatten.onnx", root)));
const side = 96;

/** Copies scenes of one size into one large picture. */
function collage(images, columns) {
  return sideBySide(images, { columns, gap: 0 });
}

// 1. Exact: the dense layers become convolutions, so one pass rates every window of a larger picture.
const shown = ["scene-cat-00", "scene-turtle-02", "scene-fish-02", "scene-rabbit-02", "scene-snake-01", "cage-dog-02"];
const large = collage(
  shown.map((name) => pictures.get(`${name}.png`).image),
  3,
);
const exact = await toCamModel(model, { inputShape: [1, 3, large.height, large.width] });
for (const { node, op, change } of exact.report.steps) console.log(`${op} ${node}: ${change}`);
// The map's first window is centred half a scene from the corner, and each step is 32 pixels.
const [, rows, columns] = exact.model.layers.find(({ name }) => name === exact.report.layer).shape;
const [step] = exact.report.windows.step;
const region = { x: (side - step) / 2, y: (side - step) / 2, width: columns * step, height: rows * step };
const panels = [large];
for (const target of ["turtle", "snake", "dog"]) {
  const attribution = await cam(exact.model, large, { target });
  panels.push(overlay(large, heatmap(attribution), { region }));
}
await writeFile(join(folder, "to-cam-large.png"), await encodePng(sideBySide(panels, { columns: 2 })));

// 2. Refitted: a linear head on pooled maps, fitted to labelled images. Here each bundled animal on painted backgrounds.
const backgrounds = [
  (x, y) => [90 + x, 120 + y, 200 - x],
  (x, y) => (((x >> 3) + (y >> 3)) % 2 ? [200, 190, 170] : [150, 140, 130]),
  (x) => ((x >> 2) % 2 ? [120, 160, 210] : [230, 230, 240]),
  (_, y) => [60 + y, 150, 60 + (y >> 1)],
];
const images = [...pictures.values()].flatMap(({ image, mask, label }) =>
  backgrounds.flatMap((paint) =>
    [-10, -5, 0, 5, 10].map((shift) => ({ label, image: pasted(image, mask, paint, shift) })),
  ),
);
const refitted = await toCamModel(model, { images });
const { fit } = refitted.report;
console.log(
  `refitted at ${refitted.report.layer} to ${fit.images} scenes, lambda ${fit.lambda.toPrecision(2)}; right on ${fit.heldOut} others: ` +
    `${percent(fit.accuracy.before)} before, ${percent(fit.accuracy.after)} after; same answer ${percent(fit.agreement)}`,
);
const compared = [];
for (const name of ["scene-turtle-02", "scene-fish-02", "scene-rabbit-02"]) {
  const { image, label: target } = pictures.get(`${name}.png`);
  const before = await gradCam(model, image, { target });
  const after = await cam(refitted.model, image, { target });
  const big = enlarge(image, 2 * side);
  compared.push(big, overlay(big, heatmap(before)), overlay(big, heatmap(after)));
}
await writeFile(join(folder, "to-cam-refitted.png"), await encodePng(sideBySide(compared, { columns: 3 })));

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** An animal cut out by its mask, moved sideways, on a painted background. */
function pasted(image, mask, paint, shift) {
  const data = new Uint8Array(side * side * 4).fill(255);
  const step = (picture) => picture.data.length / (side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const inside = x - shift >= 0 && x - shift < side && mask.data[(y * side + x - shift) * step(mask)] > 127;
      const from = (y * side + x - shift) * step(image);
      data.set(inside ? image.data.subarray(from, from + 3) : paint(x, y), (y * side + x) * 4);
    }
  }
  return { data, width: side, height: side };
}
