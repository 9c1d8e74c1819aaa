/** RISE, LIME, KernelSHAP and superpixels: methods that ask for scores alone. */

import { describe, expect, it } from "vitest";
import {
  type BlackBox,
  kernelShap,
  lime,
  loadModel,
  type Model,
  OptionError,
  rise,
  ShapeError,
  slic,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { Random } from "../../src/random/random";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { knownOptions } from "../known-options";

/** A black box that knows of each input which of four quarters are there (1) or not (0), and answers by a function of them. */
const quarters = Int32Array.from({ length: 64 }, (_, i) => 2 * Number(i >= 32) + Number(i % 8 >= 4));
const game =
  (answer: (present: readonly number[]) => number): BlackBox =>
  async ({ data, shape: [count] }) =>
    Float32Array.from({ length: count }, (_, sample) =>
      answer([0, 1, 2, 3].map((quarter) => data[sample * 64 + quarters.indexOf(quarter)])),
    );
const ones = new Tensor(new Float32Array(64).fill(1), [1, 8, 8, 1]);
const byQuarter = ({ values }: { readonly values: Tensor }): number[] =>
  [0, 1, 2, 3].map((quarter) => values.data[quarters.indexOf(quarter)]);

/** Shapley values by the definition: the mean of what a player adds over all orders. */
function shapley(answer: (present: readonly number[]) => number, players: number): number[] {
  const orders = (rest: readonly number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((first) => orders(rest.filter((p) => p !== first)).map((o) => [first, ...o]));
  const all = orders(Array.from({ length: players }, (_, i) => i));
  const values = new Array<number>(players).fill(0);
  for (const order of all) {
    const present = new Array<number>(players).fill(0);
    for (const player of order) {
      const before = answer(present);
      present[player] = 1;
      values[player] += (answer(present) - before) / all.length;
    }
  }
  return values;
}

/** Pairs and triples act together. */
const interacting = ([a, b, c, d]: readonly number[]): number => 3 * a - b + 2 * a * b + 4 * b * c * d - c * d + 0.5;

describe("kernelShap", () => {
  it("gives the Shapley values by their definition where all coalitions are scored", async () => {
    const found = byQuarter(await kernelShap(game(interacting), ones, { segments: quarters }));
    shapley(interacting, 4).forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 5);
    });
  });

  it("gives them for every number of features up to twelve", async () => {
    const random = randomIntegers(4);
    for (let count = 1; count <= 12; count++) {
      const segments = Int32Array.from({ length: 64 }, (_, i) => i % count);
      const pair = Array.from({ length: count ** 2 }, () => random(-9, 9));
      const box: BlackBox = async ({ data, shape: [samples] }) =>
        Float32Array.from({ length: samples }, (_, sample) => {
          const z = data.subarray(sample * 64, sample * 64 + count);
          let sum = 0;
          for (let i = 0; i < count; i++) for (let j = 0; j <= i; j++) sum += pair[i * count + j] * z[i] * z[j];
          return sum;
        });
      const { values } = await kernelShap(box, ones, { segments });
      // Of a pair's product each has half.
      for (let i = 0; i < count; i++) {
        let value = pair[i * count + i];
        for (let j = 0; j < count; j++) if (j !== i) value += pair[Math.max(i, j) * count + Math.min(i, j)] / 2;
        expect(values.data[i], `feature ${i} of ${count}`).toBeCloseTo(value, 4);
      }
    }
  });

  it("sums to the difference from the baseline whatever is sampled, and comes near with half of the coalitions", async () => {
    const count = 16;
    const segments = Int32Array.from({ length: 64 }, (_, i) => i % count);
    const weight = (i: number): number => Math.sin(3 * i);
    const box: BlackBox = async ({ data, shape: [samples] }) =>
      Float32Array.from({ length: samples }, (_, sample) => {
        const z = data.subarray(sample * 64, sample * 64 + count);
        let [sum, even] = [0, 1];
        z.forEach((present, i) => {
          sum += weight(i) * present;
          if (i % 2 === 0) even *= present;
        });
        return sum + even;
      });
    for (const samples of [2, 20, 500, 3000]) {
      const { values } = await kernelShap(box, ones, { segments, samples, seed: 2 });
      const sum = values.data.subarray(0, count).reduce((total, value) => total + value, 0);
      const whole = Array.from({ length: count }, (_, i) => weight(i)).reduce((total, value) => total + value, 1);
      expect(sum).toBeCloseTo(whole, 4);
      // The product of the eight even features is shared among them.
      if (samples < 500) continue;
      for (let i = 0; i < count; i++) {
        expect(Math.abs(values.data[i] - weight(i) - (i % 2 === 0 ? 1 / 8 : 0))).toBeLessThan(
          samples === 500 ? 0.1 : 0.03,
        );
      }
    }
  });

  it("is the weight times the change for a linear network, from any baseline", async () => {
    const weights = randomFloats(randomIntegers(1), [2, 12]);
    const model = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 12] },
          constants: { w: weights, b: floats([2], [3, -2]) },
          nodes: [["Gemm", ["x", "w", "b"], ["y"], { transB: 1 }]],
        }),
      ),
    );
    const x = new Tensor(
      Float32Array.from({ length: 12 }, (_, i) => i - 5),
      [1, 12],
    );
    const { values } = await kernelShap(model, x, { target: 1, baseline: 0.5 });
    values.data.forEach((value, i) => {
      expect(value).toBeCloseTo(weights.floats()[12 + i] * (x.data[i] - 0.5), 4);
    });
  });
});

