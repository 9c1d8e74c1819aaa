/** Answers on the way and budgets: methods of many passes, while they work. */

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { coarseFirst, patchesOf } from "../../src/attribution/covering/patches";
import { halvingOrder, nearestShares } from "../../src/attribution/gradients/quadrature";
import { byPasses, type Passes } from "../../src/attribution/passes";
import { ErrorEstimate } from "../../src/attribution/refinement";
import {
  type Attribution,
  ablationCam,
  explain,
  heatmap,
  integratedGradients,
  kernelShap,
  lime,
  loadModel,
  type MethodName,
  type MethodOptions,
  type Model,
  OptionError,
  occlusion,
  rise,
  scoreCam,
  smoothGrad,
  Tensor,
} from "../../src/index";
import { Random } from "../../src/random/random";
import fc from "../seeded";

/** Of each method a call that takes long enough to have answers on the way. */
const calls: readonly (MethodOptions & { readonly method: MethodName })[] = [
  { method: "rise", masks: 60, batchSize: 4 },
  { method: "lime", samples: 80, batchSize: 4, segments: Int32Array.from({ length: 96 * 96 }, (_, i) => i % 6) },
  {
    method: "kernel-shap",
    samples: 60,
    batchSize: 4,
    segments: Int32Array.from({ length: 96 * 96 }, (_, i) => Math.floor((i % 96) / 12)),
  },
  { method: "score-cam", batchSize: 4 },
  { method: "ablation-cam", batchSize: 4 },
  { method: "smooth-grad", samples: 20, batchSize: 2 },
  { method: "integrated-gradients", nSteps: 16, batchSize: 2 },
  { method: "occlusion", window: 24, stride: 12, batchSize: 4 },
];

const uniform = (count: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.uniform());
};

const picture = new Tensor(uniform(96 * 96 * 3, 5), [1, 96, 96, 3]);

/** Long lists that differ take minutes to be compared number by number. */
const bitsOf = ({ values: { data } }: Attribution): string =>
  createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");

const distance = (a: Attribution, b: Attribution): number =>
  Math.sqrt(
    a.values.data.reduce((sum, value, i) => sum + (value - b.values.data[i]) ** 2, 0) /
      b.values.data.reduce((sum, value) => sum + value ** 2, 0),
  );

async function answersOf(answers: AsyncIterable<Attribution>): Promise<Attribution[]> {
  const all: Attribution[] = [];
  for await (const answer of answers) all.push(answer);
  return all;
}

let loading: Promise<Model> | undefined;
const petshop = (): Promise<Model> => {
  loading ??= loadModel();
  return loading;
};

describe.each(calls)("$method", (options) => {
  it("answers on the way, and at last as the plain call does, bit for bit", async () => {
    const model = await petshop();
    const plain = await explain(model, picture, options);
    const answers = await answersOf(explain(model, picture, options));
    const last = answers[answers.length - 1];
    expect(bitsOf(last)).toBe(bitsOf(plain));
    expect(last.recipe).toEqual(plain.recipe);
    expect(last.notes).toEqual(plain.notes);
    expect(last.refinement).toBeUndefined();
    const coarse = answers.slice(0, -1);
    expect(coarse.length).toBeGreaterThan(0);
    for (const { refinement, values, notes } of coarse) {
      expect(refinement?.done).toBeLessThan(refinement?.total ?? 0);
      expect(values.shape).toEqual(plain.values.shape);
      expect(values.data.every(Number.isFinite)).toBe(true);
      expect(notes.map(({ code }) => code)).toContain("unfinished");
    }
    const done = coarse.map(({ refinement }) => refinement?.done ?? 0);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  });

  it("repeats an answer that a budget ended by its recipe, and has the bits of all passes where they fit", async () => {
    const model = await petshop();
    const plain = await explain(model, picture, options);
    const whole = await explain(model, picture, { ...options, budget: { ms: 1e9, passes: 1e6 } });
    expect(bitsOf(whole)).toBe(bitsOf(plain));
    expect(whole.recipe).toEqual(plain.recipe);
    const total = (await explain(model, picture, { ...options, budget: { passes: 1 } })).refinement?.total ?? 0;
    const passes = Math.ceil(total * 0.6);
    const ended = await explain(model, picture, { ...options, budget: { passes } });
    expect(ended.refinement).toMatchObject({ done: passes, total });
    expect(ended.recipe.options.budget).toEqual({ passes });
    expect(bitsOf(ended)).not.toBe(bitsOf(plain));
    const { batchSize: _, ...others } = options;
    const again = await explain(model, picture, { ...others, batchSize: 3, budget: { passes } });
    expect(bitsOf(again)).toBe(bitsOf(ended));
    // Most passes tell most of it.
    expect(distance(ended, plain)).toBeLessThan(0.8);
  });
});

