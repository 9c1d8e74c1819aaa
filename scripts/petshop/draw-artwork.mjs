// Draws the animals and things of emoji sets into sheets: node scripts/petshop/draw-artwork.mjs FOLDER OUT
// FOLDER is one where these are installed:
//   npm install @iconify-json/noto@1.2.9 @iconify-json/noto-v1@1.2.5 @iconify-json/fluent-emoji-flat@1.2.6
//     @iconify-json/fxemoji@1.2.2 @iconify-json/twemoji@1.2.5 @resvg/resvg-js@2.6.2
// Per set OUT/<set>.png, square drawings of `cell` pixels side by side, and OUT/<set>.json, what they show.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, out] = process.argv.slice(2);
if (!folder || !out) throw new Error("Say the folder of the emoji sets, and the one that the sheets go to.");
const require = createRequire(resolve(folder, "package.json"));
const { Resvg } = require("@resvg/resvg-js");

const cell = 72;
const columns = 8;

/** The names of each label's drawings over all sets; a set has some of them. */
const drawings = {
  bird: [
    "bird",
    "black-bird",
    "duck",
    "dove",
    "doveofpeace",
    "parrot",
    "eagle",
    "baby-chick",
    "goose",
    "swan",
    "chicken",
  ],
  cat: ["cat", "cat-face", "black-cat", "catside", "pouting-cat", "grinning-cat", "cat-with-wry-smile", "kissing-cat"],
  dog: ["dog", "dog-face", "dogside", "poodle", "service-dog", "guide-dog"],
  fish: ["fish", "tropical-fish", "blowfish"],
  mouse: ["mouse", "mouse-face", "mouseside", "rat"],
  rabbit: ["rabbit", "rabbit-face", "bunny", "bunnyside"],
  snake: ["snake"],
  turtle: ["turtle"],
  thing: [
    ...["soccer-ball", "red-apple", "alarm-clock", "bucket", "basket", "book", "cactus", "carrot", "chair"],
    ...["cheese-wedge", "potted-plant", "teacup-without-handle", "mushroom", "soccerball", "redapple", "bell"],
    ...["balloon", "automobile", "banana", "bread", "house", "key", "light-bulb", "umbrella", "sunflower"],
  ],
};

mkdirSync(out, { recursive: true });
for (const set of ["noto", "noto-v1", "fluent-emoji-flat", "fxemoji", "twemoji"]) {
  const { icons, width = 16, height = 16 } = require(`@iconify-json/${set}/icons.json`);
  const shown = Object.entries(drawings).flatMap(([label, names]) =>
    names.filter((name) => icons[name]).map((name) => ({ label, name })),
  );
  const rows = Math.ceil(shown.length / columns);
  const bodies = shown.map(({ name }, i) => {
    const { left = 0, top = 0, width: w = width, height: h = height, body } = icons[name];
    // Names inside a drawing are its own: two of them may call their gradients alike.
    const own = body.replace(/(id="|url\(#|href="#)/g, `$1d${i}-`);
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    return `<svg x="${x}" y="${y}" width="${cell}" height="${cell}" viewBox="${left} ${top} ${w} ${h}">${own}</svg>`;
  });
  const sheet = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${columns * cell}" height="${rows * cell}">${bodies.join("")}</svg>`;
  writeFileSync(join(out, `${set}.png`), new Resvg(sheet).render().asPng());
  writeFileSync(join(out, `${set}.json`), `${JSON.stringify({ set, cell, columns, drawings: shown })}\n`);
}
