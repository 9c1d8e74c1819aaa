import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { rounded } from "../../src/audit/rounded";
import { placedMap, smallMap } from "../../src/audit/small-map";
import { spectralClusters } from "../../src/audit/spectral-clusters";
import {
  type Audit,
  audit,
  auditExamples,
  explain,
  htmlReport,
  InputError,
  loadModel,
  type Model,
  mergeAudits,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { Random } from "../../src/random/random";
import { type LawnScene, lawnScenes } from "./lawn-scenes";

let model: Model;
let scenes: LawnScene[];
let whole: Audit;
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")));
  scenes = await lawnScenes(
    "examples/images",
    [
      { label: "dog", lawn: 6, elsewhere: 3 },
      { label: "cat", lawn: 4, elsewhere: 2 },
    ],
    1,
  );
  whole = await audit(model, scenes);
});

describe("audit", () => {
  it("counts answers and names pictures of each mistake", async () => {
    const answers = await Promise.all(
      scenes.map(async ({ image }) => (await model.predict(image, { top: 1 }))[0].label),
    );
    const right = scenes.filter(({ label }, i) => answers[i] === label).length;
    expect(whole.accuracy).toBeCloseTo(right / scenes.length, 10);
    const wrong = scenes.filter(({ label }, i) => answers[i] !== label);
    expect(wrong.length).toBeGreaterThan(0);
    expect(whole.confusion.reduce((sum, { count }) => sum + count, 0)).toBe(wrong.length);
    for (const { label, predicted, examples } of whole.confusion) {
      for (const id of examples) {
        const i = scenes.findIndex((scene) => scene.id === id);
        expect([scenes[i].label, answers[i]]).toEqual([label, predicted]);
      }
    }
    expect(whole.classes.reduce((sum, { size }) => sum + size, 0)).toBe(scenes.length);
  });

  it("takes one pass a picture, where the method does, and finds what predict and explain find", async () => {
    for (const [method, passes] of [
      ["grad-cam", 1],
      ["saliency", 1],
      ["eigen-cam", undefined],
    ] as const) {
      const watched = vi.spyOn(loaded(model), "watchedPass");
      const { images, audit: key } = await audit(model, scenes.slice(0, 3), { method });
      if (passes !== undefined) expect([method, watched.mock.calls.length]).toEqual([method, 3 * passes]);
      watched.mockRestore();
      for (const [i, { predicted, probability, score, map }] of images.entries()) {
        const { image } = scenes.find(({ id }) => id === images[i].id) as LawnScene;
        const [named] = await model.predict(image, { top: 1 });
        expect([predicted, probability, score]).toEqual([
          named.index,
          rounded(named.probability),
          rounded(named.score),
        ]);
        const own = await explain(model, image, { method, target: named.index });
        expect(map).toEqual(smallMap(placedMap(own), key.grid));
      }
    }
  });

  it("refuses what is not finite by predict's words", async () => {
    const broken = new Tensor(new Float32Array(96 * 96 * 3).fill(3e38), [1, 96, 96, 3]);
    await expect(audit(model, [{ id: "far", image: broken }])).rejects.toThrow(
      /far.*(score|target).*is (NaN|-?Infinity)/,
    );
  });

  it("is plain data that depends on the set of pictures alone", async () => {
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
    const stream = async function* () {
      yield* [...scenes].reverse();
    };
    expect(await audit(model, stream())).toEqual(whole);
    const [a, b] = [await audit(model, scenes.slice(0, 6)), await audit(model, scenes.slice(4))];
    expect(await mergeAudits(b, a)).toEqual(whole);
    expect(await mergeAudits(a, b, a, JSON.parse(JSON.stringify(whole)))).toEqual(whole);
  });

  it("goes on where it stopped, without looking at pictures again", async () => {
    const part = await audit(model, scenes.slice(0, 9));
    let loads = 0;
    const images = scenes.map((scene) => ({
      ...scene,
      image: () => {
        loads++;
        return scene.image;
      },
    }));
    expect(await audit(model, images, { from: part })).toEqual(whole);
    expect(loads).toBe(scenes.length - 9);
  });

  it("looks anew at a picture of another digest, takes another label, and goes on from no other reading of the file", async () => {
    const looked: string[] = [];
    const items = scenes.slice(0, 4).map((scene) => ({
      ...{ id: scene.id, label: scene.label, mask: scene.mask, digest: `sha256:${scene.id}` },
      image: () => {
        looked.push(scene.id);
        return scene.image;
      },
    }));
    const from = JSON.parse(JSON.stringify(await audit(model, items)));
    looked.length = 0;
    const changed = items.map((item, i) => ({
      ...item,
      ...(i === 0 && { label: "none" }),
      ...(i === 1 && { digest: "" }),
    }));
    const onward = await audit(model, changed, { from });
    expect(looked).toEqual([items[1].id]);
    expect(onward).toEqual(await audit(model, changed));
    expect(onward.unknownLabels).toEqual(["none"]);
    await expect(audit(model, [{ ...items[0], digest: 1 as never }])).rejects.toThrow("digest is a text");
    const other = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")), {
      preprocess: { mean: 0.5 },
    });
    await expect(audit(other, items, { from })).rejects.toThrow("from belongs to another audit: its preprocess is");
    const low = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")), { memory: "low" });
    await expect(audit(low, items, { from })).rejects.toThrow("from belongs to another audit: its memory is undefined");
  });

  it("leaves out what cannot be read, and says so", async () => {
    const images = [
      ...scenes.slice(0, 3),
      { id: "broken", image: () => Promise.reject(new InputError("It is torn.")) },
    ];
    await expect(audit(model, images)).rejects.toThrow('Image "broken": It is torn.');
    const { failures, images: seen } = await audit(model, images, { onError: "skip" });
    expect(failures).toEqual([{ id: "broken", message: "It is torn." }]);
    expect(seen).toHaveLength(3);
  });

  it("counts labels that are no class neither as right nor as wrong", async () => {
    const images = scenes.slice(0, 4).map((scene, i) => ({ ...scene, label: i < 2 ? "wolf" : scene.label }));
    const { unknownLabels, images: seen } = await audit(model, images);
    expect(unknownLabels).toEqual(["wolf"]);
    expect(seen.filter(({ labelIndex }) => labelIndex === undefined)).toHaveLength(2);
  });

  it("refuses parts of another audit, and damaged ones", async () => {
    await expect(audit(model, scenes, { from: whole, grid: 6 })).rejects.toThrow(
      "its grid is 8, that of this audit is 6",
    );
    await expect(mergeAudits({ ...whole, images: [{} as never] })).rejects.toThrow("image 1 is not whole");
    await expect(mergeAudits()).rejects.toThrow("at least one part");
  });

  it("compares with a network that tells no class from another, or with another one", async () => {
    using honest = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
    const few = scenes.slice(0, 3);
    const [weights, network] = [
      await audit(model, few, { control: "weights" }),
      await audit(model, few, { control: honest }),
    ];
    expect(weights.audit.control).toBe("weights");
    expect(network.audit.control).toMatch(/^sha256:/);
    expect(weights.images.map(({ evidence }) => evidence)).toEqual(network.images.map(({ evidence }) => evidence));
    expect(weights.images.map(({ control }) => control)).not.toEqual(network.images.map(({ control }) => control));
    expect(await audit(model, few, { control: "weights" })).toEqual(weights);
  });

  it("makes a page, with the photographs that it names", () => {
    const ids = auditExamples(whole);
    const photos = Object.fromEntries(scenes.filter(({ id }) => ids.includes(id)).map(({ id, image }) => [id, image]));
    const page = htmlReport(whole, { photos, models: model });
    for (const id of ids) expect(page).toContain(id);
    expect(htmlReport(whole)).toContain("Mean map");
    expect(page).toContain("Per answer of the network");
  });
});

