import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type ConceptReport,
  concepts,
  decodeImage,
  htmlReport,
  type ImageLike,
  inspect,
  loadModel,
  lrp,
  type Model,
  type TopActivations,
  topActivations,
} from "../../src/index";

let model: Model;
let photo: ImageLike;
let report: ConceptReport;
let references: TopActivations;
const names = ["scene-cat-00.png", "scene-fish-02.png", "lawn-cat-02.png", "cage-dog-02.png"];
const photos: Record<string, ImageLike> = {};
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  for (const name of names) photos[name] = await decodeImage(new Uint8Array(readFileSync(`examples/images/${name}`)));
  photo = photos["scene-cat-00.png"];
  const images = names.map((id) => ({ id, image: photos[id] }));
  references = await topActivations(model, images, { layer: "relu6", by: "relevance", top: 2 });
  report = await concepts(model, photo, { layer: "relu6", top: 4, references });
});

describe("lrp under conditions", () => {
  it("is all of the relevance over all units together", async () => {
    const whole = await lrp(model, photo);
    const { shape } = inspect(model).layers.find(({ name }) => name === "relu5") ?? { shape: [0] };
    const units = shape[shape.length - 1];
    const half = Array.from({ length: units }, (_, unit) => unit).filter((unit) => unit % 2 === 0);
    const rest = Array.from({ length: units }, (_, unit) => unit).filter((unit) => unit % 2 === 1);
    const [a, b] = [
      await lrp(model, photo, { conditions: { relu5: half } }),
      await lrp(model, photo, { conditions: { relu5: rest } }),
    ];
    const largest = Math.max(...whole.values.data.map(Math.abs));
    whole.values.data.forEach((value, i) => {
      expect(Math.abs(a.values.data[i] + b.values.data[i] - value) / largest).toBeLessThan(1e-4);
    });
    expect(a.values.data).not.toEqual(whole.values.data);
    const all = await lrp(model, photo, { conditions: { relu5: [...half, ...rest] } });
    expect(all.values.data).toEqual(whole.values.data);
    expect(a.recipe.options.conditions).toEqual({ relu5: half });
    expect(a.notes.map(({ code }) => code)).not.toContain("relevance-strays");
  });

  it("meets the conditions of several layers", async () => {
    const none = await lrp(model, photo, { conditions: { relu6: [report.concepts[0].unit], relu5: [] } });
    expect(none.values.data.every((value) => value === 0)).toBe(true);
  });

  it("says what is wrong with them", async () => {
    await expect(lrp(model, photo, { conditions: { relu9: [0] } })).rejects.toThrow("relu9");
    await expect(lrp(model, photo, { conditions: { relu6: [9999] } })).rejects.toThrow("has units 0 to");
    await expect(lrp(model, photo, { conditions: [1] as never })).rejects.toThrow("units by layer");
    for (const layer of ["relu5", "relu6"]) {
      await expect(lrp(model, photo, { layer, conditions: { relu5: [0] } })).rejects.toThrow(
        `nothing of what arrives at the layer "${layer}" passes through "relu5"`,
      );
    }
    const above = await lrp(model, photo, { layer: "relu5", conditions: { relu6: [report.concepts[0].unit] } });
    expect(above.values).not.toEqual((await lrp(model, photo, { layer: "relu5" })).values);
  });
});

describe("concepts", () => {
  it("ranks units by their relevance at the layer", async () => {
    const { values } = await lrp(model, photo, { layer: "relu6" });
    const channels = values.shape[3];
    const sums = new Float64Array(channels);
    values.data.forEach((value, i) => {
      sums[i % channels] += value;
    });
    const best = [...sums.keys()].sort((a, b) => sums[b] - sums[a]).slice(0, 4);
    expect(report.concepts.map(({ unit }) => unit)).toEqual(best);
    for (const { unit, relevance, attribution } of report.concepts) {
      expect(relevance).toBeCloseTo(sums[unit], 6);
      const alone = await lrp(model, photo, { conditions: { relu6: [unit] } });
      expect(attribution.values.data).toEqual(alone.values.data);
    }
    expect(report.concepts[0].share).toBeGreaterThan(report.concepts[3].share);
  });

  it("says what the score is without each, and which ones turn the answer", async () => {
    for (const { unit, scoreWithout } of report.concepts) {
      const all = await model.predict(photo, { top: 8, intervene: [{ layer: "relu6", units: unit }] });
      expect(scoreWithout).toBe(all.find(({ index }) => index === report.target.index)?.score);
    }
    const many = await concepts(model, photo, { layer: "relu6", top: 64 });
    expect(many.flip?.from.label).toBe("cat");
    const units = many.flip?.units ?? [];
    const turned = await model.predict(photo, { top: 1, intervene: [{ layer: "relu6", units }] });
    expect(turned[0].label).toBe(many.flip?.to.label);
    expect(turned[0].label).not.toBe("cat");
    const fewer = await model.predict(photo, { top: 1, intervene: [{ layer: "relu6", units: units.slice(0, -1) }] });
    expect(fewer[0].label).toBe("cat");
  });

  it("shows what each stands for", () => {
    for (const { unit, references: hits } of report.concepts)
      expect(hits).toEqual(references.units.find((each) => each.unit === unit)?.top);
    const page = htmlReport(report, { photos: { ...photos, picture: photo } });
    expect(page).toContain(`What the unit saw in ${report.concepts[0].references[0].id}`);
    expect(page).toContain("Where unit");
    expect(htmlReport(report)).toContain("Where unit");
  });

  it("says which it was where no answer turned", async () => {
    const [named, next] = await model.predict(photo, { top: 2 });
    const same = await concepts(model, photo, { layer: "relu6", top: 1 });
    expect(same.named).toEqual({ index: named.index, label: named.label });
    expect(same.flip).toBeUndefined();
    expect(htmlReport(same)).toContain(`Without all of these units together the network still says “${named.label}”.`);
    const other = await concepts(model, photo, { layer: "relu6", top: 1, target: next.index });
    expect(other.named).toEqual(same.named);
    const page = htmlReport(other);
    expect(page).toContain(`<strong>What speaks for “${next.label}”</strong>`);
    expect(page).toContain(`though the network says “${named.label}”`);
    expect(page).not.toContain(`The network says “${next.label}”`);
    expect(page).not.toContain("still says");
    const { named: _, ...torn } = same;
    expect(() => htmlReport(torn as ConceptReport)).toThrow("a report of concepts");
  });

  it("refuses references of another layer", async () => {
    await expect(concepts(model, photo, { layer: "relu5", references })).rejects.toThrow(
      'references are of layer "relu6"',
    );
  });
});
