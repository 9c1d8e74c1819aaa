import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  decodeImage,
  type Hit,
  type ImageLike,
  InputError,
  LayerError,
  loadModel,
  type Model,
  mergeTopActivations,
  OptionError,
  placement,
  preprocess,
  receptiveField,
  type SearchOptions,
  saliency,
  TargetError,
  Tensor,
  type TopActivations,
  topActivations,
} from "../../src/index";
import { randomIntegers } from "../graph/build";
import fc from "../seeded";

let model: Model;
let scenes: { id: string; image: ImageLike }[];
beforeAll(async () => {
  model = await loadModel();
  const names = ["cage-dog-02", "lawn-cat-02", "lawn-cat-04", "lawn-dog-01", "scene-cat-00", "scene-fish-02"];
  const more = ["scene-rabbit-02", "scene-snake-01", "scene-turtle-02"];
  scenes = await Promise.all(
    [...names, ...more].map(async (id) => {
      return { id, image: await decodeImage(new Uint8Array(readFileSync(`examples/images/${id}.png`))) };
    }),
  );
});

const search = (images: readonly { id: string; image: ImageLike }[], options: Partial<SearchOptions> = {}) =>
  topActivations(model, images, { layer: "relu4", ...options });

/** Maps of a layer for one image, by unit. */
async function maps(image: ImageLike | Tensor, layer: string): Promise<{ width: number; units: Float32Array[] }> {
  const { shape, data } = (await model.run(image, { capture: [layer] })).activations.get(layer) as Tensor;
  const units = Array.from({ length: shape[3] }, (_, unit) => data.filter((_, i) => i % shape[3] === unit));
  return { width: shape[2], units };
}

const best = (values: ArrayLike<number>): number => {
  let at = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[at]) at = i;
  return at;
};

describe("finds what one image at a time finds", () => {
  it("the maximum of every unit, its place and what it sees there", async () => {
    const { units, images, search: key } = await search(scenes);
    const all = await Promise.all(scenes.map(async ({ id, image }) => ({ id, ...(await maps(image, "relu4")) })));
    expect(units).toHaveLength(64);
    expect(images).toBe(scenes.length);
    expect(key).toMatchObject({ layer: "relu4", top: 5, by: "activation", score: "max" });
    for (const { unit, top } of units) {
      const expected = all
        .map(({ id, width, units: values }) => {
          const at = best(values[unit]);
          return { id, score: values[unit][at], position: [Math.floor(at / width), at % width] as [number, number] };
        })
        .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
        .slice(0, 5)
        .map((hit) => ({ ...hit, crop: receptiveField(model, "relu4", { position: hit.position, unit }) }));
      expect(top).toEqual(expected);
    }
  });

  it("the mean", async () => {
    const { units } = await search(scenes, { unit: [9, 3], score: "mean", top: 1 });
    expect(units.map(({ unit }) => unit)).toEqual([3, 9]);
    const means = await Promise.all(
      scenes.map(async ({ image }) => {
        const values = (await maps(image, "relu4")).units[3];
        return values.reduce((a, b) => a + b, 0) / values.length;
      }),
    );
    expect(units[0].top).toMatchObject([{ id: scenes[best(means)].id, score: means[best(means)] }]);
  });

  it("relevance: activation times the gradient of the class score", async () => {
    for (const target of [undefined, "dog"]) {
      const { units, search: key } = await search(scenes.slice(0, 3), { by: "relevance", target, top: 3 });
      expect(key).toMatchObject({ by: "relevance", target: target ?? "top" });
      for (const { id, image } of scenes.slice(0, 3)) {
        const { values } = await saliency(model, image, { layer: "relu4", target });
        const { width, units: activations } = await maps(image, "relu4");
        for (const unit of [0, 17, 63]) {
          const products = activations[unit].map((a, i) => a * values.data[i * 64 + unit]);
          const at = best(products);
          const hit = units[unit].top.find((found) => found.id === id) as Hit;
          expect(hit.position).toEqual([Math.floor(at / width), at % width]);
          expect(hit.score).toBe(products[at] + 0);
        }
      }
    }
  });

  it("whatever the batch and the iterable", async () => {
    async function* stream() {
      for (const { id, image } of scenes) yield { id, image: async () => image };
    }
    const expected = await search(scenes, { batchSize: 1 });
    expect(await topActivations(model, stream(), { layer: "relu4", batchSize: 7 })).toEqual(expected);
    expect(await search(scenes, { layer: model.layers.find(({ name }) => name === "relu4")?.name })).toEqual(expected);
    const tensors = scenes.map(({ id, image }) => ({
      id,
      image: preprocess(image, { width: 96, height: 96, channels: 3 }),
    }));
    expect((await topActivations(model, tensors, { layer: "relu4" })).units[5].top).toHaveLength(5);
  });

  it("gives the layer's features where there are no places", async () => {
    const { units } = await search(scenes, { layer: model.output.name, unit: 0 });
    expect(units[0].top[0]).toMatchObject({ id: expect.stringContaining("cat"), position: [0, 0] });
    expect(units[0].top[0].crop).toEqual({ x: 0, y: 0, width: 96, height: 96 });
  });
});

