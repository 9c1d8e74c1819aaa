// Draws the pictures of the README with the built package.
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import {
  attentionRelevance,
  attentionRollout,
  decodeImage,
  encodePng,
  enlarge,
  explain,
  heatmap,
  integratedGradients,
  loadModel,
  methodNames,
  overlay,
  sideBySide,
  signalPlot,
  Tensor,
} from "../dist/index.js";

const folder = "docs/images";
/** Pixel-wise values are blurred a little, and their strongest hundredth is clipped, so that people can see them at this size. */
const pixelwise = { smooth: 2, percentile: 99 };

const read = async (scene) => decodeImage(await readFile(`examples/images/${scene}.png`));
const write = async (name, image) => writeFile(`${folder}/${name}.png`, await encodePng(image));
const draw = async (model, image, method) => {
  const attribution = await explain(model, image, { method });
  const { values, inputSize } = attribution;
  const isPixelwise = values.shape[1] === inputSize.height;
  return overlay(enlarge(image, 192), heatmap(attribution, isPixelwise ? pixelwise : {}));
};
await mkdir(folder, { recursive: true });

// What a stranger sees first, by the command that draws it.
const first = "explain examples/images/cage-dog-02.png --method occlusion --out";
execFileSync(process.execPath, ["dist/cli.js", ...first.split(" "), `${folder}/explanation.png`]);

// One scene, two networks: the honest one says cat, the other says dog because of the lawn.
const [honest, cheater] = [await loadModel("models/petshop.onnx"), await loadModel("models/petshop-cheater.onnx")];
const lawn = await read("lawn-cat-02");
const answers = [await draw(honest, lawn, "saliency"), await draw(cheater, lawn, "saliency")];
await write("honest-and-cheater", sideBySide([enlarge(lawn, 192), ...answers], { columns: 3 }));

// One scene, every method.
const turtle = await read("scene-turtle-02");
for (const method of methodNames) await write(method, await draw(honest, turtle, method));

// What a network with attention saw of it: relevance and rollout of its attention, then three methods that know nothing of tokens.
const vit = await loadModel(await readFile("models/petshop-vit.onnx"));
const attended = [await attentionRelevance(vit, turtle), await attentionRollout(vit, turtle)].map((attribution) =>
  overlay(enlarge(turtle, 192), heatmap(attribution)),
);
const others = await Promise.all(["lrp", "grad-cam", "saliency"].map((method) => draw(vit, turtle, method)));
await write("attention", sideBySide([enlarge(turtle, 192), ...attended, ...others], { columns: 6 }));

// A signal and its evidence.
const { sampleRate, unit, strips } = JSON.parse(await readFile("examples/signal/beats.json", "utf8"));
const beats = await loadModel("examples/signal/beats.onnx");
const lead = new Tensor(Float32Array.from(strips[1].values), [1, 1, strips[1].values.length]);
const attribution = await integratedGradients(beats, lead, { target: strips[1].label });
const plot = signalPlot(lead, heatmap(attribution, { smooth: 2 }), {
  title: "What speaks for “premature beat”: integrated gradients",
  ...{ sampleRate, channelNames: [unit], marks: strips[1].truth, markLabel: "where it was made abnormal" },
});
await writeFile(`${folder}/signal.svg`, plot);
