/** D-RISE against a plain loop over the masks, and the box that is followed by the methods that change the input. */
import { describe, expect, it } from "vitest";
import {
  type BoxFinder,
  type Detection,
  detect,
  dRise,
  explain,
  type FoundObject,
  kernelShap,
  lime,
  loadModel,
  occlusion,
  rise,
  Tensor,
} from "../../src/index";
import { endToEnd, yoloV8, yolox } from "./networks";
import { cornersOf, iou } from "./reference";

const wave = (side: number): Tensor =>
  new Tensor(
    Float32Array.from({ length: side * side * 3 }, (_, i) => Math.sin(i * 0.7) + Math.cos(i * 0.013)),
    [1, side, side, 3],
  );
const x = wave(64);

/** The weight of what a network makes of an input: over all rows, IoU × cosine × objectness. */
type Weigh = (output: Float32Array, rows: number) => number;

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (p: readonly number[], q: readonly number[]) => p.reduce((sum, each, i) => sum + each * q[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** Masks as `rise` draws them with the same seed: an impulse in the place of the scores gives each back. */
async function masksOf(count: number, grid: number, seed: number, side: number): Promise<Float32Array[]> {
  const seen: Float32Array[] = [];
  await rise(
    async (batch) => {
      const size = side * side;
      for (let i = 0; i < batch.shape[0]; i++) seen.push(batch.data.slice(i * size, (i + 1) * size));
      return new Float32Array(batch.shape[0]);
    },
    new Tensor(new Float32Array(side * side).fill(1), [1, side, side, 1]),
    { masks: count, grid, seed, probability: 0.5 },
  );
  return seen.slice(-count);
}

/** 1/(N p) Σ (w − w̄) M, one mask after the other. */
function plainMap(masks: readonly Float32Array[], weights: readonly number[]): number[] {
  const mean = weights.reduce((total, weight) => total + weight, 0) / weights.length;
  return Array.from(masks[0], (_, place) => {
    const sum = masks.reduce((total, mask, i) => total + (weights[i] - mean) * mask[place], 0);
    return sum / masks.length / 0.5;
  });
}

const hidden = (of: Tensor, mask: Float32Array): Tensor =>
  new Tensor(
    of.data.map((each, i) => each * mask[Math.floor(i / 3)]),
    of.shape,
  );

const boxAt = (x: number, y: number, width: number, height: number) =>
  [x - width / 2, y - height / 2, x + width / 2, y + height / 2] as const;

const network: Readonly<Record<string, { file: Uint8Array; weigh: (best: Detection, plain: Float32Array) => Weigh }>> =
  {
    "YOLOv8, the best class in the place of an objectness": {
      file: yoloV8(0),
      weigh: (best, plain) => {
        const column = (data: Float32Array, n: number, count: number) =>
          Array.from({ length: 7 }, (_, c) => data[c * count + n]);
        const own = column(plain, best.anchor, 84).slice(4);
        return (data, count) =>
          Math.max(
            ...Array.from({ length: count }, (_, n) => {
              const [cx, cy, w, h, ...classes] = column(data, n, count);
              return iou(boxAt(cx, cy, w, h), cornersOf(best)) * cosine(own, classes) * Math.max(...classes);
            }),
          );
      },
    },
    "YOLOX with an objectness": {
      file: yolox,
      weigh: (best, plain) => {
        const row = (data: Float32Array, n: number) => Array.from(data.slice(8 * n, 8 * n + 8));
        const own = row(plain, best.anchor).slice(5);
        const cells = [8, 16, 32].flatMap((stride) =>
          Array.from({ length: (64 / stride) ** 2 }, (_, i) => ({
            stride,
            x: i % (64 / stride),
            y: Math.floor(i / (64 / stride)),
          })),
        );
        return (data, count) =>
          Math.max(
            ...Array.from({ length: count }, (_, n) => {
              const [a, b, c, d, object, ...classes] = row(data, n);
              const { stride, x: left, y: top } = cells[n];
              const box = boxAt((a + left) * stride, (b + top) * stride, Math.exp(c) * stride, Math.exp(d) * stride);
              return iou(box, cornersOf(best)) * cosine(own, classes) * object;
            }),
          );
      },
    },
  };

describe("dRise", () => {
  it.each(Object.entries(network))("of a model is a plain loop: %s", async (_, { file, weigh }) => {
    const model = await loadModel(file, { labels: ["cat", "dog", "bird"] });
    const [best] = await detect(model, x, { threshold: 0 });
    const found = await dRise(model, x, { detection: best, masks: 12, grid: 4, seed: 3 });
    const plain = (await model.run(x)).output.data;
    const weight = weigh(best, plain);
    const masks = await masksOf(12, 4, 3, 64);
    const weights: number[] = [];
    for (const mask of masks) weights.push(weight((await model.run(hidden(x, mask))).output.data, 84));
    expect(new Set(weights).size).toBeGreaterThan(3);
    const map = plainMap(masks, weights);
    expect(found.values.data.length).toBe(3 * map.length);
    for (const [place, value] of map.entries()) expect(found.values.data[3 * place]).toBeCloseTo(value, 5);
    expect(found.target).toEqual({ index: best.index, label: best.label, score: expect.any(Number) });
    expect(found.target.score).toBeCloseTo(weight(plain, 84), 5);
    expect(found.method).toBe("d-rise");
    // By name, as a target, and from its own recipe: the same bits. Another seed: other ones.
    const named = await explain(model, x, { method: "d-rise", detection: best, masks: 12, grid: 4, seed: 3 });
    expect(named.values).toEqual(found.values);
    const asTarget = await dRise(model, x, { target: { detection: best }, masks: 12, grid: 4, seed: 3 } as never);
    expect(asTarget.values).toEqual(found.values);
    const { recipe } = JSON.parse(JSON.stringify(found)) as typeof found;
    const again = await explain(model, x, { ...recipe.options, method: "d-rise", seed: recipe.seed });
    expect(again.values).toEqual(found.values);
    const other = await dRise(model, x, { detection: best, masks: 12, grid: 4, seed: 4 });
    expect(other.values).not.toEqual(found.values);
  });

  it("of a function is a plain loop, whatever it returns", async () => {
    const sum = (data: Float32Array, from: number, to: number) => data.slice(from, to).reduce((a, b) => a + b, 0);
    /** A box that shrinks with what is hidden, and one elsewhere. */
    const findIn = (data: Float32Array): FoundObject[] => {
      const share = Math.abs(sum(data, 0, 32 * 16 * 3) % 1);
      return [
        { box: { x: 4, y: 4, width: 16 * share + 1, height: 16 }, probabilities: [share, 1 - share], objectness: 0.9 },
        { box: { x: 2, y: 3, width: 20, height: 12 }, index: 1, score: share },
        { box: { x: 25, y: 25, width: 4, height: 4 }, index: 0, score: 1 },
      ];
    };
    const input = wave(32);
    const size = input.data.length;
    const find: BoxFinder = async (batch) =>
      Array.from({ length: batch.shape[0] }, (_, i) => findIn(batch.data.slice(i * size, (i + 1) * size)));
    const detection = { box: { x: 4, y: 4, width: 16, height: 16 }, index: 1, label: "dog" };
    const found = await dRise(find, input, { detection, masks: 20, grid: 5, seed: 9 });
    const masks = await masksOf(20, 5, 9, 32);
    const wanted = [4, 4, 20, 20] as const;
    const weights = masks.map((mask) =>
      Math.max(
        ...findIn(hidden(input, mask).data).map(({ box, index, score, probabilities, objectness }) => {
          const vector = probabilities ? Array.from(probabilities) : [Number(index === 0), Number(index === 1)];
          const corners = [box.x, box.y, box.x + box.width, box.y + box.height] as const;
          return iou(corners, wanted) * cosine([0, 1], vector) * (objectness ?? score ?? 1);
        }),
      ),
    );
    for (const [place, value] of plainMap(masks, weights).entries()) {
      expect(found.values.data[3 * place]).toBeCloseTo(value, 6);
    }
    expect(found.target).toMatchObject({ index: 1, label: "dog" });
  });

  it("of rise, cells by the size of the box where nobody said how many", async () => {
    const model = await loadModel(yoloV8(0));
    const [best] = await detect(model, x, { threshold: 0 });
    const asked = async (width: number, height: number, grid?: number) => {
      const detection = { ...best, box: { x: 4, y: 8, width, height } };
      const { recipe, notes } = await rise(model, x, { target: { detection }, masks: 2, ...(grid && { grid }) });
      return [recipe.options.grid, notes.some(({ code }) => code === "grid-of-box")];
    };
    // One and a half to a box, 1.5 · 64 / 10, but not below the paper's and not so fine that nothing but noise is left.
    expect(await asked(10, 30)).toEqual([10, true]);
    expect(await asked(30, 10)).toEqual([10, true]);
    expect(await asked(2, 30)).toEqual([16, true]);
    expect(await asked(60, 60)).toEqual([7, false]);
    expect(await asked(10, 10, 5)).toEqual([5, false]);
    expect(await asked(0, 0)).toEqual([16, true]);
    // In pixels of a picture twice as large, of which the network sees the half.
    const photo = { data: new Uint8Array(128 * 128 * 3).map((_, i) => (i * 37) % 256), width: 128, height: 128 };
    const [found] = await detect(model, photo, { threshold: 0 });
    const small = { ...found, box: { x: 10, y: 10, width: 20, height: 90 } };
    const { recipe } = await rise(model, photo, { target: { detection: small }, masks: 2 });
    expect(recipe.options.grid).toBe(10);
    expect((await rise(model, photo, { target: { sum: [{ detection: found }] }, masks: 2 })).recipe.options.grid).toBe(
      7,
    );
  });

  it("explains a box that nobody found, and heads that name a class by its number", async () => {
    const model = await loadModel(endToEnd);
    const input = wave(160);
    // Of random weights the right edge may be left of the left one.
    const all = await detect(model, input, { threshold: 0 });
    const best = all.find(({ box }) => box.width > 0 && box.height > 0) as Detection;
    const options = { masks: 6, grid: 3, seed: 1 };
    const found = await dRise(model, input, { detection: best, ...options });
    expect(found.target.score).toBeCloseTo(best.score, 5);
    const drawn = await dRise(model, input, { detection: { box: best.box, index: best.index }, ...options });
    expect(drawn.values).toEqual(found.values);
    const nothing = await dRise(model, input, { detection: { box: best.box, index: 99 }, ...options });
    expect(nothing.values.data.every((each) => each === 0)).toBe(true);
    expect(nothing.notes.map(({ code }) => code)).toContain("all-zero-map");
  });

  it("compares the class vectors that somebody gives, as the paper has them", async () => {
    const model = await loadModel(yoloV8(0));
    const [best] = await detect(model, x, { threshold: 0 });
    const { data } = (await model.run(x)).output;
    const probabilities = [0.7, 0.1, 0.6];
    const weight = Math.max(
      ...Array.from({ length: 84 }, (_, n) => {
        const [cx, cy, w, h, ...classes] = Array.from({ length: 7 }, (_, c) => data[c * 84 + n]);
        return iou(boxAt(cx, cy, w, h), cornersOf(best)) * cosine(probabilities, classes) * Math.max(...classes);
      }),
    );
    const ask = (detection: FoundObject) => dRise(model, x, { detection, masks: 2, seed: 1 });
    const found = await ask({ box: best.box, probabilities });
    expect(found.target).toEqual({ index: 0, score: expect.closeTo(weight, 5) });
    expect((await ask({ box: best.box, index: 0 })).target.score).not.toBeCloseTo(weight, 3);
    // Of one that was found, in place of what the network says there.
    expect((await ask({ ...best, probabilities })).target.score).toBeCloseTo(weight, 5);
    await expect(ask({ box: best.box, probabilities: [1, 0] })).rejects.toThrow(
      /probabilities are 2, the model .* has 3 classes/,
    );
  });

  it("finds a box of a picture in the Tensor that it became, and its evidence there", async () => {
    const model = await loadModel(yoloV8(0), { preprocess: { fit: "pad" } });
    const wide = { data: new Uint8Array(32 * 16 * 3).map((_, i) => (i * 37) % 256), width: 32, height: 16 };
    const [best] = await detect(model, wide, { threshold: 0 });
    const options = { detection: best, masks: 6, grid: 3, seed: 1 };
    const ofPicture = await dRise(model, wide, options);
    const ofTensor = await dRise(model, model.preprocess(wide), options);
    expect(ofPicture.target.score).toBeGreaterThan(0.1);
    expect(ofTensor.values).toEqual(ofPicture.values);
    const shares = (all: typeof ofPicture) => all.notes.filter(({ code }) => code === "box-evidence");
    expect(shares(ofTensor)).toEqual(shares(ofPicture));
    const odd = { ...best, placement: {} as never };
    await expect(dRise(model, model.preprocess(wide), { ...options, detection: odd })).rejects.toThrow(
      "detection.placement must be what detect found",
    );
  });

  it("refuses what is no box, and detectors that return none", async () => {
    const model = await loadModel(yoloV8(0));
    const ask = (options: object, who: unknown = model): Promise<unknown> => dRise(who as never, x, options as never);
    await expect(ask({})).rejects.toThrow(/detection must be \{ box: \{ x, y, width, height \}, index, score \}/);
    const box = { x: 1, y: 1, width: 9, height: 9 };
    await expect(ask({ detection: { box } })).rejects.toThrow("detection must name its class");
    await expect(ask({ detection: { box, index: 3 } })).rejects.toThrow(/is of class 3, the model .* has 0 to 2/);
    await expect(ask({ detection: { box, index: 0, score: 7 } })).rejects.toThrow(/detection must be/);
    await expect(ask({ target: "cat" })).rejects.toThrow(/its option is detection/);
    await expect(ask({ detection: { box, index: 0 }, mask: 3 })).rejects.toThrow('Did you mean "masks"?');
    const returns = (what: unknown): BoxFinder => (async () => what) as BoxFinder;
    const detection = { box, index: 0 };
    await expect(ask({ detection }, returns(new Float32Array(1)))).rejects.toThrow(
      /must return a list of what it found/,
    );
    await expect(ask({ detection }, returns([[], []]))).rejects.toThrow(/1 inputs went in, 2 of a list/);
    await expect(ask({ detection }, returns([[{ box }, 3]]))).rejects.toThrow(/What the detector found must be/);
    const classifier = await loadModel();
    const small = new Tensor(
      new Float32Array(classifier.input.shape.reduce((a, b) => a * b, 1)),
      classifier.input.shape,
    );
    await expect(dRise(classifier, small, { detection })).rejects.toThrow(
      /no output that is recognised as a detector's/,
    );
  });
});

describe("methods that change the input follow the box", () => {
  it("to whichever candidate overlaps it best, and score it", async () => {
    const model = await loadModel(yoloV8(0));
    const [best] = await detect(model, x, { threshold: 0 });
    /** Over all candidates: IoU × probability of the class. */
    const follow = async (input: Tensor): Promise<number> => {
      const { data } = (await model.run(input)).output;
      return Math.max(
        ...Array.from({ length: 84 }, (_, n) => {
          const [cx, cy, w, h, ...classes] = Array.from({ length: 7 }, (_, c) => data[c * 84 + n]);
          return iou(boxAt(cx, cy, w, h), cornersOf(best)) * classes[best.index];
        }),
      );
    };
    const target = { detection: best };
    const plain = await follow(x);
    expect(plain).toBeCloseTo(best.score, 5);
    const empty = await follow(new Tensor(new Float32Array(x.data.length), x.shape));
    const covered = await occlusion(model, x, { target, window: 64, stride: 64 });
    expect(covered.target.score).toBeCloseTo(plain, 5);
    expect(covered.values.data[0]).toBeCloseTo(plain - empty, 5);
    const halves = Int32Array.from({ length: 64 * 64 }, (_, i) => Number(i >= 32 * 64));
    const shares = await kernelShap(model, x, { target, segments: halves });
    expect(shares.values.data[0] + shares.values.data[x.data.length - 1]).toBeCloseTo(plain - empty, 5);
    const line = await lime(model, x, { target, segments: halves, samples: 8 });
    expect(line.target.score).toBeCloseTo(plain, 5);
    const masks = await masksOf(3, 7, 0, 64);
    const masked = await rise(model, x, { target, masks: 3, grid: 7 });
    const weights: number[] = [];
    for (const mask of masks) weights.push(await follow(hidden(x, mask)));
    const map = plainMap(masks, weights);
    for (const [place, value] of map.entries()) expect(masked.values.data[3 * place]).toBeCloseTo(value, 5);
    // One mask says nothing of what another would have let through.
    const single = await rise(model, x, { target, masks: 1 });
    expect(single.values.data.every((value) => value === 0)).toBe(true);
    // Both engines of occlusion, and an edge of the box.
    const patches = { window: 16, stride: 16, target } as const;
    const parts = await occlusion(model, x, { ...patches, engine: "incremental" });
    const whole = await occlusion(model, x, { ...patches, engine: "full" });
    parts.values.data.forEach((each, i) => {
      expect(each).toBeCloseTo(whole.values.data[i], 5);
    });
    const edge = await rise(model, x, { target: { detection: best, of: "right" }, masks: 2 });
    expect(edge.target.score).toBeCloseTo(best.box.x + best.box.width, 3);
  });
});
