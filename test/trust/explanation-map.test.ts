import { describe, expect, it, vi } from "vitest";
import {
  adcc,
  averageDrop,
  bootstrapInterval,
  gradCam,
  heatmap,
  increaseInConfidence,
  inputXGradient,
  loadModel,
  saliency,
  Tensor,
} from "../../src/index";
import { dot, linearModel, randomTensor, scene } from "./networks";

const pearson = (a: readonly number[], b: readonly number[]): number => {
  const mean = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const cov = mean(a.map((v, i) => (v - ma) * (b[i] - mb)));
  return cov / Math.sqrt(mean(a.map((v) => (v - ma) ** 2)) * mean(b.map((v) => (v - mb) ** 2)));
};

/** The map's positive part with 1 as its largest value, and the input multiplied by it. */
function shownBy(map: ArrayLike<number>, x: Float32Array): { weights: number[]; shown: Tensor } {
  const positive = Array.from(map, (value) => Math.max(value, 0));
  const weights = positive.map((value) => value / Math.max(...positive));
  return {
    weights,
    shown: new Tensor(
      x.map((value, i) => value * weights[Math.floor(i / 3)]),
      [1, 96, 96, 3],
    ),
  };
}

const load = async () => {
  const model = await loadModel();
  const image = await scene("scene-cat-00");
  const x = model.preprocess(image);
  const probability = async (input: Tensor, label: string): Promise<number> =>
    (await model.predict(input, { top: 8 })).find((each) => each.label === label)?.probability ?? Number.NaN;
  return { model, image, x, probability };
};

describe("average drop and increase in confidence", () => {
  it("are what Grad-CAM++'s formulas give", async () => {
    const { model, image, x, probability } = await load();
    for (const label of ["cat", "dog"]) {
      const map = await gradCam(model, image, { target: label });
      const { shown } = shownBy(heatmap(map).data, x.data);
      const [confidence, explained] = [await probability(x, label), await probability(shown, label)];
      const drop = await averageDrop(model, image, map);
      expect(drop.confidence).toBeCloseTo(confidence, 6);
      expect(drop.explained).toBeCloseTo(explained, 6);
      expect(drop.averageDrop).toBeCloseTo(Math.max(0, confidence - explained) / confidence, 5);
      const increase = await increaseInConfidence(model, image, map);
      expect(increase).toMatchObject({ increased: explained > confidence, explained: drop.explained });
      expect(increase.increaseInConfidence).toBe(Number(explained > confidence));
      expect(drop).toMatchObject({ method: "grad-cam", measure: "probability", target: { label } });
      expect([drop.recipe.method, increase.recipe.method]).toEqual(["average-drop", "increase-in-confidence"]);
    }
  });

  it("of a linear score drop by what is hidden, and rise where what is hidden spoke against it", async () => {
    const { model, weights } = await linearModel([4, 5, 3], 2);
    const x = randomTensor([1, 4, 5, 3]);
    const data = randomTensor([20], 8).data;
    const map = { data, width: 5, height: 4, signed: true };
    const baseline = randomTensor([1, 4, 5, 3], 6);
    const most = Math.max(...data);
    const shown = x.data.map((value, i) => {
      const share = Math.max(0, data[Math.floor(i / 3)]) / most;
      return baseline.data[i] + share * (value - baseline.data[i]);
    });
    const target = dot(weights[0], x.data) > 0 ? 0 : 1;
    const sign = [0, 1].map((k) => Math.sign(dot(weights[k], x.data)));
    const options = { baseline, measure: "score" } as const;
    for (const k of [0, 1]) {
      const [y, o] = [dot(weights[k], x.data), dot(weights[k], shown)];
      const { increased, confidence } = await increaseInConfidence(model, x, map, { ...options, target: k });
      expect({ increased, confidence: confidence.toFixed(4) }).toEqual({ increased: o > y, confidence: y.toFixed(4) });
      if (sign[k] > 0) {
        const { averageDrop: drop } = await averageDrop(model, x, map, { ...options, target: k });
        expect(drop).toBeCloseTo(Math.max(0, y - o) / y, 5);
      } else {
        await expect(averageDrop(model, x, map, { ...options, target: k })).rejects.toThrow(
          /^averageDrop is a share of the confidence, and the target's is -.*: there is nothing to drop from\./,
        );
      }
    }
    expect(target).toBeGreaterThanOrEqual(0);
    const all = { ...map, data: new Float32Array(20).fill(0.3) };
    expect((await averageDrop(model, x, all, { target, measure: "probability" })).averageDrop).toBe(0);
  });

  it("say what is wrong", async () => {
    const { model } = await linearModel([4, 5, 3]);
    const x = randomTensor([1, 4, 5, 3]);
    const map = await inputXGradient(model, x);
    for (const call of [averageDrop, increaseInConfidence] as const) {
      const small = { data: new Float32Array(9), width: 3, height: 3, signed: false };
      await expect(call(model, x, small)).rejects.toThrow("The map is 3×3, the network's input is 4×5");
      await expect(call(model, x, map, { measure: "probability" })).rejects.toThrow('measure "probability"');
      await expect(call(model, x, map, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
      const { model: plain } = await linearModel([1, 1, 6]);
      const vector = randomTensor([1, 1, 1, 6]);
      await expect(call(plain, vector, await inputXGradient(plain, vector))).rejects.toThrow("no places to leave out");
    }
  });
});

describe("ADCC", () => {
  it.each([gradCam, saliency])("is the harmonic mean of its parts, by hand", async (method) => {
    const { model, image, x, probability } = await load();
    const progress = vi.fn();
    const found = await adcc(model, image, method, { target: "cat", onProgress: progress });
    const map = heatmap(await method(model, image, { target: "cat" })).data;
    const { weights, shown } = shownBy(map, x.data);
    const again = heatmap(await method(model, shown, { target: "cat" })).data;
    const coherency =
      (1 +
        pearson(
          weights,
          Array.from(again, (value) => Math.max(value, 0)),
        )) /
      2;
    const complexity = weights.reduce((sum, value) => sum + value, 0) / weights.length;
    const [y, o] = [await probability(x, "cat"), await probability(shown, "cat")];
    const drop = Math.max(0, y - o) / y;
    expect(found.coherency).toBeCloseTo(coherency, 4);
    expect(found.complexity).toBeCloseTo(complexity, 5);
    expect(found.averageDrop).toBeCloseTo(drop, 5);
    expect(found.adcc).toBeCloseTo(3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - drop)), 4);
    expect(found.target.label).toBe("cat");
    expect(progress).toHaveBeenLastCalledWith(2, 2);
    expect(found.recipe).toMatchObject({ method: "adcc", options: { explanation: { method: found.method } } });
  });

  it("is nothing of a map that is the same everywhere, and asks the best class of the whole input", async () => {
    const { model, image } = await load();
    const flat = async (...[m, x, o]: Parameters<typeof saliency>) => {
      const found = await saliency(m, x, o);
      return { ...found, values: new Tensor(new Float32Array(found.values.data.length).fill(1), found.values.shape) };
    };
    const targets: unknown[] = [];
    const watched = (...[m, x, o]: Parameters<typeof saliency>) => {
      targets.push(o?.target);
      return flat(m, x, o);
    };
    expect(await adcc(model, image, watched)).toMatchObject({ adcc: 0, coherency: 0, complexity: 1, averageDrop: 0 });
    const [{ index }] = await model.predict(image, { top: 1 });
    expect(targets).toEqual([undefined, index]);
  });

  it("says what is wrong", async () => {
    const { model, image } = await load();
    // @ts-expect-error a name is no method
    await expect(adcc(model, image, "grad-cam")).rejects.toThrow("The method must be a function");
    await expect(adcc(model, image, gradCam, { target: "unicorn" })).rejects.toThrow("unicorn");
    const { model: linear, weights } = await linearModel([4, 5, 3]);
    const x = randomTensor([1, 4, 5, 3]);
    const against =
      dot(weights[0], x.data) < 0
        ? x
        : new Tensor(
            x.data.map((value) => -value),
            x.shape,
          );
    await expect(adcc(linear, against, saliency)).rejects.toThrow("adcc is a share of the confidence");
  });
});

