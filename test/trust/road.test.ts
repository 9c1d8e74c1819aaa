import { describe, expect, it, vi } from "vitest";
import { gradCam, inputXGradient, loadModel, road, saliency, Tensor } from "../../src/index";
import { imputed } from "../../src/trust/linear-imputation";
import { dot, linearModel, randomTensor, scene } from "./networks";

interface Size {
  readonly depth?: number;
  readonly height: number;
  readonly width: number;
}

/** The equations of removed places as a full matrix, solved by elimination: what the library does without one. */
function filledPlainly(x: ArrayLike<number>, removed: ArrayLike<number>, { depth = 1, height, width }: Size): number[] {
  const places = depth * height * width;
  const channels = x.length / places;
  const unknowns = Array.from({ length: places }, (_, i) => i).filter((i) => removed[i]);
  const at = (i: number) => [Math.floor(i / (width * height)), Math.floor(i / width) % height, i % width];
  const weight = (i: number, j: number): number => {
    const [dz, dy, dx] = at(i).map((k, axis) => Math.abs(k - at(j)[axis]));
    if (dz === 1) return dx === 0 && dy === 0 ? 1 / 6 : 0;
    if (dz > 1 || dx > 1 || dy > 1 || i === j) return 0;
    return dx + dy === 1 ? 1 / 6 : 1 / 12;
  };
  const all = Array.from({ length: places }, (_, j) => j);
  const out = Array.from(x);
  for (let c = 0; c < channels; c++) {
    const rows = unknowns.map((i) => {
      const row = unknowns.map((j) => (i === j ? all.reduce((sum, k) => sum + weight(i, k), 0) : -weight(i, j)));
      return [...row, all.reduce((sum, j) => sum + (removed[j] ? 0 : weight(i, j) * x[j * channels + c]), 0)];
    });
    for (let k = 0; k < rows.length; k++) {
      for (let i = 0; i < rows.length; i++) {
        if (i === k) continue;
        const share = rows[i][k] / rows[k][k];
        for (let j = k; j <= rows.length; j++) rows[i][j] -= share * rows[k][j];
      }
    }
    unknowns.forEach((place, i) => {
      out[place * channels + c] = rows[i][rows.length] / rows[i][i];
    });
  }
  return out;
}

