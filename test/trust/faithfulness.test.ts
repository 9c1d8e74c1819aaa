import { describe, expect, it, vi } from "vitest";
import {
  deletionInsertion,
  gradCam,
  guidedBackprop,
  infidelity,
  inputXGradient,
  integratedGradients,
  loadModel,
  maxSensitivity,
  saliency,
  Tensor,
} from "../../src/index";
import { dot, linearModel, randomTensor, scene } from "./networks";

const shape = [1, 5, 4, 3] as const;

describe("deletion and insertion", () => {
  it("of a linear score follow the sum of what is left", async () => {
    const { model, weights } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    const share = Array.from({ length: 20 }, (_, pixel) =>
      [0, 1, 2].reduce((sum, c) => sum + weights[0][pixel * 3 + c] * x.data[pixel * 3 + c], 0),
    ).sort((a, b) => b - a);
    const attribution = await inputXGradient(model, x);
    const found = await deletionInsertion(model, x, attribution, {
      step: 3,
      insertionBaseline: "zero",
      controls: false,
    });
    expect(found).toMatchObject({ method: "input-x-gradient", measure: "score", target: { index: 0 } });
    const total = share.reduce((a, b) => a + b, 0);
    const inserted = Array.from({ length: 8 }, (_, i) => share.slice(0, 3 * i).reduce((a, b) => a + b, 0));
    found.insertion.curve.forEach((value, i) => void expect(value).toBeCloseTo(inserted[i], 5));
    found.deletion.curve.forEach((value, i) => void expect(value).toBeCloseTo(total - inserted[i], 5));
    const auc = (inserted.reduce((a, b) => a + b, 0) - total / 2) / 7;
    expect(found.insertion.auc).toBeCloseTo(auc, 5);
    expect(found.deletion.auc).toBeCloseTo(total - auc, 5);
    expect(found.fractions).toEqual([0, 3, 6, 9, 12, 15, 18, 20].map((pixels) => pixels / 20));
    expect(found.controls).toBeUndefined();
  });

  it("are what RISE's evaluation computes: softmax after every step, trapezoids over equal steps", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    // No two values are equal: of equal ones RISE leaves the order to the sorting.
    const data = Float32Array.from({ length: 96 * 96 }, (_, i) => ((i * 7919) % (96 * 96)) / (96 * 96));
    const map = { data, width: 96, height: 96, signed: false };
    const blurred = randomTensor([1, 96, 96, 3], 7);
    const step = 700;
    const found = await deletionInsertion(model, image, map, {
      ...{ target: "dog", step, insertionBaseline: blurred, controls: false, batchSize: 3 },
    });
    const x = Float32Array.from(
      image.data.filter((_, i) => image.data.length === 96 * 96 * 3 || i % 4 < 3),
      (v) => (v / 255 - 0.5) / 0.5,
    );
    const order = Array.from(map.data.keys()).sort((a, b) => map.data[b] - map.data[a]);
    for (const [name, from, to] of [
      ["deletion", x, new Float32Array(x.length)],
      ["insertion", blurred.data, x],
    ] as const) {
      const now = from.slice();
      const scores: number[] = [];
      for (let i = 0; i <= Math.ceil(order.length / step); i++) {
        const all = await model.predict(new Tensor(now.slice(), [1, 96, 96, 3]), { top: 8 });
        scores.push(all.find(({ label }) => label === "dog")?.probability ?? Number.NaN);
        for (const pixel of order.slice(i * step, (i + 1) * step)) {
          for (let c = 0; c < 3; c++) now[pixel * 3 + c] = to[pixel * 3 + c];
        }
      }
      expect(found[name].curve.length).toBe(scores.length);
      found[name].curve.forEach((value, i) => void expect(value).toBeCloseTo(scores[i], 6));
      const sum = scores.reduce((total, score) => total + score, 0);
      const [first, last] = [scores[0], scores[scores.length - 1]];
      expect(found[name].auc).toBeCloseTo((sum - first / 2 - last / 2) / (scores.length - 1), 6);
    }
  });

  it("tell a map of the animal from maps that know nothing, and repeat to the bit", async () => {
    const model = await loadModel();
    const image = await scene("scene-turtle-02");
    const attribution = await gradCam(model, image);
    const progress = vi.fn();
    const found = await deletionInsertion(model, image, attribution, { step: 256, onProgress: progress });
    expect(found.target.label).toBe("turtle");
    expect(found.measure).toBe("probability");
    const { insertion, controls } = found;
    expect(insertion.auc).toBeGreaterThan((controls?.centre.insertion.auc ?? 1) + 0.05);
    expect(insertion.auc).toBeGreaterThan((controls?.random.insertion.auc ?? 1) + 0.05);
    const passes = 8 * ((96 * 96) / 256 + 1);
    expect(progress).toHaveBeenLastCalledWith(passes, passes);
    const again = await deletionInsertion(model, image, attribution, { step: 256, batchSize: 5 });
    expect({ ...again, recipe: null }).toEqual({ ...found, recipe: null });
    expect(found.recipe.options).toMatchObject({ step: 256, deletionBaseline: "zero", insertionBaseline: "blur" });
    expect(found.recipe.options.map).toMatchObject({ method: "grad-cam" });
  });

  it("judge an attribution by the class it explains, and carry its notes", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const found = await deletionInsertion(model, image, await guidedBackprop(model, image, { target: "dog" }), {
      ...{ step: 2000, controls: false },
    });
    expect(found.target.label).toBe("dog");
    expect(found.notes.map(({ code }) => code)).toContain("not-class-specific");
  });

  it("work on a signal", async () => {
    const { model } = await signalModel();
    const x = randomTensor([1, 2, 40]);
    const found = await deletionInsertion(model, x, await integratedGradients(model, x), {
      step: 8,
      deletionBaseline: "mean",
    });
    expect(found.deletion.curve.length).toBe(6);
    expect(found.controls?.edge.insertion.curve.length).toBe(6);
  });

  it("need an input with places", async () => {
    const { model } = await linearModel([1, 1, 6]);
    const latent = randomTensor([1, 1, 1, 6]);
    const map = await inputXGradient(model, latent);
    await expect(deletionInsertion(model, latent, map)).rejects.toThrow(
      "The input is 1×1×1×6: it has no places to delete. infidelity judges attributions of vectors.",
    );
    expect((await infidelity(model, latent, map)).infidelity).toBeLessThan(1e-10);
  });

  it("say what is wrong", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    const map = await inputXGradient(model, x);
    const small = { data: new Float32Array(9), width: 3, height: 3, signed: false };
    await expect(deletionInsertion(model, x, small)).rejects.toThrow("The map is 3×3, the network's input is 5×4");
    await expect(deletionInsertion(model, x, map, { step: 0 })).rejects.toThrow(
      "step must be a whole number of at least 1, got 0",
    );
    await expect(deletionInsertion(model, x, map, { measure: "logit" as "score" })).rejects.toThrow(
      'measure "logit" is none of probability, score',
    );
    await expect(deletionInsertion(model, x, map, { measure: "probability" })).rejects.toThrow(
      'measure "probability": "logits" is no score of one of several classes. Leave it out, or use "score".',
    );
    // @ts-expect-error the promise was not awaited
    await expect(deletionInsertion(model, x, inputXGradient(model, x))).rejects.toThrow(
      "got a promise: await it first",
    );
    const mask = Uint8Array.of(1);
    const masked = { ...map, recipe: { ...map.recipe, options: { target: { mask, channel: 0 } } } };
    await expect(deletionInsertion(model, x, masked)).rejects.toThrow(
      "explains a mask, which it does not keep: pass the same target",
    );
    const numbers = { sum: [0, { weights: { hash: "sha256:0" } }] };
    const weighed = { ...map, recipe: { ...map.recipe, options: { target: numbers } } };
    await expect(deletionInsertion(model, x, weighed)).rejects.toThrow("explains weights of its own, which it does");
    await expect(deletionInsertion(model, x, map, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});

const signalModel = async () => {
  const { modelOf } = await import("../visualize/networks");
  const { randomFloats, randomIntegers } = await import("../graph/build");
  return {
    model: await modelOf([1, 2, 40], {
      nodes: [
        ["Conv", ["image", "kernel"], ["maps"], { pads: [2, 2] }],
        ["Relu", ["maps"], ["relu"]],
        ["GlobalAveragePool", ["relu"], ["pooled"]],
        ["Flatten", ["pooled"], ["scores"]],
      ],
      constants: { kernel: randomFloats(randomIntegers(3), [3, 2, 5]) },
    }),
  };
};

/** Captum's definition, from the inputs that a perturbation made. */
function naiveInfidelity(
  x: ArrayLike<number>,
  map: ArrayLike<number>,
  weights: ArrayLike<number>,
  changed: readonly ArrayLike<number>[],
  { divide, baseline, normalize }: { divide: boolean; baseline: number; normalize: boolean },
): number {
  const pairs = changed.map((other) => {
    let product = 0;
    for (let i = 0; i < x.length; i++) {
      const difference = x[i] - other[i];
      const denominator = x[i] - baseline === 0 ? 1 : x[i] - baseline;
      product += map[i] * (divide ? difference / denominator : difference);
    }
    return [product, dot(weights, x) - dot(weights, other)] as const;
  });
  const mean = (of: (pair: readonly [number, number]) => number): number =>
    pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  if (!normalize) return mean(([a, b]) => (a - b) ** 2);
  const beta = mean(([a, b]) => a * b) / mean(([a]) => a * a);
  return beta ** 2 * mean(([a]) => a * a) - 2 * beta * mean(([a, b]) => a * b) + mean(([, b]) => b * b);
}

describe("infidelity", () => {
  it("of a linear score is 0 for input × gradient under removal, and for the gradient under any change", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    const shares = await infidelity(model, x, await inputXGradient(model, x), { samples: 30 });
    expect(shares.infidelity).toBeLessThan(1e-10);
    expect(shares.ofZeros).toBeGreaterThan(0.1);
    for (const perturbation of ["square", "noise"] as const) {
      const found = await infidelity(model, x, await saliency(model, x), { perturbation, samples: 30, stdev: 0.3 });
      expect(found.infidelity).toBeLessThan(1e-10);
      expect(found.ofZeros).toBeGreaterThan(0.01);
    }
  });

  it("takes the baseline that the shares are relative to", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    const shares = await integratedGradients(model, x, { baseline: 0.25 });
    const right = await infidelity(model, x, shares, { samples: 30, baseline: 0.25 });
    const wrong = await infidelity(model, x, shares, { samples: 30 });
    expect(right.infidelity).toBeLessThan(1e-9);
    expect(wrong.infidelity).toBeGreaterThan(1e-3);
  });

  it("is Captum's definition for any perturbation, normalised or not", async () => {
    const { model, weights } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    x.data[7] = 0;
    const map = await saliency(model, x);
    map.values.data.set(randomTensor(shape, 9).data);
    for (const multiplyByInputs of [true, false]) {
      for (const normalize of [true, false]) {
        const changed: Tensor[] = [];
        const found = await infidelity(model, x, map, {
          ...{ multiplyByInputs, normalize, samples: 11, batchSize: 4 },
          perturbation: (input, random) => {
            const other = new Tensor(
              input.data.map((value) => value * random() + random()),
              input.shape,
            );
            changed.push(other);
            return other;
          },
        });
        expect(changed.length).toBe(11);
        const expected = naiveInfidelity(
          x.data,
          map.values.data,
          weights[0],
          changed.map(({ data }) => data),
          { divide: multiplyByInputs, baseline: 0, normalize },
        );
        expect(found.infidelity / expected).toBeCloseTo(1, 4);
      }
    }
  });

  it("is the squared drop for a map of zeros, and no larger once normalised", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const map = await gradCam(model, image);
    const found = await infidelity(model, image, map, { samples: 40 });
    expect(found.infidelity).toBeLessThan(0.9 * found.ofZeros);
    expect(found.standardError).toBeGreaterThan(0);
    expect(found.standardError).toBeLessThan(found.infidelity);
    const zeros = { data: new Float32Array(96 * 96), width: 96, height: 96, signed: false };
    const nothing = await infidelity(model, image, zeros, { samples: 40, target: map.target.index });
    expect(nothing.infidelity).toBe(found.ofZeros);
    const other = await infidelity(model, image, map, { samples: 40, seed: 1 });
    expect(other.infidelity).not.toBe(found.infidelity);
    const again = await infidelity(model, image, map, { samples: 40, batchSize: 7 });
    expect(again.infidelity).toBe(found.infidelity);
  });

  it("say what is wrong", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    const map = await saliency(model, x);
    await expect(infidelity(model, x, map, { samples: 0 })).rejects.toThrow(
      "samples must be a whole number of at least 1",
    );
    await expect(infidelity(model, x, map, { perturbation: "blur" as "noise" })).rejects.toThrow(
      'perturbation "blur" is neither square, noise nor a function',
    );
    await expect(infidelity(model, x, map, { perturbation: () => randomTensor([1, 2, 2, 3]) })).rejects.toThrow(
      "The perturbation must return a Tensor of the input's shape, 1×5×4×3, got 1×2×2×3",
    );
  });
});

