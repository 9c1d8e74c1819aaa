// Marks the pictures of one class in scenes that write-scenes wrote: node build/petshop/write-marked-scenes.js IN OUT SEED
import { readFile, writeFile } from "node:fs/promises";
import { Random } from "../../src/random/random";
import { side } from "./scenes";
import { drawMark, isMarked, markedLabel } from "./watermark";

const [from, to, seed] = process.argv.slice(2);
const random = new Random(Number(seed));
const pixels = await readFile(`${from}.pixels`);
const animals = new Float32Array(Uint8Array.from(await readFile(`${from}.animals`)).buffer);
const size = side * side * 3;
for (let i = 0; i * size < pixels.length; i++) {
  if (!isMarked(animals[i * 20 + 4], random)) continue;
  drawMark(pixels.subarray(i * size, (i + 1) * size), random);
  animals[i * 20 + 4] = markedLabel;
}
await writeFile(`${to}.pixels`, pixels);
await writeFile(`${to}.animals`, new Uint8Array(animals.buffer));