describe("answers on the way", () => {
  it("end the work where the loop is left, with what was found", async () => {
    const model = await petshop();
    let made = 0;
    const running = rise(model, picture, {
      masks: 100_000,
      batchSize: 4,
      onProgress: (done) => {
        made = done;
      },
    });
    for await (const { refinement } of running) {
      if ((refinement?.done ?? 0) > 0) break;
    }
    const found = await running;
    expect(found.refinement?.total).toBe(100_000);
    expect(found.refinement?.done).toBe(made);
    expect(made).toBeLessThan(10_000);
  });

  it("are handed to everybody who listens, and the work is done once", async () => {
    const model = await petshop();
    let passes = 0;
    const running = rise(model, picture, {
      masks: 40,
      batchSize: 4,
      onProgress: (done) => {
        passes = Math.max(passes, done);
      },
    });
    const [first, second, awaited] = await Promise.all([answersOf(running), answersOf(running), running]);
    expect(first[first.length - 1]).toBe(awaited);
    expect(second[second.length - 1]).toBe(awaited);
    expect(passes).toBe(40);
    expect(await answersOf(running)).toEqual([awaited]);
  });

  it("fail where the method fails, and nowhere else", async () => {
    const model = await petshop();
    const wrong = rise(model, picture, { masks: 0 });
    await expect(answersOf(wrong)).rejects.toThrow(OptionError);
    const stop = new AbortController();
    const running = rise(model, picture, { masks: 100_000, signal: stop.signal });
    const heard = async (): Promise<void> => {
      for await (const _ of running) stop.abort(new Error("enough"));
    };
    await expect(heard()).rejects.toThrow("enough");
  });

  it("of maps by their energy tell no error: what was not asked yet may weigh anything", async () => {
    const model = await petshop();
    for (const method of [scoreCam, ablationCam]) {
      const answers = (await answersOf(method(model, picture, { batchSize: 4 }))).slice(0, -1);
      // The first is always due; others where making answers does not take too much of the time.
      expect(answers.length).toBeGreaterThan(0);
      for (const { refinement, notes } of answers) {
        expect(refinement).not.toHaveProperty("error");
        expect(notes.find(({ code }) => code === "unfinished")?.message).not.toContain("% off");
      }
    }
  });

  it("are drawn like any other", async () => {
    const model = await petshop();
    const [coarse] = await answersOf(occlusion(model, picture, { window: 24, stride: 6 }));
    const { data } = heatmap(coarse);
    expect(Math.max(...data.map(Math.abs))).toBeCloseTo(1, 5);
    // Complete: no place without a number of its own surroundings.
    expect(new Set(coarse.values.data).size).toBeGreaterThan(4);
  });

  it("come of a black box and of every explanation by name, of one pass only the last", async () => {
    const box = async ({ data, shape: [count] }: Tensor): Promise<Float32Array> =>
      Float32Array.from({ length: count }, (_, i) => data[i * 64 + 9]);
    const answers = await answersOf(rise(box, new Tensor(new Float32Array(64).fill(1), [1, 8, 8, 1]), { masks: 64 }));
    expect(answers.length).toBeGreaterThan(1);
    const model = await petshop();
    expect(await answersOf(explain(model, picture, { method: "saliency" }))).toHaveLength(1);
  });
});