describe("max-sensitivity", () => {
  it("of a gradient that is the same everywhere is 0", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const found = await maxSensitivity(model, randomTensor(shape), saliency);
    expect(found.maxSensitivity).toBe(0);
    expect(found.changes.length).toBe(10);
  });

  it("is Captum's definition over inputs within the radius", async () => {
    const { model, weights } = await linearModel([5, 4, 3], 2);
    const x = randomTensor(shape);
    const seen: Float32Array[] = [];
    const found = await maxSensitivity(
      model,
      x,
      (m, input, options) => {
        if (input instanceof Tensor) seen.push(input.data);
        return inputXGradient(m, input, options);
      },
      { radius: 0.3, samples: 7, target: 1, seed: 3 },
    );
    const length = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
    const explanation = (data: Float32Array): number[] => Array.from(data, (value, i) => value * weights[1][i]);
    const original = explanation(x.data);
    const changes = seen
      .slice(1)
      .map((data) => length(explanation(data).map((v, i) => v - original[i])) / length(original));
    expect(found.maxSensitivity).toBeCloseTo(Math.max(...changes), 5);
    found.changes.forEach((change, i) => void expect(change).toBeCloseTo(changes[i], 5));
    const moved = seen.slice(1).flatMap((data) => Array.from(data, (value, i) => Math.abs(value - x.data[i])));
    expect(Math.max(...moved)).toBeLessThanOrEqual(0.3 + 1e-6);
    expect(Math.max(...moved)).toBeGreaterThan(0.29);
  });

  it("explains one target, though a changed input may be taken for another class", async () => {
    const model = await loadModel();
    const targets = new Set<unknown>();
    const found = await maxSensitivity(
      model,
      await scene("scene-cat-00"),
      (m, input, options) => {
        targets.add(options.target);
        return gradCam(m, input, options);
      },
      { radius: 2, samples: 3, target: "top" },
    );
    expect(found.target.label).toBe("cat");
    expect([...targets]).toEqual(["top", found.target.index]);
  });

  it("say what is wrong", async () => {
    const { model } = await linearModel([5, 4, 3]);
    const x = randomTensor(shape);
    // @ts-expect-error a name is no function
    await expect(maxSensitivity(model, x, "grad-cam")).rejects.toThrow(
      'The method must be a function, for example gradCam, or (m, x, o) => explain(m, x, { ...o, method: "grad-cam" }), got "grad-cam".',
    );
    await expect(maxSensitivity(model, x, saliency, { radius: 0 })).rejects.toThrow("radius must be above 0, got 0");
  });
});
