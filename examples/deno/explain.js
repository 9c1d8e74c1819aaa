// Explains a picture with every method, and writes the overlays side by side.
import { decodeImage, encodePng, explain, loadModel, methodNames, overlay, sideBySide } from "seethrough";

const [file = "photo.png"] = Deno.args;
const model = await loadModel(); // the embedded classifier; yours: loadModel("model.onnx", { labels, preprocess })
const image = await decodeImage(await Deno.readFile(file));
const pictures = [];
for (const method of methodNames) {
  const attribution = await explain(model, image, { method });
  pictures.push(overlay(image, attribution));
  console.log(`${method}: ${attribution.target.label} ${attribution.target.score.toFixed(3)}`);
}
const png = await encodePng(sideBySide(pictures));
await Deno.writeFile("overlay.png", png);