describe("bootstrap intervals", () => {
  it("hold the mean as often as they say", () => {
    const sample = (seed: number) => Array.from(randomTensor([40], seed).data, (value) => value ** 3 + 2);
    const truth = (() => {
      const all = Array.from({ length: 300 }, (_, seed) => sample(seed + 1000)).flat();
      return all.reduce((a, b) => a + b, 0) / all.length;
    })();
    const held = Array.from({ length: 300 }, (_, seed) => bootstrapInterval(sample(seed + 1), { seed })).filter(
      ({ low, high }) => low <= truth && truth <= high,
    );
    expect(held.length / 300).toBeGreaterThan(0.88);
    expect(held.length / 300).toBeLessThan(0.99);
  });

  it("are what the formula gives for two values: all resamples are known", () => {
    // A quarter of the resamples have the mean 0, half 1/2, a quarter 1.
    expect(bootstrapInterval([0, 1])).toEqual({ mean: 0.5, low: 0, high: 1 });
    expect(bootstrapInterval([0, 1], { level: 0.4 })).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
    expect(bootstrapInterval([3, 3, 3])).toEqual({ mean: 3, low: 3, high: 3 });
    const values = [0.1, 0.5, 0.9, 0.3, 0.2];
    expect(bootstrapInterval(values)).toEqual(bootstrapInterval(values, { seed: 0, level: 0.95, resamples: 2000 }));
    expect(bootstrapInterval(values, { seed: 1 })).not.toEqual(bootstrapInterval(values));
  });

  it("say what is wrong", () => {
    expect(() => bootstrapInterval([1])).toThrow("takes a list of at least two numbers, got a list of 1");
    expect(() => bootstrapInterval([1, Number.NaN])).toThrow("number 1 is NaN");
    expect(() => bootstrapInterval([1, 2], { level: 95 })).toThrow("level must be above 0 and below 1, got 95");
    expect(() => bootstrapInterval([1, 2], { resamples: 0 })).toThrow("resamples must be a whole number");
  });
});
