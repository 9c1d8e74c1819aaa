// Writes scenes for the training: node build/petshop/write-scenes.js OUT COUNT SEED single|several SHEETS SET…
// OUT.pixels is [COUNT,96,96,3] bytes, OUT.animals [COUNT,4,5] float32: left, top, right, bottom, label (-1: no animal).
import { open, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Random } from "../../src/random/random";
import { readArtwork } from "./drawings";
import { makeScene, severalAnimals, side, singleAnimal } from "./scenes";

const [out, count, seed, kind, sheets, ...sets] = process.argv.slice(2);
const artwork = await readArtwork(pathToFileURL(`${resolve(sheets)}/`), sets);
const random = new Random(Number(seed));
const most = 4;
const animals = new Float32Array(Number(count) * most * 5).fill(-1);
const pixels = await open(`${out}.pixels`, "w");
for (let i = 0; i < Number(count); i++) {
  const scene = makeScene(artwork, random, kind === "single" ? singleAnimal(i) : severalAnimals(random));
  if (scene.pixels.length !== side * side * 3) throw new Error("A scene is not of the size of the network's picture.");
  await pixels.write(scene.pixels);
  scene.animals.forEach(({ box, label }, j) => {
    animals.set([...box, label], (i * most + j) * 5);
  });
}
await pixels.close();
await writeFile(`${out}.animals`, new Uint8Array(animals.buffer));
