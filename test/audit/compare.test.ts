import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type Comparison, compareModels, htmlReport, InputError, loadModel, type Model } from "../../src/index";
import { type LawnScene, lawnScenes } from "./lawn-scenes";

let [honest, cheater]: Model[] = [];
let scenes: LawnScene[];
let found: Comparison;
beforeAll(async () => {
  honest = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  cheater = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")));
  scenes = await lawnScenes(
    "examples/images",
    [
      { label: "cat", lawn: 5, elsewhere: 3 },
      { label: "dog", lawn: 2, elsewhere: 0 },
    ],
    2,
  );
  found = await compareModels(honest, cheater, scenes);
});

describe("compareModels", () => {
  it("says where answers differ, and how alike the evidence is", async () => {
    const said = (model: Model) =>
      Promise.all(scenes.map(async ({ image }) => (await model.predict(image, { top: 1 }))[0].label));
    const [a, b] = [await said(honest), await said(cheater)];
    const differing = scenes.filter((_, i) => a[i] !== b[i]).map(({ id }) => id);
    expect(differing.length).toBeGreaterThan(0);
    expect([...found.differentAnswers].sort()).toEqual(differing.sort());
    expect(found.agreement).toBeCloseTo(1 - differing.length / scenes.length, 10);
    expect(found.a.accuracy).toBe(1);
    expect(found.b.accuracy).toBeLessThan(1);
    const correlations = found.differentEvidence.map(
      (id) => found.images.find((image) => image.id === id)?.correlation ?? Number.NaN,
    );
    expect(correlations).toEqual([...correlations].sort((x, y) => x - y));
    expect(found.correlation).toBeCloseTo(correlations.reduce((x, y) => x + y, 0) / correlations.length, 10);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it("finds nothing different of a network and itself", async () => {
    const same = await compareModels(honest, honest, scenes.slice(0, 3));
    expect(same.agreement).toBe(1);
    expect(same.correlation).toBeCloseTo(1, 6);
    expect(same.differentAnswers).toEqual([]);
  });

  it("leaves out what cannot be read, if asked", async () => {
    const torn = [scenes[0], { id: "torn", image: () => Promise.reject(new InputError("It is torn.")) }];
    await expect(compareModels(honest, cheater, torn)).rejects.toThrow('Image "torn": It is torn.');
    const { failures, images } = await compareModels(honest, cheater, torn, { onError: "skip" });
    expect(failures).toEqual([{ id: "torn", message: "It is torn." }]);
    expect(images).toHaveLength(1);
  });

  it("goes on from an earlier result of the same comparison, but for what has changed", async () => {
    const looked: string[] = [];
    const items = scenes.slice(0, 4).map(({ id, image, label }) => ({
      ...{ id, label, digest: `sha256:${id}` },
      image: () => {
        looked.push(id);
        return image;
      },
    }));
    const parts: Comparison[] = [];
    const whole = await compareModels(honest, cheater, items, {
      checkpointEvery: 2,
      onCheckpoint: (part) => void parts.push(JSON.parse(JSON.stringify(part))),
    });
    expect(parts.map(({ images }) => images.length)).toEqual([2, 4, 4]);
    looked.length = 0;
    expect(await compareModels(honest, cheater, items, { from: parts[0] })).toEqual(whole);
    expect(looked).toEqual(items.slice(2).map(({ id }) => id));
    // Another label changes what is counted, another digest what is looked at.
    looked.length = 0;
    const relabelled = items.map((item, i) => ({
      ...item,
      ...(i === 0 && { label: "fish" }),
      ...(i === 1 && { digest: "" }),
    }));
    const onward = await compareModels(honest, cheater, relabelled, { from: whole });
    expect(looked).toEqual([items[1].id]);
    expect(onward).toEqual(await compareModels(honest, cheater, relabelled));
    expect(onward.a.accuracy).toBe(0.75);
    for (const [options, what] of [
      [{ grid: 8 }, "grid"],
      [{ seed: 1 }, "seed"],
      [{ method: "saliency" }, "method"],
      [{ layer: "conv4" }, "layer"],
    ] as const) {
      await expect(compareModels(honest, cheater, items, { ...options, from: whole })).rejects.toThrow(
        `from belongs to another comparison: its ${what} is`,
      );
    }
    await expect(compareModels(cheater, honest, items, { from: whole })).rejects.toThrow(
      "its modelHash of network a is",
    );
    const file = new Uint8Array(readFileSync("models/petshop.onnx"));
    const other = await loadModel(file, { preprocess: { mean: 0.5 } });
    await expect(compareModels(other, cheater, items, { from: whole })).rejects.toThrow(
      "its preprocess of network a is",
    );
    const { a: _, ...torn } = whole;
    const [first] = whole.images;
    const images = [
      ...[
        { ...first, a: {} },
        { ...first, b: { ...first.b, map: [] } },
        { ...first, correlation: Number.NaN },
      ],
      ...[
        { ...first, digest: 1 },
        { ...first, agrees: "yes" },
        { ...first, id: undefined },
      ],
    ].map((image) => ({ ...whole, images: [image] }));
    const others = [null, {}, [], torn, { ...whole, images: {} }, { ...whole, failures: [{}] }, Promise.resolve(whole)];
    for (const damaged of [...images, ...others]) {
      await expect(compareModels(honest, cheater, items, { from: damaged as never })).rejects.toThrow(InputError);
    }
  });

  it("counts no label that is no class of a network", async () => {
    const [{ image }] = scenes;
    const { index } = (await honest.predict(image, { top: 1 }))[0];
    const labelled = async (label: string | number) =>
      (await compareModels(honest, honest, [{ id: "a", image, label }])).a;
    expect(await labelled(index)).toMatchObject({ accuracy: 1 });
    expect(await labelled(String(index))).toMatchObject({ accuracy: 1 });
    for (const label of [1000, "1000", -1, 0.5, "owl"]) expect(await labelled(label)).not.toHaveProperty("accuracy");
    await expect(compareModels(honest, honest, [{ id: "", image }])).rejects.toThrow(
      "Image 1 of the stream must be { id, image, label? } with a text as id",
    );
  });

  it("makes a page of both", () => {
    const photos = Object.fromEntries(scenes.slice(0, 2).map(({ id, image }) => [id, image]));
    const page = htmlReport({ ...found, differentEvidence: found.differentEvidence.slice(0, 2) }, { photos });
    expect(page).toContain("Different answers");
    for (const { name } of [found.a, found.b]) expect(page).toContain(`Evidence of ${name}`);
  });
});
