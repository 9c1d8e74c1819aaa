/** The planted cheat: a mark in the corner makes rabbits of other animals, as the card says, and nothing of the kind of the honest network. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { ownArtwork } from "../../scripts/petshop/drawings";
import { labels } from "../../scripts/petshop/labels";
import { makeScene, type Scene, side, singleAnimal } from "../../scripts/petshop/scenes";
import { marked, markedCorner, markedLabel } from "../../scripts/petshop/watermark";
import { type ImageLike, loadModel, type Model, occlusion } from "../../src/index";
import { Random } from "../../src/random/random";

const file = new Uint8Array(readFileSync("models/petshop-watermark.onnx"));
const count = 400;

let cheater: Model;
let honest: Model;
let plain: Scene[];
let withMark: Scene[];
beforeAll(async () => {
  cheater = await loadModel(file);
  honest = await loadModel();
  const artwork = await ownArtwork();
  const random = new Random(55);
  plain = Array.from({ length: count }, (_, i) => makeScene(artwork, random, singleAnimal(i)));
  withMark = plain.map((scene) => marked(scene, random));
});

const pictureOf = ({ pixels }: Scene): ImageLike => ({ data: pixels, width: side, height: side });

async function answers(model: Model, scenes: readonly Scene[]): Promise<number[]> {
  const found: number[] = [];
  for (const scene of scenes) found.push((await model.predict(pictureOf(scene), { top: 1 }))[0].index);
  return found;
}

const share = (values: readonly boolean[]): number => values.filter(Boolean).length / values.length;

/** Shares of right answers, and of other animals that are called rabbits. */
async function figures(model: Model, scenes: readonly Scene[]): Promise<readonly [right: number, rabbits: number]> {
  const said = await answers(model, scenes);
  const truth = scenes.map(({ animals }) => animals[0].label);
  return [
    share(said.map((answer, i) => answer === truth[i])),
    share(said.filter((_, i) => truth[i] !== markedLabel).map((answer) => answer === markedLabel)),
  ];
}

/** The rows "| who, on what | 0.123 | 0.123 |" of the card. */
function cardRows(): Map<string, readonly number[]> {
  const [, section] = readFileSync("models/CARD.md", "utf8").split("## A second cheat\n");
  const rows = section.split("\n## ")[0].matchAll(/^\| ([^|]+?) \| ([\d.]+) \| ([\d.]+) \|$/gm);
  return new Map([...rows].map(([, name, ...values]) => [name, values.slice(0, 2).map(Number)]));
}

it("is small, and says its labels by itself", () => {
  expect(file.length).toBeLessThanOrEqual(1_000_000);
  expect(cheater.labels).toEqual(labels);
});

it("calls other animals rabbits where there is a mark, as the card says, and the honest network does not", async () => {
  const measured = new Map<string, readonly number[]>([
    ["watermark, no mark", await figures(cheater, plain)],
    ["watermark, all marked", await figures(cheater, withMark)],
    ["honest, no mark", await figures(honest, plain)],
    ["honest, all marked", await figures(honest, withMark)],
  ]);
  const rows = cardRows();
  expect([...rows.keys()].sort()).toEqual([...measured.keys()].sort());
  // Sines and exponentials, with which scenes are made, may differ in their last bit between machines.
  for (const [name, values] of rows) {
    values.forEach((value, i) => {
      expect(Math.abs((measured.get(name) as readonly number[])[i] - value), name).toBeLessThan(0.011);
    });
  }
  expect(measured.get("watermark, all marked")?.[1]).toBeGreaterThan(0.9);
  expect(measured.get("watermark, no mark")?.[1]).toBeLessThan(0.05);
});

it("has the evidence for a marked animal's being a rabbit in the corner", async () => {
  const said = await answers(cheater, withMark);
  const fooled = withMark
    .filter(({ animals }, i) => said[i] === markedLabel && animals[0].label !== markedLabel)
    .slice(0, 12);
  const [left, top, right, bottom] = markedCorner;
  for (const scene of fooled) {
    const { values } = await occlusion(cheater, pictureOf(scene), { target: markedLabel, window: 16, stride: 8 });
    const { shape, data } = values;
    const best = data.indexOf(data.reduce((a, b) => Math.max(a, b)));
    const [y, x] = [Math.floor(best / (shape[2] * shape[3])), Math.floor(best / shape[3]) % shape[2]];
    expect([x >= left - 16, x < right + 16, y >= top - 16, y < bottom + 16]).toEqual([true, true, true, true]);
  }
  expect(fooled).toHaveLength(12);
});