/** numpy's percentile, with its linear interpolation. */
function percentileOf(values: ArrayLike<number>, percentile: number): number {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const place = (percentile / 100) * (sorted.length - 1);
  const low = sorted[Math.floor(place)];
  return low + (place % 1) * (sorted[Math.ceil(place)] - low);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const never = async (): Promise<void> => {};

describe("linear imputation", () => {
  it.each([
    ["a picture", { height: 7, width: 6 }, 3],
    ["a signal", { height: 1, width: 30 }, 2],
    ["a volume", { depth: 3, height: 4, width: 3 }, 1],
  ] as const)("of %s is what elimination gives", async (_, size: Size, channels) => {
    const places = (size.depth ?? 1) * size.height * size.width;
    const x = randomTensor([1, places, channels]).data;
    const ranks = randomTensor([places], 3).data;
    for (const share of [0.1, 0.5, 0.9]) {
      const threshold = percentileOf(ranks, 100 * (1 - share));
      const removed = Uint8Array.from(ranks, (rank) => Number(rank >= threshold));
      const found = await imputed(x, removed, { depth: 1, ...size }, never);
      const expected = filledPlainly(x, removed, size);
      found.forEach((value, i) => void expect(Math.abs(value - expected[i])).toBeLessThan(2e-4));
    }
  });

  it("of one kept place is its value everywhere, of a slope the slope", async () => {
    const size = { depth: 1, height: 5, width: 5 };
    const alone = Uint8Array.from({ length: 25 }, (_, i) => Number(i !== 12));
    const x = randomTensor([1, 5, 5, 2]).data;
    const found = await imputed(x, alone, size, never);
    found.forEach((value, i) => void expect(value).toBeCloseTo(x[24 + (i % 2)], 5));
    const slope = Float32Array.from({ length: 25 }, (_, i) => 1000 + (i % 5));
    const inner = Uint8Array.from({ length: 25 }, (_, i) => Number(i % 5 > 0 && i % 5 < 4 && i > 4 && i < 20));
    const filled = await imputed(slope, inner, size, never);
    filled.forEach((value, i) => void expect(value).toBeCloseTo(1000 + (i % 5), 3));
  });

  it("of a half-removed picture takes few steps", async () => {
    const [side, steps] = [128, vi.fn(never)];
    const x = randomTensor([1, side, side, 3]).data;
    const removed = Uint8Array.from({ length: side * side }, (_, i) => Number(i % side < side / 2));
    await imputed(x, removed, { depth: 1, height: side, width: side }, steps);
    expect(steps.mock.calls.length).toBeLessThan(40);
  });
});

describe("ROAD", () => {
  const shape = [1, 6, 7, 3] as const;

  it("is what a plain reading of the paper gives", async () => {
    const { model, weights } = await linearModel([6, 7, 3]);
    const x = randomTensor(shape);
    // No two values are equal: of equal ones pytorch-grad-cam removes all.
    const data = Float32Array.from({ length: 42 }, (_, i) => ((i * 11) % 42) / 42);
    const percentiles = [15, 50, 80];
    const found = await road(
      model,
      x,
      { data, width: 7, height: 6, signed: false },
      {
        ...{ percentiles, noise: 0, controls: false },
      },
    );
    const scores = (ranks: Float32Array): number[] =>
      percentiles.map((percentile) => {
        const threshold = percentileOf(ranks, percentile);
        const removed = Array.from(ranks, (rank) => Number(rank >= threshold));
        return dot(weights[0], filledPlainly(x.data, removed, { height: 6, width: 7 }));
      });
    const [most, least] = [scores(data), scores(data.map((value) => -value))];
    found.mostRelevantFirst.forEach((value, i) => void expect(value).toBeCloseTo(most[i], 3));
    found.leastRelevantFirst.forEach((value, i) => void expect(value).toBeCloseTo(least[i], 3));
    expect(found.combined).toBeCloseTo((mean(least) - mean(most)) / 2, 3);
    expect(found.fractions).toEqual([35, 21, 9].map((count) => count / 42));
    expect(found).toMatchObject({ method: "heatmap", measure: "score", target: { index: 0 }, percentiles });
    expect(found.controls).toBeUndefined();
  });

  it("adds seeded noise to what was removed alone", async () => {
    const { model, weights } = await linearModel([6, 7, 3]);
    const x = new Tensor(new Float32Array(126), shape);
    const data = randomTensor([42], 9).data.map(Math.abs);
    const map = { data, width: 7, height: 6, signed: false };
    const options = { percentiles: [50], noise: 0.5, controls: false };
    const found = await road(model, x, map, options);
    // Of a black picture the noise is all there is, the same wherever a pixel is removed.
    const [score] = found.mostRelevantFirst;
    const size = 0.5 * Math.sqrt(dot(weights[0], weights[0]) / 2);
    expect(Math.abs(score)).toBeGreaterThan(0.01 * size);
    expect(Math.abs(score)).toBeLessThan(4 * size);
    const halved = await road(model, x, map, { ...options, noise: 0.25 });
    expect(halved.mostRelevantFirst[0]).toBeCloseTo(score / 2, 5);
    expect((await road(model, x, map, options)).combined).toBe(found.combined);
    expect((await road(model, x, map, { ...options, seed: 1 })).combined).not.toBe(found.combined);
    // The default is a hundredth of the input's spread: of a black picture nothing.
    expect((await road(model, x, map, { percentiles: [50] })).mostRelevantFirst).toEqual([0]);
    const spread = randomTensor(shape);
    const middle = mean([...spread.data]);
    const stdev = Math.sqrt(mean([...spread.data].map((value) => (value - middle) ** 2)));
    expect((await road(model, spread, map, { percentiles: [50] })).recipe.options.noise).toBeCloseTo(stdev / 100, 6);
  });

  it("removes as much of a map with equal values as of any, in an order drawn from the seed", async () => {
    const { model } = await linearModel([6, 7, 3]);
    const x = randomTensor(shape);
    const flat = { data: new Float32Array(42), width: 7, height: 6, signed: false };
    const options = { noise: 0, controls: false };
    const found = await road(model, x, flat, options);
    expect(found.fractions).toEqual([37, 33, 29, 25, 21, 17, 13, 9, 5].map((count) => count / 42));
    expect(found.mostRelevantFirst).not.toEqual(
      (await road(model, x, flat, { ...options, seed: 2 })).mostRelevantFirst,
    );
  });

  it("tells a map of the animal from maps that know nothing, and repeats to the bit", async () => {
    const model = await loadModel();
    const image = await scene("scene-turtle-02");
    const progress = vi.fn();
    const map = await gradCam(model, image);
    const found = await road(model, image, map, { percentiles: [80], onProgress: progress });
    expect(found).toMatchObject({ method: "grad-cam", measure: "probability", target: { label: "turtle" } });
    expect(found.combined).toBeGreaterThan((found.controls?.centre.combined ?? 1) + 0.05);
    expect(found.combined).toBeGreaterThan((found.controls?.random.combined ?? 1) + 0.05);
    expect(progress).toHaveBeenLastCalledWith(8, 8);
    const again = await road(model, image, map, { percentiles: [80], batchSize: 1 });
    expect({ ...again, recipe: null }).toEqual({ ...found, recipe: null });
    expect(found.recipe).toMatchObject({ method: "road", seed: 0, options: { percentiles: [80], controls: true } });
    expect(found.recipe.options.map).toMatchObject({ method: "grad-cam" });
  });

  it("asks about any target", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const target = { layer: "relu5", unit: 3 };
    const found = await road(model, image, await saliency(model, image, { target }), {
      ...{ percentiles: [50], controls: false },
    });
    expect(found.measure).toBe("score");
    expect(found.mostRelevantFirst[0]).toBeLessThan(found.target.score);
    const dog = await road(model, image, await gradCam(model, image, { target: "dog" }), {
      ...{ percentiles: [50], controls: false, measure: "score" },
    });
    expect(dog.target.label).toBe("dog");
  });

  it("says what is wrong", async () => {
    const { model } = await linearModel([6, 7, 3]);
    const x = randomTensor(shape);
    const map = await inputXGradient(model, x);
    const small = { data: new Float32Array(9), width: 3, height: 3, signed: false };
    await expect(road(model, x, small)).rejects.toThrow("The map is 3×3, the network's input is 6×7");
    for (const [wrong, said] of [
      [[], "percentiles must be a list of at least one number above 0 and below 100, got []"],
      [50, "percentiles must be a list of at least one number above 0 and below 100, got number"],
      [[50, 100], "percentiles must be above 0 and below 100, got 100 among them"],
      [["50"], 'percentiles must be above 0 and below 100, got "50" among them'],
    ] as const) {
      await expect(road(model, x, map, { percentiles: wrong as unknown as number[] })).rejects.toThrow(said);
    }
    await expect(road(model, x, map, { noise: -1 })).rejects.toThrow("noise must be");
    await expect(road(model, x, map, { measure: "logit" as "score" })).rejects.toThrow(
      'measure "logit" is none of probability, score',
    );
    await expect(road(model, x, map, { target: 7 })).rejects.toThrow("7");
    await expect(road(model, x, map, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    const { model: plain } = await linearModel([1, 1, 6]);
    const vector = randomTensor([1, 1, 1, 6]);
    await expect(road(plain, vector, await inputXGradient(plain, vector))).rejects.toThrow(
      "The input is 1×1×1×6: it has no places to remove. infidelity judges attributions of vectors.",
    );
  });

  it("stops in the midst of its equations", async () => {
    const { model } = await linearModel([256, 256, 3]);
    const stop = new AbortController();
    const x = randomTensor([1, 256, 256, 3]);
    const map = { data: randomTensor([65536], 4).data.map(Math.abs), width: 256, height: 256, signed: false };
    const told = vi.fn();
    setTimeout(() => stop.abort(new Error("enough")), 30);
    await expect(road(model, x, map, { signal: stop.signal, percentiles: [1], onProgress: told })).rejects.toThrow(
      "enough",
    );
    expect(told.mock.calls.length).toBeLessThan(2);
  });
});
