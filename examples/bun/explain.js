// Explains a picture with every method, and writes the overlays side by side.
import { decodeImage, encodePng, explain, loadModel, methodNames, overlay, sideBySide } from "seethrough";

const [file = "photo.png"] = Bun.argv.slice(2);
const model = await loadModel(); // the embedded classifier; yours: loadModel("model.onnx", { labels, preprocess })
const image = await decodeImage(await Bun.file(file).bytes());
const pictures = [];
for (const method of methodNames) {
  const attribution = await explain(model, image, { method });
  pictures.push(overlay(image, attribution));
  console.log(`${method}: ${attribution.target.label} ${attribution.target.score.toFixed(3)}`);
}
const png = await encodePng(sideBySide(pictures));
await Bun.write("overlay.png", png);
