// Makes pictures to search, the same every time: node make-scenes.js FOLDER [COUNT] [FOLDER WITH PNG FILES]
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeImage, encodePng } from "seethrough";

const [folder, count = "96", source = fileURLToPath(new URL("../images", import.meta.url))] = process.argv.slice(2);
if (!folder) throw new Error("usage: node make-scenes.js FOLDER [COUNT] [FOLDER WITH PNG FILES]");

const names = (await readdir(source)).filter((name) => name.endsWith(".png") && !name.includes("mask")).sort();
const scenes = await Promise.all(names.map(async (name) => decodeImage(await readFile(join(source, name)))));

/** The picture moved around its edges, by rows and columns. */
function moved({ width, height, data }, down, right) {
  const channels = data.length / (width * height);
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (((y + down) % height) * width + ((x + right) % width)) * channels;
      out.set(data.subarray(from, from + channels), (y * width + x) * channels);
    }
  }
  return { width, height, data: out };
}

await mkdir(folder, { recursive: true });
for (let i = 0; i < Number(count); i++) {
  const name = `scene-${String(i).padStart(5, "0")}.png`;
  await writeFile(join(folder, name), await encodePng(moved(scenes[i % scenes.length], 13 * i, 29 * i)));
}
// One that cannot be read: it is reported, not lost, and does not stop the others.
await writeFile(join(folder, "scene-damaged.png"), "no picture");