describe("crops of pictures that were resampled", () => {
  const random = randomIntegers(3);
  const noisy = (width: number, height: number): ImageLike => ({
    data: Uint8Array.from({ length: width * height * 3 }, () => random(0, 255)),
    width,
    height,
  });
  for (const [fit, width, height] of [
    ["crop", 301, 190],
    ["pad", 150, 260],
    ["stretch", 60, 130],
    ["crop", 80, 50],
  ] as const) {
    it(`${fit}, ${width}×${height}: nothing outside counts, every edge does`, async () => {
      using fitted = await loadModel(undefined, { preprocess: { fit } });
      const image = noisy(width, height);
      for (const layer of ["conv1", "conv2"]) {
        const { units } = await topActivations(fitted, [{ id: "noise", image }], { layer, unit: 1 });
        const [{ crop, position, score }] = units[0].top;
        const at = async (picture: ImageLike): Promise<number> => {
          const { shape, data } = (await fitted.run(picture, { capture: [layer] })).activations.get(layer) as Tensor;
          return data[(position[0] * shape[2] + position[1]) * shape[3] + 1];
        };
        const change = (where: (y: number, x: number) => boolean): ImageLike => ({
          ...image,
          data: image.data.map((value, i) => {
            const pixel = Math.floor(i / 3);
            return where(Math.floor(pixel / width), pixel % width) ? 255 - value : value;
          }) as Uint8Array,
        });
        const [right, bottom] = [crop.x + crop.width, crop.y + crop.height];
        const inside = (y: number, x: number): boolean => y >= crop.y && y < bottom && x >= crop.x && x < right;
        expect(await at(image)).toBe(score);
        expect(Math.abs((await at(change((y, x) => !inside(y, x)))) - score)).toBeLessThan(1e-5);
        for (const edge of [
          (y: number) => y === crop.y,
          (y: number) => y === bottom - 1,
          (_: number, x: number) => x === crop.x,
          (_: number, x: number) => x === right - 1,
        ]) {
          expect(await at(change((y, x) => inside(y, x) && edge(y, x))), `${layer} ${JSON.stringify(crop)}`).not.toBe(
            score,
          );
        }
        const region = placement(image, { width: 96, height: 96 }, fit);
        expect(crop.x).toBeGreaterThanOrEqual(Math.max(0, Math.floor(region.x) - 4));
      }
    });
  }
});

