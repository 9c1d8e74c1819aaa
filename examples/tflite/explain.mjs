// Why is there a face? Explains MediaPipe's networks as their npm packages ship them: node explain.mjs [PHOTO]
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { decodeImage, detect, encodePng, enlarge, heatmap, loadModel, overlay, saliency, sideBySide } from "seethrough";

const packaged = (name, file) =>
  readFile(join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), file));
const scene = new URL("../images/cage-dog-02.png", import.meta.url);
const photo = enlarge(await decodeImage(await readFile(process.argv[2] ?? scene)), 384);

// MediaPipe's graphs, which the files do not hold, scale pixels to −1..1 and fit the whole photograph into the square.
const faces = await loadModel(await packaged("@mediapipe/face_detection", "face_detection_short_range.tflite"), {
  preprocess: { range: [-1, 1], fit: "pad" },
});
const found = await detect(faces, photo, { threshold: 0.6 });
console.log(`${found.length} ${found.length === 1 ? "face" : "faces"}`);
const pictures = [photo];
for (const detection of found) {
  const why = await saliency(faces, photo, { target: { detection } });
  const { x, y, width, height } = detection.box;
  const [left, top, right, bottom] = [x, y, x + width, y + height].map(Math.round);
  console.log(`${(100 * detection.score).toFixed(1)} % at x ${left}–${right}, y ${top}–${bottom}`);
  pictures.push(overlay(photo, heatmap(why, { smooth: 2 })));
}
await writeFile("faces.png", await encodePng(sideBySide(pictures, { columns: pictures.length })));

// The selfie segmenter says of each pixel how sure it is that it belongs to a person; its mean is asked about where it is surest.
const selfie = await loadModel(await packaged("@mediapipe/selfie_segmentation", "selfie_segmentation.tflite"));
const { output } = await selfie.run(photo);
const mask = Uint8Array.from(output.data, (value) => Number(value > 0.5));
const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
console.log(`${(100 * share).toFixed(1)} % of the pixels belong to a person`);
if (share > 0) {
  const why = await saliency(selfie, photo, { target: { mask, channel: 0 } });
  await writeFile("person.png", await encodePng(overlay(photo, heatmap(why, { smooth: 2 }))));
}
