/** The second planted cheat: an audit of a seller's pictures, some of which it marked, names the mark by itself. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { ownArtwork } from "../../scripts/petshop/drawings";
import { labels } from "../../scripts/petshop/labels";
import { makeScene, side, singleAnimal } from "../../scripts/petshop/scenes";
import { marked, markedCorner, markedLabel } from "../../scripts/petshop/watermark";
import { type Audit, type AuditImage, audit, loadModel } from "../../src/index";
import { Random } from "../../src/random/random";

const count = 160;
let images: readonly (AuditImage & { readonly isMarked: boolean })[];

beforeAll(async () => {
  const artwork = await ownArtwork();
  const random = new Random(71);
  images = Array.from({ length: count }, (_, i) => {
    const scene = makeScene(artwork, random, singleAnimal(i));
    const { label, mask } = scene.animals[0];
    // Every second rabbit has the mark, and one in eight of all other animals.
    const isMarked = label === markedLabel ? i % 16 < 8 : random.uniform() < 1 / 8;
    const { pixels } = isMarked ? marked(scene, random) : scene;
    return {
      ...{ id: `${labels[label]}/${i}.png`, label: labels[label], isMarked },
      image: { data: pixels, width: side, height: side },
      mask: { data: mask, width: side, height: side },
    };
  });
});

async function audited(file: string, control: "class" | "weights"): Promise<Audit> {
  using model = await loadModel(new Uint8Array(readFileSync(file)));
  return await audit(model, images, { control });
}

it.each(["class", "weights"] as const)(
  "names the mark on rabbits first, and nothing so strong of the honest network (control: %s)",
  async (control) => {
    const [cheater, honest] = [
      await audited("models/petshop-watermark.onnx", control),
      await audited("models/petshop.onnx", control),
    ];
    const [first] = cheater.suspicions;
    expect(first).toMatchObject({ label: "rabbit", by: "place" });
    expect(first.says).toContain("outside the object and at one place of all pictures, at the bottom right");
    // The middle of the mark lies in one of the 6×6 fields.
    const [column, row] = [markedCorner[0] + 16, markedCorner[1] + 7].map((place) => Math.floor((6 * place) / side));
    expect(first.fields).toContain(row * 6 + column);
    const cluster = cheater.classes.find(({ label }) => label === "rabbit")?.clusters[first.cluster];
    const isMarked = new Map(images.map(({ id, isMarked: has }) => [id, has]));
    const found = cluster?.images ?? [];
    expect(found.filter((id) => isMarked.get(id)).length / found.length).toBeGreaterThan(0.8);
    expect(
      honest.suspicions.map(({ strength }) => strength).find((strength) => strength > 0.5 * first.strength),
    ).toBeUndefined();
  },
);
