import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  contactSheet,
  cropImage,
  decodeImage,
  type ImageLike,
  InputError,
  loadModel,
  type Model,
  OptionError,
  projectActivation,
  projectionImage,
  receptiveField,
  TargetError,
  Tensor,
  type TopActivations,
  topActivations,
  unitPage,
  unitSummary,
} from "../../src/index";

const names = ["cage-dog-02", "lawn-cat-02", "scene-cat-00", "scene-fish-02", "scene-rabbit-02", "scene-turtle-02"];
const read = async (id: string): Promise<ImageLike> =>
  decodeImage(new Uint8Array(readFileSync(`examples/images/${id}.png`)));
let model: Model;
let result: TopActivations;
beforeAll(async () => {
  model = await loadModel();
  const images = names.map((id) => ({ id, image: () => read(id) }));
  result = await topActivations(model, images, { layer: "relu4", unit: [8, 20, 33], top: 3 });
});

/** RGB of a part of a picture, row by row. */
function pixels({ data, width, height }: ImageLike, x: number, y: number, w: number, h: number): number[] {
  const channels = data.length / (width * height);
  return Array.from({ length: w * h * 3 }, (_, i) => {
    const [row, column] = [Math.floor(i / 3 / w), Math.floor(i / 3) % w];
    return data[((y + row) * width + x + column) * channels + (i % 3)];
  });
}

/** Where a picture lies in another, as [x, y]. */
function find(whole: ImageLike, part: ImageLike): [number, number] | undefined {
  const wanted = pixels(part, 0, 0, part.width, part.height);
  const first = pixels(part, 0, 0, part.width, 1).join();
  for (let y = 0; y + part.height <= whole.height; y++) {
    for (let x = 0; x + part.width <= whole.width; x++) {
      if (pixels(whole, x, y, 1, 1).join() !== wanted.slice(0, 3).join()) continue;
      if (pixels(whole, x, y, part.width, 1).join() !== first) continue;
      if (pixels(whole, x, y, part.width, part.height).join() === wanted.join()) return [x, y];
    }
  }
  return undefined;
}

describe("contact sheet", () => {
  it("shows each crop, pixel for pixel where the tile has its size, best first, a row per unit", async () => {
    // relu4 sees 38×38 pixels; of the mid-grid ones every crop is whole.
    const sheet = await contactSheet(model, result, read, { unit: [8, 33], tile: 38 });
    const rows: number[] = [];
    for (const unit of [8, 33]) {
      const { top, middle, random } = unitSummary(result, unit);
      const places = [];
      for (const hit of [...top, ...middle.map((entry) => entry.hit), ...random]) {
        const { x, y, width, height } = hit.crop;
        const crop = { data: Uint8Array.from(pixels(await read(hit.id), x, y, width, height)), width, height };
        places.push(find(sheet, crop));
      }
      expect(places.every((place) => place !== undefined)).toBe(true);
      const [[first, row], [second], [third]] = places as [number, number][];
      expect(first).toBeLessThan(second);
      expect(second).toBeLessThan(third);
      rows.push(row);
    }
    expect(rows[0]).toBeLessThan(rows[1]);
  });

  it("fetches every image once, takes tensors, and needs no sample", async () => {
    const asked: string[] = [];
    const source = (id: string): Promise<ImageLike> => {
      asked.push(id);
      return read(id);
    };
    await contactSheet(model, result, source);
    expect(asked.sort()).toEqual([...new Set(asked)]);
    const tensor = new Tensor(
      new Float32Array(96 * 96 * 3).map((_, i) => Math.sin(i / 50)),
      [1, 96, 96, 3],
    );
    const found = await topActivations(model, [{ id: "waves", image: tensor }], { layer: "relu2", unit: 0, sample: 0 });
    expect(found.units[0].sample).toEqual([]);
    const { width } = await contactSheet(model, found, () => tensor, { tile: 20 });
    expect(width).toBeGreaterThan(100);
  });

  it("says what is wrong", async () => {
    using other = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")));
    await expect(contactSheet(other, result, read)).rejects.toThrow("The result belongs to another model");
    await expect(contactSheet(model, result, read, { unit: 9 })).rejects.toThrow(TargetError);
    await expect(contactSheet(model, result, read, { unit: 9 })).rejects.toThrow(
      "has no unit 9; it looked at 8, 20, 33.",
    );
    await expect(contactSheet(model, result, read, { unit: [] })).rejects.toThrow("One picture shows 1 to 64 units");
    await expect(contactSheet(model, result, read, { tile: 3 })).rejects.toThrow(OptionError);
    await expect(contactSheet(model, result, () => undefined as never)).rejects.toThrow(InputError);
    await expect(contactSheet(model, result, () => undefined as never)).rejects.toThrow(
      /The image "[a-z0-9-]+" was asked for/,
    );
    expect(() => unitSummary(result, 8, { quantiles: [2] })).toThrow("quantiles lie between 0 and 1, got 2.");
  });
});

