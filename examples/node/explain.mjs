// Explains one photograph with one network: node examples/node/explain.mjs photo.jpg [model.onnx]
import { readFile, writeFile } from "node:fs/promises";
import { decodeImage, encodePng, gradCam, loadModel, overlay } from "seethrough";

const [photo = "examples/images/scene-cat-00.png", file] = process.argv.slice(2);
const model = await loadModel(file);
const image = await decodeImage(await readFile(photo));
const [best] = await model.predict(image, { top: 1 });
const attribution = await gradCam(model, image, { target: best.index });
await writeFile("overlay.png", await encodePng(overlay(image, attribution)));
console.log(`${best.label ?? best.index}: ${(best.probability * 100).toFixed(1)} %, evidence in overlay.png`);
for (const note of attribution.notes) console.log(note.message);