describe("parts", () => {
  /** Thirty small images, so that thousands of merges are quick. */
  const small = (): { id: string; image: ImageLike }[] => {
    const random = randomIntegers(8);
    return Array.from({ length: 30 }, (_, i) => {
      const { image } = scenes[i % scenes.length];
      const data = image.data.map((value, at) => (at % 4 === 3 ? 255 : Math.min(255, value + random(0, 9) * (i % 7))));
      return { id: `image ${i}`, image: { ...image, data: data as Uint8Array } };
    });
  };
  const options = { unit: [1, 2, 40], top: 3, sample: 4 };

  it("any sharding, order, tree and redelivery give one result", async () => {
    const images = small();
    const single = await Promise.all(images.map((image) => search([image], { ...options, shard: image.id })));
    const { shards: _, ...whole } = await search(images, options);
    const through = (part: TopActivations): TopActivations => JSON.parse(JSON.stringify(part));
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(
          Array.from({ length: 30 }, (_, i) => i),
          { minLength: 30 },
        ),
        fc.array(fc.nat(29), { maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        async (order, again, choices) => {
          let parts = [...order, ...again].map((i) => single[i]);
          while (parts.length > 1) {
            const size = 1 + (choices.next().value % Math.min(4, parts.length));
            const at = choices.next().value % (parts.length - size + 1);
            const merged = through(mergeTopActivations(...parts.slice(at, at + size)));
            parts = [...parts.slice(0, at), merged, ...parts.slice(at + size)];
            if (size === 1) parts = [mergeTopActivations(...parts)];
          }
          const { shards, ...joined } = parts[0];
          expect(joined).toEqual(whole);
          expect(Object.keys(shards)).toHaveLength(30);
        },
      ),
      { numRuns: 60 },
    );
    const forwards = mergeTopActivations(...single);
    expect(JSON.stringify(mergeTopActivations(...[...single].reverse()))).toBe(JSON.stringify(forwards));
    expect(mergeTopActivations(forwards, forwards)).toEqual(forwards);
  });

  it("an id in two shards counts once in every list, with its better hit", async () => {
    const [first, second] = small();
    const twice = mergeTopActivations(
      await search([first, second], { ...options, shard: "a" }),
      await search([second, { ...first, image: second.image }], { ...options, shard: "b" }),
    );
    const [one, two] = await Promise.all([first, second].map((image) => search([image], options)));
    for (const [i, { top, sample }] of twice.units.entries()) {
      expect(top.map(({ id }) => id).sort()).toEqual([first.id, second.id]);
      expect(sample.map(({ id }) => id).sort()).toEqual([first.id, second.id]);
      const scores = [one, two].map(({ units }) => units[i].top[0].score);
      expect(top.find(({ id }) => id === first.id)?.score).toBe(Math.max(...scores));
    }
  });

  it("ties fall to the smaller id and the first place", async () => {
    const flat = { ...scenes[0].image, data: new Uint8Array(scenes[0].image.data.length).fill(90) };
    const images = ["b", "c", "a"].map((id) => ({ id, image: flat }));
    const { units } = await search(images, { layer: "relu1", top: 2 });
    const { width, units: values } = await maps(flat, "relu1");
    // Inside the frame, where no padding shows, all places of one colour are alike.
    const tied = units.filter(({ unit, top }) => values[unit].filter((value) => value === top[0].score).length > 1);
    expect(tied.length).toBeGreaterThan(0);
    for (const { unit, top } of tied) {
      expect(top.map(({ id }) => id)).toEqual(["a", "b"]);
      const at = best(values[unit]);
      expect(top[0].position).toEqual([Math.floor(at / width), at % width]);
    }
  });

  it("goes on where an earlier part stopped, and loads nothing twice", async () => {
    const images = small();
    const loaded: string[] = [];
    const lazy = images.map(({ id, image }) => ({
      id,
      image: () => {
        loaded.push(id);
        return image;
      },
    }));
    const whole = await search(images, options);
    const checkpoints: TopActivations[] = [];
    await topActivations(model, lazy, {
      layer: "relu4",
      ...options,
      batchSize: 3,
      checkpointEvery: 5,
      onCheckpoint: (part) => void checkpoints.push(JSON.parse(JSON.stringify(part))),
    });
    expect(checkpoints.map(({ images: count }) => count)).toEqual([6, 12, 15, 21, 27, 30, 30]);
    expect(checkpoints.at(-1)).toEqual(whole);
    loaded.length = 0;
    const rest = await topActivations(model, lazy, { layer: "relu4", ...options, from: checkpoints[2] });
    expect(rest).toEqual(whole);
    expect(loaded).toEqual(images.slice(15).map(({ id }) => id));
    const nothing = await topActivations(model, lazy, { layer: "relu4", ...options, from: rest });
    expect(nothing).toEqual(whole);
    expect(loaded).toHaveLength(15);
    const swapped = [images[0], images[2], images[1], ...images.slice(3)];
    await expect(search(swapped, { ...options, from: checkpoints[2], shard: "other" })).resolves.toBeDefined();
    const moved = [...images.slice(0, 14), images[20], ...images.slice(15)];
    await expect(search(moved, { ...options, from: checkpoints[2] })).rejects.toThrow(
      'Shard "image 0": image 15 is "image 20", the earlier part saw "image 14" there.',
    );
    await expect(search(images.slice(0, 9), { ...options, from: checkpoints[2] })).rejects.toThrow(
      'Shard "image 0" has 9 images, the earlier part saw 15',
    );
  });

  it("of different searches are refused, with the difference", async () => {
    const [one] = small();
    const part = await search([one], options);
    const refuse = async (other: Promise<TopActivations>, text: string | RegExp): Promise<void> => {
      const second = await other;
      expect(() => mergeTopActivations(part, second)).toThrow(InputError);
      expect(() => mergeTopActivations(part, second)).toThrow(text);
    };
    await refuse(search([one], { ...options, layer: "relu3" }), 'its layer is "relu3", that of part 1 is "relu4"');
    await refuse(search([one], { ...options, unit: [1, 2] }), "its units is [1,2], that of part 1 is [1,2,40]");
    await refuse(search([one], { ...options, by: "relevance" }), 'its by is "relevance"');
    using cheater = await loadModel(new Uint8Array(readFileSync("models/petshop-cheater.onnx")));
    await refuse(topActivations(cheater, [one], { layer: "relu4", ...options }), /modelHash.*different model files/);
    using stretched = await loadModel(undefined, { preprocess: { fit: "stretch" } });
    await refuse(topActivations(stretched, [one], { layer: "relu4", ...options }), '"fit":"stretch"');
    await expect(search([one], { ...options, top: 4, from: part })).rejects.toThrow(
      "its top is 3, that of this search is 4",
    );
    expect(() => mergeTopActivations()).toThrow("needs at least one part");
    expect(() => mergeTopActivations(search([one]) as never)).toThrow("await topActivations first");
    expect(() => mergeTopActivations(JSON.stringify(part) as never)).toThrow("parse the JSON first");
    expect(() => mergeTopActivations(part, {} as never)).toThrow("Part 2 is no result of topActivations");
    expect(() => mergeTopActivations({ ...part, units: part.units.slice(1) })).toThrow("Part 1 is damaged");
    expect(() => mergeTopActivations({ ...part, format: "v9" as never })).toThrow('has the format "v9"');
    const renamed = await search([{ ...one, id: "x" }], { ...options, shard: one.id });
    expect(() => mergeTopActivations(part, renamed)).toThrow('Two different streams are called "image 0"');
  });
});