describe("quantiles", () => {
  it("come from the sample, whose rank error is the one promised", async () => {
    const blank = { data: new Uint8Array(96 * 96 * 3), width: 96, height: 96 };
    const images = Array.from({ length: 256 }, (_, i) => ({
      id: `grey ${i}`,
      image: { ...blank, data: new Uint8Array(96 * 96 * 3).fill(i) },
    }));
    const all = await topActivations(model, images, { layer: "conv1", top: 256, sample: 64, batchSize: 16 });
    for (const { unit, top } of all.units) {
      const { middle } = unitSummary(all, unit, { quantiles: [0.25, 0.5, 0.75] });
      for (const { quantile, hit } of middle) {
        const rank = 1 - top.findIndex(({ id }) => id === hit.id) / 255;
        // Three standard errors of ½/√64.
        expect(Math.abs(rank - quantile)).toBeLessThan(3 * 0.0625);
      }
      expect(middle.map(({ hit }) => hit.score)).toEqual(middle.map(({ hit }) => hit.score).sort((a, b) => a - b));
    }
  });
});

describe("unit page", () => {
  it("projects each hit from its own place, inside its crop", async () => {
    const { picture, hits } = await unitPage(model, result, read, { unit: [20, 8], tile: 38 });
    expect(hits.map(({ unit }) => unit)).toEqual([20, 20, 20, 8, 8, 8]);
    for (const { unit, hit, values, crop, projection } of hits) {
      const { image, kept } = await projectActivation(model, await read(hit.id), { layer: "relu4", unit });
      expect(kept[0]).toEqual({ unit, position: hit.position, value: hit.score });
      expect(values.data).toEqual(image.data);
      const field = receptiveField(model, "relu4", { position: hit.position, unit });
      const largest = values.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      values.data.forEach((value, i) => {
        const [x, y] = [Math.floor(i / 3) % 96, Math.floor(i / 3 / 96)];
        const inside = x >= field.x && x < field.x + field.width && y >= field.y && y < field.y + field.height;
        // Beside the field only what Winograd's transforms leave.
        if (!inside) expect(Math.abs(value)).toBeLessThan(1e-5 * largest);
      });
      expect(find(picture, crop)).toBeDefined();
      const [, below] = find(picture, projection) as [number, number];
      const [, above] = find(picture, crop) as [number, number];
      expect(below).toBe(above + 40);
    }
  });

  it("stretches the contrast around grey", async () => {
    const values = new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]);
    values.data.set([0.001, 0, -0.002]);
    const { data } = projectionImage(model, values, { percentile: 100 });
    expect([...data.slice(0, 8)]).toEqual([192, 128, 1, 255, 128, 128, 128, 255]);
    expect([
      ...projectionImage(model, new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3])).data.slice(0, 3),
    ]).toEqual([128, 128, 128]);
    expect(() => projectionImage(model, values, { percentile: 0 })).toThrow("percentile must be above 0");
    const signal = new Tensor(new Float32Array(6), [1, 2, 3]);
    expect(() => projectionImage(model, signal)).toThrow(/takes a tensor \[1, H, W, 3\] .* got 1×2×3/);
  });
});

it("cropImage cuts a part and resamples it", async () => {
  const image = await read("scene-cat-00");
  const part = cropImage(image, { x: 10, y: 20, width: 30, height: 40 });
  expect([part.width, part.height]).toEqual([30, 40]);
  expect(pixels(part, 0, 0, 30, 40)).toEqual(pixels(image, 10, 20, 30, 40));
  expect(() => cropImage(image, { x: 0, y: 0, width: 0, height: 4 })).toThrow("got 0×4 at 0, 0");
  expect(() => cropImage(image, { x: 0, y: 0, width: 4, height: 4 }, { width: 1.5, height: 4 })).toThrow(
    "size.width must be a whole number of at least 1, got 1.5",
  );
});

it("projects one place, and says how to name it", async () => {
  const image = await read("scene-cat-00");
  const { kept } = await projectActivation(model, image, { layer: "relu4", unit: 3, position: [5, 6] });
  expect(kept).toMatchObject([{ unit: 3, position: [5, 6] }]);
  await expect(projectActivation(model, image, { layer: "relu4", position: [5, 6] })).rejects.toThrow(
    "give its unit as well",
  );
  await expect(projectActivation(model, image, { layer: "relu4", unit: 3, keep: 2, position: [5, 6] })).rejects.toThrow(
    "leave keep out",
  );
  await expect(projectActivation(model, image, { layer: "relu4", unit: 3, position: [12, 6] })).rejects.toThrow(
    TargetError,
  );
});