describe("lime", () => {
  it("finds the weights of a linear black box, shrunk by the ridge alone", async () => {
    const linear = ([a, b, c, d]: readonly number[]): number => 4 * a - 2 * b + c + 0 * d + 7;
    const free = byQuarter(await lime(game(linear), ones, { segments: quarters, lambda: 0 }));
    [4, -2, 1, 0].forEach((weight, i) => {
      expect(free[i]).toBeCloseTo(weight, 4);
    });
    const shrunk = byQuarter(await lime(game(linear), ones, { segments: quarters, samples: 200, lambda: 5 }));
    expect(shrunk[0]).toBeLessThan(3.9);
    expect(shrunk[0]).toBeGreaterThan(1);
  });

  it("is the solution of its equations", async () => {
    const [samples, lambda, kernelWidth] = [60, 0.7, 0.4];
    const found = byQuarter(
      await lime(game(interacting), ones, { segments: quarters, samples, lambda, kernelWidth, seed: 5 }),
    );
    // The same draws; then the gradient of the objective must vanish, with the constant at its own minimum.
    const random = new Random(5);
    const rows = Array.from({ length: samples }, (_, i) =>
      [0, 1, 2, 3].map(() => Number(i === 0 || random.uniform() < 0.5)),
    );
    const weights = rows.map((row) => {
      const distance = 1 - Math.sqrt(row.reduce((a, b) => a + b) / 4);
      return Math.sqrt(Math.exp(-(distance ** 2) / kernelWidth ** 2));
    });
    const answer = (row: readonly number[]): number => row.reduce((sum, z, i) => sum + z * found[i], 0);
    const total = weights.reduce((a, b) => a + b);
    const constant = rows.reduce((sum, row, i) => sum + weights[i] * (interacting(row) - answer(row)), 0) / total;
    for (let k = 0; k < 4; k++) {
      const slope = rows.reduce(
        (sum, row, i) => sum + weights[i] * (answer(row) + constant - interacting(row)) * row[k],
        0,
      );
      expect(slope + lambda * found[k]).toBeCloseTo(0, 4);
    }
  });

  it("says when a linear model does not fit", async () => {
    const parity = (present: readonly number[]): number => present.reduce((a, b) => a + b) % 2;
    const { notes } = await lime(game(parity), ones, { segments: quarters, samples: 300, kernelWidth: 5 });
    expect(notes.map(({ code }) => code)).toContain("poor-fit");
    const sound = await lime(
      game(([a]) => a),
      ones,
      { segments: quarters, samples: 300 },
    );
    expect(sound.notes).toEqual([]);
  });
});

describe("rise", () => {
  it("is the sum of its definition over masks that are made as the authors make them", async () => {
    const [masks, grid, probability, seed] = [11, 3, 0.4, 9];
    const image = new Tensor(randomFloats(randomIntegers(2), [1, 8, 8, 1]).floats(), [1, 8, 8, 1]);
    const scoreOf = (data: ArrayLike<number>): number =>
      Array.from(data).reduce((sum, value, i) => sum + value * Math.cos(i), 0);
    const box: BlackBox = async ({ data, shape: [count] }) =>
      Float32Array.from({ length: count }, (_, i) => scoreOf(data.subarray(i * 64, (i + 1) * 64)));
    const { values } = await rise(box, image, { masks, grid, probability, seed, batchSize: 4 });

    const random = new Random(seed);
    const expected = new Float64Array(64);
    const cell = Math.ceil(8 / grid);
    for (let n = 0; n < masks; n++) {
      const cells = Array.from({ length: grid * grid }, () => Number(random.uniform() < probability));
      const [down, right] = [Math.floor(random.uniform() * cell), Math.floor(random.uniform() * cell)];
      // Enlarged to (grid + 1)·cell pixels, mirrored about the centres of the outer cells, then cropped.
      const side = (grid + 1) * cell;
      const at = (i: number): number => {
        const place = Math.abs(((i + 0.5) * grid) / side - 0.5);
        return place > grid - 1 ? 2 * (grid - 1) - place : place;
      };
      const mask = Array.from({ length: 64 }, (_, pixel) => {
        const [y, x] = [at(Math.floor(pixel / 8) + down), at((pixel % 8) + right)];
        let sum = 0;
        for (let r = 0; r < grid; r++) {
          for (let c = 0; c < grid; c++) {
            sum += cells[r * grid + c] * Math.max(0, 1 - Math.abs(y - r)) * Math.max(0, 1 - Math.abs(x - c));
          }
        }
        return sum;
      });
      const score = scoreOf(mask.map((value, i) => Math.fround(value) * image.data[i]));
      mask.forEach((value, i) => {
        expected[i] += (score * value) / masks / probability;
      });
    }
    values.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 4);
    });
  });

  it("finds the corner that the score hangs on", async () => {
    const corner = game(([a]) => a);
    const { values } = await rise(corner, ones, { masks: 500, grid: 4, seed: 1 });
    const best = values.data.indexOf(Math.max(...values.data));
    expect(best).toBe(quarters.indexOf(0));
  });
});

