// Explains a network that runs elsewhere: occlusion needs nothing but its scores. Here it runs in onnxruntime.
import { readFile, writeFile } from "node:fs/promises";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { decodeImage, encodePng, occlusion, overlay, placement, preprocess, Tensor } from "seethrough";

const [photo = "photo.png", file = "model.onnx"] = process.argv.slice(2);
const session = await InferenceSession.create(file);
const [input] = session.inputNames;
const [output] = session.outputNames;

/** Scores of a batch [N, H, W, C], one image at a time because the file's batch is fixed. */
async function scores(batch) {
  const [count, height, width, channels] = batch.shape;
  const size = height * width * channels;
  const all = [];
  for (let i = 0; i < count; i++) {
    const image = new Tensor(batch.data.slice(i * size, (i + 1) * size), [1, height, width, channels]);
    const feed = new OrtTensor("float32", image.toNCHW(), [1, channels, height, width]);
    all.push(...(await session.run({ [input]: feed }))[output].data);
  }
  return Float32Array.from(all);
}

const image = await decodeImage(await readFile(photo));
const size = { width: 96, height: 96, channels: 3 };
const x = preprocess(image, size, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
const attribution = await occlusion(scores, x, { window: [24, 24], stride: [12, 12] });
// A Tensor does not say which part of the photograph it shows: preprocess cropped the centre.
const picture = overlay(image, attribution, { region: placement(image, size, "crop") });
await writeFile("overlay.png", await encodePng(picture));
console.log(`class ${attribution.target.index}, score ${attribution.target.score.toFixed(3)}, evidence in overlay.png`);