describe("the random sample", () => {
  it("is the same for every unit, depends on ids alone and is spread evenly", async () => {
    const { image } = scenes[0];
    const blank = { data: new Uint8Array(image.width * image.height * 3), width: image.width, height: image.height };
    const images = Array.from({ length: 300 }, (_, i) => ({
      id: `shelf/${String(i).padStart(5, "0")}.png`,
      image: blank,
    }));
    const draw = (seed: number, from: typeof images) =>
      search(from, { layer: "conv1", unit: [0, 1], sample: 60, top: 1, seed, batchSize: 50 });
    const { units } = await draw(0, images);
    const ids = units[0].sample.map(({ id }) => id);
    expect(units[1].sample.map(({ id }) => id)).toEqual(ids);
    expect((await draw(0, [...images].reverse())).units[0].sample.map(({ id }) => id)).toEqual(ids);
    expect((await draw(1, images)).units[0].sample.map(({ id }) => id)).not.toEqual(ids);
    // Sixty of three hundred: every fifty hold ten, with a standard deviation of 2.7.
    const counts = new Array<number>(6).fill(0);
    for (const id of ids) counts[Math.floor(Number(id.slice(6, 11)) / 50)]++;
    for (const count of counts) expect(Math.abs(count - 10)).toBeLessThan(9);
  });
});