describe("spectralClusters", () => {
  const blobs = (centres: readonly (readonly number[])[], each: number): number[][] => {
    const random = new Random(4);
    return centres.flatMap((centre) =>
      Array.from({ length: each }, () => centre.map((value) => value + 0.1 * random.normal())),
    );
  };
  it("finds blobs and their number, whatever the seed", () => {
    const centres = [
      [0, 0, 0],
      [3, 0, 0],
      [0, 3, 1],
    ];
    for (const seed of [0, 1, 2]) {
      const { clusters, eigenvalues } = spectralClusters(blobs(centres, 12), seed);
      expect(new Set(clusters).size).toBe(3);
      for (const [i, cluster] of clusters.entries()) expect(cluster).toBe(clusters[12 * Math.floor(i / 12)]);
      expect(eigenvalues[2]).toBeLessThan(0.01);
      expect(eigenvalues[3]).toBeGreaterThan(0.1);
    }
  });
  it("leaves one blob and few points together", () => {
    expect(new Set(spectralClusters(blobs([[0, 0, 0]], 30), 0).clusters).size).toBe(1);
    expect(spectralClusters([[1], [2], [9]], 0).clusters).toEqual([0, 0, 0]);
    expect(
      new Set(
        spectralClusters(
          Array.from({ length: 12 }, () => [1, 1]),
          0,
        ).clusters,
      ).size,
    ).toBe(1);
  });
});
