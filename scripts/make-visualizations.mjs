// Draws the pictures of docs/visualization.md with the built package.
import { readFile, writeFile } from "node:fs/promises";
import { decodeImage, encodePng, enlarge, loadModel, maximizeActivation, sideBySide, toImage } from "../dist/index.js";

const model = await loadModel();
const write = async (name, pictures, columns) => {
  const sheet = sideBySide(
    pictures.map((picture) => enlarge(picture, 192)),
    { columns },
  );
  await writeFile(`docs/images/${name}.png`, await encodePng(sheet));
};
const likes = async (options) => {
  const { image } = await maximizeActivation(model, { preset: "lucid", ...options });
  return toImage(model, image);
};

// Every class.
const classes = [];
for (const target of model.labels) classes.push(await likes({ target }));
await write("visualize-classes", classes, 4);

// One class, tool by tool.
await write(
  "visualize-tools",
  [
    await likes({ target: "turtle", preset: "plain" }),
    await likes({ target: "turtle", transforms: "none" }),
    await likes({ target: "turtle" }),
  ],
  3,
);

// Channels of three layers, early to late.
const channels = [];
for (const layer of ["relu2", "relu4", "relu6"]) {
  for (const unit of [0, 1, 3, 5]) {
    channels.push(await likes({ target: { layer, unit, position: "mean" }, steps: 128 }));
  }
}
await write("visualize-channels", channels, 4);

// Several pictures of one class.
const { images } = await maximizeActivation(model, { target: "fish", preset: "lucid", diversity: { images: 4 } });
await write(
  "visualize-diversity",
  images.map((image) => toImage(model, image)),
  4,
);

// A scene, and what two layers dream into it.
const scene = await decodeImage(await readFile("examples/images/scene-cat-00.png"));
const dream = (layer) => likes({ target: { layer }, start: scene, steps: 48 });
await write("visualize-dream", [scene, await dream("relu2"), await dream("relu4")], 3);
