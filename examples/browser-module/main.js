// A page without a bundler: the package's files are served as they are and loaded as modules.
import { decodeImage, gradCam, loadModel, overlay } from "./node_modules/seethrough/dist/index.js";

const output = document.querySelector("output");
const canvas = document.querySelector("canvas");
const model = loadModel(); // the embedded classifier, from beside the package; yours: loadModel("model.onnx", { labels })

/** Explains the bytes of a picture and draws the overlay. */
export async function show(bytes) {
  try {
    const photo = await decodeImage(bytes);
    const attribution = await gradCam(await model, photo);
    const { data, width, height } = overlay(photo, attribution);
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
    output.textContent = `${attribution.target.label} ${attribution.target.score.toFixed(3)}`;
  } catch (error) {
    output.textContent = error.message;
  }
}

document.querySelector("input").addEventListener("change", async ({ target: { files } }) => {
  if (files.length > 0) await show(new Uint8Array(await files[0].arrayBuffer()));
});
model.then(
  () => {
    output.textContent = "Choose a picture. It stays on this device.";
  },
  (error) => {
    output.textContent = error.message;
  },
);