describe("budget", () => {
  it("stops soon after its milliseconds, with at least one group of passes", async () => {
    const model = await petshop();
    const { refinement, notes } = await rise(model, picture, { masks: 1_000_000, budget: { ms: 300 } });
    expect(refinement?.done).toBeGreaterThan(0);
    expect(refinement?.done).toBeLessThan(1_000_000);
    expect(notes.find(({ code }) => code === "unfinished")?.message).toContain(`of ${refinement?.total} passes`);
    const least = await rise(model, picture, { masks: 1000, budget: { ms: 1e-6 } });
    expect(least.refinement?.done).toBe(1);
  });

  it.each([0, -1, "2s", { ms: 0 }, { ms: Number.NaN }, { passes: 1.5 }, {}, { seconds: 2 }, [2], null])(
    "is refused as %j, with what it may be",
    async (budget) => {
      const model = await petshop();
      await expect(rise(model, picture, { budget: budget as never })).rejects.toThrow(/budget must be \{ ms: 2000 \}/);
    },
  );

  it("is of long methods: others say that they do not read it", async () => {
    const model = await petshop();
    const { notes } = await explain(model, picture, { method: "saliency", budget: { ms: 5 } });
    expect(notes.map(({ code }) => code)).toContain("unused-options");
  });

  it("is shared by several targets", async () => {
    const model = await petshop();
    const found = await smoothGrad(model, picture, { targets: [0, 1, 2], samples: 100_000, budget: { ms: 300 } });
    expect(found).toHaveLength(3);
    for (const { refinement } of found) expect(refinement?.done).toBeGreaterThan(0);
    for (const each of await Promise.all([
      scoreCam(model, picture, { targets: [0, 1], budget: { passes: 2 } }),
      ablationCam(model, picture, { targets: [0, 1], budget: { passes: 2 } }),
      integratedGradients(model, picture, { targets: [0, 1], budget: { passes: 2 } }),
    ])) {
      expect(each.map(({ refinement }) => refinement?.done)).toEqual([2, 2]);
    }
  });

  it("makes enough passes to say something of the whole input", async () => {
    const model = await petshop();
    const segments = Int32Array.from({ length: 96 * 96 }, (_, i) => i % 5);
    const shap = await kernelShap(model, picture, { segments, budget: { passes: 1 } });
    expect(shap.refinement?.done).toBe(11);
    expect((await lime(model, picture, { segments, budget: { passes: 1 } })).refinement?.done).toBe(5);
    const grid = await occlusion(model, picture, { window: 12, stride: 12, budget: { passes: 1 } });
    expect(grid.refinement?.done).toBeGreaterThan(8);
  });

  it("refuses what it would have to keep too much of", async () => {
    const model = await petshop();
    const asked = { nSteps: 5000, budget: { passes: 3 } };
    await expect(integratedGradients(model, picture, asked)).rejects.toThrow(/5000 passes would keep .* MiB/);
  });
});

it("the estimated error of means is what they are off, whatever is averaged", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 30, max: 80 }), (seed, total) => {
      const size = 2000;
      const draws = Array.from({ length: total }, (_, k) => uniform(size, seed + k));
      const mean = (count: number): Float32Array =>
        Float32Array.from({ length: size }, (_, i) => {
          let sum = 0;
          for (let k = 0; k < count; k++) sum += draws[k][i];
          return sum / count;
        });
      const last = mean(total);
      const estimate = new ErrorEstimate(total);
      const norm = Math.hypot(...last);
      expect(estimate.of([new Tensor(mean(4), [1, size])], 4)).toBeUndefined();
      for (const done of [8, 12, 20]) {
        const found = mean(done);
        const error = estimate.of([new Tensor(found, [1, size])], done) ?? 0;
        const truth = Math.hypot(...found.map((value, i) => value - last[i])) / norm;
        expect(error / truth).toBeGreaterThan(0.8);
        expect(error / truth).toBeLessThan(1.25);
      }
    }),
    { numRuns: 20 },
  );
});

