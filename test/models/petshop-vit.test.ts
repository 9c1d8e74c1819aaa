/** The pet-shop network with attention: what it knows of scenes it has not seen, and whether its maps find the animals, as the card says. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { ownArtwork } from "../../scripts/petshop/drawings";
import { labels } from "../../scripts/petshop/labels";
import { makeScene, type Scene, side, singleAnimal } from "../../scripts/petshop/scenes";
import {
  type Attribution,
  attentionRelevance,
  attentionRollout,
  controlHeatmaps,
  gradCam,
  type ImageLike,
  inspect,
  loadModel,
  lrp,
  type Model,
  pointingGame,
  saliency,
} from "../../src/index";
import { Random } from "../../src/random/random";

const file = new Uint8Array(readFileSync("models/petshop-vit.onnx"));
const count = 200;
/** Pixels from the mask that still count as a hit. */
const tolerance = 3;

let model: Model;
let scenes: Scene[];
beforeAll(async () => {
  model = await loadModel(file);
  const artwork = await ownArtwork();
  const random = new Random(99);
  scenes = Array.from({ length: count }, (_, i) => makeScene(artwork, random, singleAnimal(i)));
});

const pictureOf = ({ pixels }: Scene): ImageLike => ({ data: pixels, width: side, height: side });

const explainers: Readonly<Record<string, (image: ImageLike, target: number) => Promise<Attribution>>> = {
  attentionRelevance: (image, target) => attentionRelevance(model, image, { target }),
  attentionRollout: (image, target) => attentionRollout(model, image, { target }),
  lrp: (image, target) => lrp(model, image, { target }),
  gradCam: (image, target) => gradCam(model, image, { target }),
  saliency: (image, target) => saliency(model, image, { target }),
};

/** Shares of hits and of chance over all scenes, as the rows of the card's table. */
async function shares(): Promise<Map<string, number>> {
  const sums = new Map<string, number>();
  const add = (name: string, value: number): void => void sums.set(name, (sums.get(name) ?? 0) + value / count);
  for (const scene of scenes) {
    const image = pictureOf(scene);
    const [{ label, mask }] = scene.animals;
    const region = { data: mask, width: side, height: side };
    for (const [name, explain] of Object.entries(explainers)) {
      const game = pointingGame(await explain(image, label), region, { tolerance });
      add(name, Number(game.hit));
    }
    const centre = pointingGame(controlHeatmaps(model, image).centre, region, { tolerance });
    add("centre of the picture", Number(centre.hit));
    add("chance", centre.chance);
  }
  return sums;
}

/** The rows "| name | 0.123 |" of a section of the card. */
function cardRows(title: string): [string, number][] {
  const [, section] = readFileSync("models/CARD.md", "utf8").split(`## ${title}\n`);
  const rows = section.split("\n## ")[0].matchAll(/^\| `?([^|`]+?)`? \| ([\d.]+) \|$/gm);
  return [...rows].map(([, name, value]) => [name, Number(value)]);
}

it("is small, has attention, and says its labels by itself", () => {
  expect(file.length).toBeLessThanOrEqual(1_000_000);
  expect(model.labels).toEqual(labels);
  expect(inspect(model).attention?.map(({ heads, queries, keys }) => [heads, queries, keys])).toEqual([
    [3, 65, 65],
    [3, 65, 65],
    [3, 65, 65],
  ]);
});

it("knows as many scenes, and its maps find as many animals, as the card says", { timeout: 900_000 }, async () => {
  const measured = await shares();
  let right = 0;
  for (const scene of scenes) {
    const [best] = await model.predict(pictureOf(scene), { top: 1 });
    right += Number(best.index === scene.animals[0].label);
  }
  measured.set("right answers", right / count);
  const rows = cardRows("Does attention find the animal?");
  expect(rows.map(([name]) => name).sort()).toEqual([...measured.keys()].sort());
  // Sines and exponentials, with which scenes are made, may differ in their last bit between machines.
  for (const [name, value] of rows) expect(Math.abs((measured.get(name) as number) - value), name).toBeLessThan(0.016);
  const chance = measured.get("chance") as number;
  const centre = measured.get("centre of the picture") as number;
  for (const name of Object.keys(explainers)) expect(measured.get(name), name).toBeGreaterThan(2 * chance);
  // Grad-CAM does not: of a class token's last block it sees what tokens hand on, whatever they show.
  for (const name of ["attentionRelevance", "attentionRollout", "lrp", "saliency"]) {
    expect(measured.get(name), name).toBeGreaterThan(centre);
  }
});