describe("slic", () => {
  const picture = (width: number, height: number, level: (x: number, y: number) => number) => ({
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return level(pixel % width, Math.floor(pixel / width));
    }),
  });

  it("makes connected superpixels, numbered without gaps, none of which crosses a strong edge", () => {
    const image = picture(60, 40, (x, y) => ((x - 30) ** 2 + (y - 20) ** 2 < 150 ? 230 : 20));
    const labels = slic(image, { segments: 24 });
    const count = Math.max(...labels) + 1;
    expect(new Set(labels).size).toBe(count);
    expect(count).toBeGreaterThan(12);
    expect(count).toBeLessThan(48);
    for (let label = 0; label < count; label++) {
      const pixels = [...labels.keys()].filter((pixel) => labels[pixel] === label);
      expect(new Set(pixels.map((pixel) => image.data[pixel * 3])).size, `colours in superpixel ${label}`).toBe(1);
      const region = new Set(pixels);
      const reached = [pixels[0]];
      region.delete(pixels[0]);
      for (const pixel of reached) {
        for (const next of [pixel - 1, pixel + 1, pixel - 60, pixel + 60]) if (region.delete(next)) reached.push(next);
      }
      expect(reached.length, `superpixel ${label} is in one piece`).toBe(pixels.length);
    }
  });

  it("divides a plain picture into squares", () => {
    const labels = slic(
      picture(40, 40, () => 100),
      { segments: 16 },
    );
    expect(Math.max(...labels)).toBe(15);
    expect(labels.filter((label) => label === labels[0]).length).toBe(100);
  });

  it("makes about as many of a long, thin picture", () => {
    for (const [width, height] of [
      [1000, 2],
      [2, 1000],
      [1000, 1],
      [400, 20],
    ]) {
      const labels = slic(
        picture(width, height, (x, y) => (x + y) % 7),
        { segments: 20 },
      );
      const sizes = Array.from({ length: Math.max(...labels) + 1 }, (_, k) => labels.filter((at) => at === k).length);
      expect(sizes.length, `${width}x${height}`).toBeGreaterThan(15);
      expect(sizes.length, `${width}x${height}`).toBeLessThan(25);
      expect(Math.max(...sizes) / Math.min(...sizes), `${width}x${height}`).toBeLessThan(2);
    }
  });

  it("says what is wrong", () => {
    expect(() =>
      slic(
        picture(4, 4, () => 1),
        { segments: 0 },
      ),
    ).toThrow("segments must be a whole number of at least 1, got 0.");
    expect(() =>
      slic(
        picture(4, 4, () => 1),
        { compactness: 0 },
      ),
    ).toThrow("compactness must be above 0, got 0.");
    expect(() => slic(new Float32Array(3) as never)).toThrow(/image/);
  });
});