describe("says what is wrong", () => {
  const image = (): ImageLike => scenes[0].image;

  it("about images, by their id", async () => {
    const bad = [
      scenes[0],
      { id: "empty.png", image: { data: new Uint8Array(0), width: 0, height: 0 } },
      {
        id: "gone.png",
        image: () => {
          throw new Error("no such file");
        },
      },
      scenes[1],
    ];
    await expect(topActivations(model, bad, { layer: "relu4" })).rejects.toThrow(
      /^Image "empty.png": The image is 0×0/,
    );
    const { images, failures, shards, units } = await topActivations(model, bad, { layer: "relu4", onError: "skip" });
    expect(images).toBe(2);
    expect(shards).toEqual({ "cage-dog-02": { images: 4, failed: 2, last: "lawn-cat-02" } });
    expect(failures).toEqual([
      { id: "empty.png", message: expect.stringContaining("0×0") },
      { id: "gone.png", message: "no such file" },
    ]);
    expect(units[0].top).toHaveLength(2);
    await expect(topActivations(model, [{ image: image() }] as never, { layer: "relu4" })).rejects.toThrow(
      "Image 1 of the stream must be { id, image } with a text as id, got an object { image }.",
    );
    await expect(topActivations(model, "folder" as never, { layer: "relu4" })).rejects.toThrow(
      "images must be a list or stream of { id, image }",
    );
    const huge = new Tensor(new Float32Array(96 * 96 * 3).fill(3e38), [1, 96, 96, 3]);
    await expect(topActivations(model, [{ id: "huge", image: huge }], { layer: "relu4" })).rejects.toThrow(
      /^Image "huge": unit \d+ has values that are not finite/,
    );
  });

  it("about options", async () => {
    const one = [{ id: "a", image: image() }];
    await expect(search(one, { layer: "relu44" })).rejects.toThrow(LayerError);
    await expect(search(one, { layer: "input" })).rejects.toThrow(/is the network's input/);
    await expect(search(one, { unit: 64 })).rejects.toThrow(TargetError);
    await expect(search(one, { unit: [] })).rejects.toThrow("empty list");
    await expect(search(one, { top: 0 })).rejects.toThrow("top must be a whole number of at least 1, got 0.");
    await expect(search(one, { batchSize: 1.5 })).rejects.toThrow(OptionError);
    await expect(search(one, { score: "sum" as never })).rejects.toThrow('score "sum" is none of max, mean');
    await expect(search(one, { by: "lrp" as never })).rejects.toThrow('by "lrp" is none of activation, relevance');
    await expect(search(one, { target: 1 })).rejects.toThrow("target belongs to by: 'relevance'");
    await expect(search(one, { by: "relevance", target: "horse" })).rejects.toThrow(TargetError);
    await expect(search(one, { onError: "log" as never })).rejects.toThrow("none of throw, skip");
    await expect(search(one, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});
