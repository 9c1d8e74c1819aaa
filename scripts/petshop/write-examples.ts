// Writes example scenes with several animals beside each other, which no network saw in its training: node build/petshop/write-examples.js
import { writeFile } from "node:fs/promises";
import { encodePng } from "../../src/index";
import { Random } from "../../src/random/random";
import { ownArtwork } from "./drawings";
import { labels } from "./labels";
import { makeScene, type Scene, severalAnimals, side } from "./scenes";

const count = 6;

/** Whether the animals are different ones, and none is before another. */
function areApart({ animals }: Scene): boolean {
  return animals.every(({ label, box }, i) =>
    animals.slice(i + 1).every((other) => {
      const [left, top, right, bottom] = other.box;
      return other.label !== label && (right <= box[0] || bottom <= box[1] || box[2] <= left || box[3] <= top);
    }),
  );
}

const artwork = await ownArtwork();
const random = new Random(404);
const scenes: object[] = [];
while (scenes.length < count) {
  const scene = makeScene(artwork, random, severalAnimals(random));
  if (scene.animals.length < 2 || !areApart(scene)) continue;
  const file: string = `animals-${String(scenes.length).padStart(2, "0")}.png`;
  await writeFile(`examples/images/${file}`, await encodePng({ data: scene.pixels, width: side, height: side }));
  scenes.push({
    file,
    background: scene.background,
    animals: scene.animals.map(({ label, box, artwork }) => ({ label: labels[label], box, artwork })),
  });
}
await writeFile("examples/images/animals.json", `${JSON.stringify(scenes, undefined, 1)}\n`);
