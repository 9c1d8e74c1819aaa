/** The embedded detector: scenes it has not seen, its boxes against onnxruntime's output and against where the animals are. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { ownArtwork } from "../../scripts/petshop/drawings";
import { labels } from "../../scripts/petshop/labels";
import { makeScene, type Scene, severalAnimals, side } from "../../scripts/petshop/scenes";
import {
  boxEvidence,
  type Detection,
  detect,
  gradCam,
  hiResCam,
  type ImageLike,
  loadModel,
  type Model,
} from "../../src/index";
import { Random } from "../../src/random/random";
import { bestOf, centred, cornersOf, iou, outputsOf, type PlainBox, suppressed } from "./reference";

const file = new Uint8Array(readFileSync("models/petshop-detector.onnx"));
let model: Model;
let scenes: Scene[];
beforeAll(async () => {
  model = await loadModel(file);
  const artwork = await ownArtwork();
  const random = new Random(77);
  scenes = Array.from({ length: 12 }, () => makeScene(artwork, random, severalAnimals(random)));
});

const pictureOf = ({ pixels }: Scene): ImageLike => ({ data: pixels, width: side, height: side });

/** Every column of `[1, 4 + 8, N]`. */
async function plainBoxes(image: ImageLike, threshold: number): Promise<PlainBox[]> {
  const { data, dims } = (await outputsOf(file, model.preprocess(image))).output0;
  const columns = Array.from({ length: dims[2] }, (_, column): PlainBox => {
    const [x, y, w, h, ...scores] = Array.from({ length: dims[1] }, (_, row) => data[row * dims[2] + column]);
    return { box: centred(x, y, w, h), ...bestOf(scores) };
  });
  return suppressed(
    columns.filter(({ score }) => score >= threshold),
    0.45,
  );
}

it("is small, and says what it is", () => {
  expect(file.length).toBeLessThanOrEqual(1_000_000);
  expect(model.labels).toEqual(labels);
});

it.each([0.05, 0.25])("finds the boxes of a plain decoding, from a score of %f", async (threshold) => {
  let count = 0;
  for (const scene of scenes) {
    const found = await detect(model, pictureOf(scene), { threshold });
    const plain = await plainBoxes(pictureOf(scene), threshold);
    expect(found.map(({ index }) => index)).toEqual(plain.map(({ index }) => index));
    found.forEach((detection, i) => {
      expect(detection.family).toBe("yolo-v8");
      expect(detection.label).toBe(labels[plain[i].index]);
      expect(Math.abs(detection.score - plain[i].score)).toBeLessThan(1e-4);
      expect(iou(cornersOf(detection), plain[i].box)).toBeGreaterThan(0.999);
    });
    count += found.length;
  }
  expect(count).toBeGreaterThan(scenes.length);
});

it("looks for the evidence of a box at its own scale, where it lies in the box", async () => {
  const layerOf = async (image: ImageLike, detection: Detection, of: "score" | "left"): Promise<string | undefined> =>
    (await gradCam(model, image, { target: { detection, of } })).layer;
  // What the neck hands to the head of the scale: behind it both branches of the head see one place.
  const [fine, coarse] = [/merge\.2\/Relu$/, /coarse\.2\.2\/Relu$/];
  for (const scene of scenes.slice(0, 4)) {
    const image = pictureOf(scene);
    for (const detection of await detect(model, image, { threshold: 0.1 })) {
      expect(await layerOf(image, detection, "score")).toMatch(detection.anchor < 144 ? fine : coarse);
      const { inside, area } = boxEvidence(await hiResCam(model, image, { target: { detection } }), detection);
      expect(inside, `${detection.label} ${detection.anchor}`).toBeGreaterThan(Math.min(0.9, 2 * area));
    }
  }
  const image = pictureOf(scenes[0]);
  const all = await detect(model, image, { threshold: 0, iou: 1, top: 1000 });
  const large = all.find(({ anchor }) => anchor >= 144) as Detection;
  for (const of of ["score", "left"] as const) {
    expect(await layerOf(image, large, of)).toMatch(coarse);
    expect(await layerOf(image, all[0], of)).toMatch(fine);
  }
});

it("finds most animals where they are", async () => {
  let [there, hit] = [0, 0];
  for (const scene of scenes) {
    const found = await detect(model, pictureOf(scene), { threshold: 0.1 });
    for (const { label, box } of scene.animals) {
      there++;
      hit += Number(found.some((detection) => detection.index === label && iou(cornersOf(detection), box) > 0.5));
    }
  }
  expect(hit / there).toBeGreaterThan(0.6);
});