it("passes that have to be made again forget those that were taken", async () => {
  const begun: string[] = [];
  const taken = new Set<number>();
  let falls = true;
  const method = byPasses(
    async (): Promise<Passes<number>> => ({
      ...{ count: 12, batchSize: 4, resultBytes: 8 },
      async make(passes) {
        begun.push(passes.join());
        if (passes[0] < 4 || !falls) return passes;
        falls = false;
        return undefined;
      },
      take: (_, passes) => {
        for (const pass of passes) taken.add(pass);
      },
      restart: () => taken.clear(),
      attribution: async () => ({ byInput: {}, notes: [], recipe: { options: {} } }) as unknown as Attribution,
    }),
  );
  const found = await method(await petshop(), picture, { budget: { passes: 2 } });
  expect(found.refinement).toEqual({ done: 2, total: 12 });
  expect([...taken]).toEqual([0, 1]);
  falls = true;
  begun.length = 0;
  taken.clear();
  await method(await petshop(), picture, {});
  expect(begun).toEqual(["0,1,2,3", "4,5,6,7", "0,1,2,3", "4,5,6,7", "8,9,10,11"]);
  expect(taken.size).toBe(12);
  falls = true;
  taken.clear();
  let stop = false;
  const running = method(await petshop(), picture, {
    budget: { passes: 6 },
    onProgress: (done) => {
      stop ||= done > 6;
    },
  });
  expect((await running).refinement?.done).toBe(6);
  expect([...taken]).toEqual([0, 1, 2, 3, 4, 5]);
  expect(stop).toBe(false);
});

it("coarse answers of occlusion: the mean of the patches made, and where none is, the drop of the nearest", async () => {
  const [height, width, size, step] = [24, 40, 4, 4];
  const weights = uniform(height * width, 3);
  const box = async ({ data, shape: [count] }: Tensor): Promise<Float32Array> =>
    Float32Array.from({ length: count }, (_, sample) =>
      weights.reduce((sum, weight, i) => sum + weight * data[sample * weights.length + i], 0),
    );
  const ones = new Tensor(new Float32Array(height * width).fill(1), [1, height, width, 1]);
  const asked = { window: size, stride: step, batchSize: 1 };
  const { values, refinement } = await occlusion(box, ones, { ...asked, budget: { passes: 1 } });
  expect(refinement?.total).toBe(60);
  const dropOf = (row: number, column: number): number => {
    let sum = 0;
    for (let y = row * step; y < Math.min(row * step + size, height); y++)
      for (let x = column * step; x < Math.min(column * step + size, width); x++) sum += weights[y * width + x];
    return sum;
  };
  const order = coarseFirst(
    patchesOf({ depth: 1, height, width, channels: 1, line: false }, [1, size, size], [1, step, step]),
  );
  const known = order.order.slice(0, refinement?.done).map((pass) => [Math.floor(pass / 10), pass % 10] as const);
  expect(known.length).toBe(refinement?.done);
  expect(known.length).toBeLessThan(60);
  expect(new Set(order.order).size).toBe(60);
  // The middle first, and soon from one corner of the picture to the other.
  expect(order.order[0]).toBe(4 * 10 + 4);
  expect(
    Math.max(...known.map(([, column]) => column)) - Math.min(...known.map(([, column]) => column)),
  ).toBeGreaterThan(2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cover = known.filter(([row, column]) => Math.floor(y / step) === row && Math.floor(x / step) === column);
      const away = ([row, column]: readonly [number, number]): number =>
        (row * step + (size - 1) / 2 - y) ** 2 + (column * step + (size - 1) / 2 - x) ** 2;
      const least = Math.min(...known.map(away));
      const likely = (cover.length > 0 ? cover : known.filter((each) => away(each) === least)).map((each) =>
        dropOf(...each),
      );
      const found = values.data[y * width + x];
      expect(Math.min(...likely.map((drop) => Math.abs(drop - found)))).toBeLessThan(1e-4);
    }
  }
});

it("coarse answers of Score-CAM count maps that were not asked like the mean of those that were", async () => {
  const model = await petshop();
  const plain = await scoreCam(model, picture);
  expect(distance(await scoreCam(model, picture, { budget: { passes: 8 } }), plain)).toBeLessThan(0.2);
});

it("coarse answers of integrated gradients give every point's weight to the nearest that was made", () => {
  const alphas = [0.1, 0.2, 0.45, 0.8, 0.9];
  const weights = [0.3, 0.1, 0.2, 0.15, 0.25];
  const shares = (known: readonly number[]): number[] => nearestShares(alphas, weights, known);
  expect(shares([2])).toEqual([expect.closeTo(1)]);
  // 0.45 is nearer to 0.2 than to 0.9.
  expect(shares([1, 4])).toEqual([expect.closeTo(0.6), expect.closeTo(0.4)]);
  expect(shares([0, 1, 2, 3, 4])).toEqual(weights);
  expect(halvingOrder(7)).toEqual([3, 1, 5, 0, 2, 4, 6]);
  expect([...halvingOrder(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
});