describe("all of them", () => {
  const shapes = { image: [1, 3, 12, 16], signal: [1, 2, 40], vector: [1, 7] } as const;
  const modelOf = async (shape: readonly number[], memory: "fast" | "low" = "fast"): Promise<Model> => {
    const size = shape.reduce((a, b) => a * b);
    return loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: shape },
          constants: { w: randomFloats(randomIntegers(3), [4, size]), v: randomFloats(randomIntegers(6), [2, 4]) },
          nodes: [
            ["Flatten", ["x"], ["f"]],
            ["Gemm", ["f", "w"], ["h"], { transB: 1 }],
            ["Relu", ["h"], ["r"]],
            ["Gemm", ["r", "v"], ["y"], { transB: 1 }],
          ],
        }),
      ),
      { memory },
    );
  };
  const methods = { rise, lime, kernelShap };
  const light = { masks: 20, samples: 30, target: 1 };

  for (const [name, method] of Object.entries(methods)) {
    const own = knownOptions(name, light);
    for (const [kind, shape] of Object.entries(shapes)) {
      it(`${name} explains ${kind}s, with the same bits for every batch size, a black box alike`, async () => {
        const model = await modelOf(shape);
        const x = new Tensor(randomFloats(randomIntegers(8), model.input.shape).floats(), model.input.shape);
        const one = await method(model, x, { ...own, batchSize: 1 });
        const many = await method(model, x, { ...own, batchSize: 7 });
        expect(one.values.shape).toEqual(x.shape);
        expect(many.values).toEqual(one.values);
        expect((await method(model, x, { ...own, seed: 3 })).values).not.toEqual(one.values);
        expect(one.recipe.options).toMatchObject({ batchSize: 1 });
        if (kind === "vector") return;
        const box: BlackBox = async ({ data, shape: [count, ...rest] }) => {
          const rows: number[] = [];
          for (let i = 0; i < count; i++) {
            const sample = data.slice((i * data.length) / count, ((i + 1) * data.length) / count);
            rows.push(...(await model.run(new Tensor(sample, [1, ...rest]))).output.data);
          }
          return Float32Array.from(rows);
        };
        const segments = Int32Array.from({ length: kind === "image" ? 192 : 40 }, (_, i) => Math.floor(i / 10));
        const outside = await method(box, x, { ...own, ...knownOptions(name, { segments }) });
        expect(outside.values).toEqual(
          (await method(model, x, { ...own, ...knownOptions(name, { segments }) })).values,
        );
      });
    }

    it(`${name} reports progress and stops`, async () => {
      const model = await modelOf(shapes.image);
      const x = new Tensor(new Float32Array(576).fill(1), [1, 12, 16, 3]);
      const seen: number[] = [];
      const stop = new AbortController();
      const onProgress = (done: number, total: number): void => {
        seen.push(done / total);
        if (seen.length === 2) stop.abort();
      };
      await expect(method(model, x, { ...own, batchSize: 2, onProgress, signal: stop.signal })).rejects.toThrow(
        "abort",
      );
      expect(seen).toHaveLength(2);
      await method(model, x, { ...own, batchSize: 2, onProgress: (done, total) => seen.push(done / total) });
      expect(seen.at(-1)).toBe(1);
    });
  }

  it("take the segments of the picture that was handed in, at its own size", async () => {
    const model = await modelOf(shapes.image);
    const image = { width: 32, height: 24, data: new Uint8Array(32 * 24 * 3).map((_, i) => (i * 37) % 256) };
    const halves = Int32Array.from({ length: 32 * 24 }, (_, i) => Number(i % 32 >= 16));
    const { values } = await kernelShap(model, image, { target: 0, segments: halves });
    const row = Array.from({ length: 16 }, (_, x) => values.data[x * 3]);
    expect(new Set(row.slice(0, 8)).size).toBe(1);
    expect(new Set(row.slice(8)).size).toBe(1);
    expect(row[0]).not.toBe(row[8]);
  });

  it("say what is wrong", async () => {
    const model = await modelOf(shapes.image);
    const x = new Tensor(new Float32Array(576).fill(1), [1, 12, 16, 3]);
    const wrong = async (
      work: Promise<unknown>,
      kind: new (...args: never[]) => Error,
      text: string,
    ): Promise<void> => {
      await expect(work).rejects.toThrow(kind);
      await expect(work).rejects.toThrow(text);
    };
    await wrong(rise(model, x, { masks: 0 }), OptionError, "masks must be a whole number of at least 1, got 0.");
    await wrong(rise(model, x, { probability: 1 }), OptionError, "probability must be above 0 and below 1, got 1.");
    await wrong(lime(model, x, { samples: 1 }), OptionError, "samples must be a whole number of at least 2, got 1.");
    await wrong(lime(model, x, { kernelWidth: 0 }), OptionError, "kernelWidth must be above 0, got 0.");
    await wrong(
      kernelShap(model, x, { segments: new Int32Array(5) }),
      ShapeError,
      "segments has 5 elements, one for each place is needed: 16×12 = 192 pixels. slic(image) makes them.",
    );
    await wrong(
      kernelShap(model, x, { segments: new Float32Array(192).fill(0.5) }),
      OptionError,
      "segments must hold whole numbers from 0 on, got 0.5 at element 0.",
    );
    await wrong(
      lime(await modelOf([1, 3, 40, 40]), new Tensor(new Float32Array(4800), [1, 40, 40, 3]), {
        segments: Int32Array.from({ length: 1600 }, (_, i) => i),
      }),
      OptionError,
      "segments has 1600 features; at most 1000 can be told apart. Use fewer.",
    );
  });
});
