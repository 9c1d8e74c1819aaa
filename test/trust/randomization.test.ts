import { describe, expect, it, vi } from "vitest";
import { Constant } from "../../src/graph/ir";
import {
  type AttributionMethod,
  controlHeatmaps,
  decodeImage,
  deconvnet,
  explain,
  gradCam,
  guidedBackprop,
  guidedGradCam,
  inputXGradient,
  loadModel,
  methodNames,
  randomizationTest,
  saliency,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { Random } from "../../src/random/random";
import { shuffled } from "../../src/trust/shuffle";
import { spearman, ssim } from "../../src/trust/similarity";
import { floats, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";
import { modelOf } from "../visualize/networks";
import { linearModel, randomTensor, scene } from "./networks";

const row = (...values: number[]): Float32Array => Float32Array.from(values);

describe("similarity", () => {
  it("Spearman's correlation is that of the ranks, ties sharing theirs", () => {
    const a = randomTensor([200]).data;
    expect(
      spearman(
        a,
        a.map((value) => value ** 3),
      ),
    ).toBeCloseTo(1, 12);
    expect(
      spearman(
        a,
        a.map((value) => -Math.exp(value)),
      ),
    ).toBeCloseTo(-1, 12);
    // Ranks 1, 2.5, 2.5, 4 against 2, 1, 3, 4: by hand 0.6325 (3 / √(4.5 · 5)).
    expect(spearman(row(1, 2, 2, 3), row(5, 1, 6, 7))).toBeCloseTo(3 / Math.sqrt(4.5 * 5), 12);
    expect(spearman(a, new Float32Array(200))).toBe(0);
  });

  it("SSIM is the mean of its formula over all windows", () => {
    const [width, height] = [17, 14];
    const [a, b] = [3, 4].map((seed) => randomTensor([width * height], seed).data.map((value) => (value + 1) / 2));
    const weight = (dx: number, dy: number): number => Math.exp(-(dx * dx + dy * dy) / (2 * 1.5 ** 2));
    let [sum, count] = [0, 0];
    for (let y = 5; y < height - 5; y++) {
      for (let x = 5; x < width - 5; x++) {
        const moment = (of: (i: number) => number): number => {
          let [total, weights] = [0, 0];
          for (let dy = -5; dy <= 5; dy++) {
            for (let dx = -5; dx <= 5; dx++) {
              total += weight(dx, dy) * of((y + dy) * width + x + dx);
              weights += weight(dx, dy);
            }
          }
          return total / weights;
        };
        const [ma, mb] = [moment((i) => a[i]), moment((i) => b[i])];
        const [va, vb] = [moment((i) => (a[i] - ma) ** 2), moment((i) => (b[i] - mb) ** 2)];
        const covariance = moment((i) => (a[i] - ma) * (b[i] - mb));
        sum += ((2 * ma * mb + 1e-4) * (2 * covariance + 9e-4)) / ((ma ** 2 + mb ** 2 + 1e-4) * (va + vb + 9e-4));
        count++;
      }
    }
    expect(ssim(a, b, { width, height })).toBeCloseTo(sum / count, 4);
    expect(ssim(a, a, { width, height })).toBeCloseTo(1, 12);
    expect(ssim(a.subarray(0, 40), a.subarray(0, 40), { width: 40, height: 1 })).toBeCloseTo(1, 12);
  });
});

it("shuffling keeps every magnitude, and a seed its order", () => {
  const magnitudes = (constant: Constant): Float32Array => constant.floats().map(Math.abs).sort();
  const constant = randomFloats(randomIntegers(8), [40, 25]);
  const half = Constant.fromBytes(
    new Uint8Array(Uint16Array.from({ length: 100 }, (_, i) => 0x3000 + 7 * i).buffer),
    "float16",
    [100],
  );
  for (const original of [constant, half]) {
    const before = original.floats().slice();
    const other = shuffled(original, true, new Random(1));
    expect(other.format).toBe(original.format);
    expect(magnitudes(other)).toEqual(magnitudes(original));
    expect(other.floats()).not.toEqual(before);
    expect(original.floats()).toEqual(before);
    expect(shuffled(original, true, new Random(1)).floats()).toEqual(other.floats());
    const negative = other.floats().filter((value) => value < 0).length / other.size;
    expect(Math.abs(negative - 0.5)).toBeLessThan(0.2);
  }
  const unsigned = shuffled(half, false, new Random(1)).floats();
  expect(unsigned.every((value) => value > 0)).toBe(true);
});

describe("cascading randomisation", () => {
  it("goes from the output down, and leaves the given model as it is", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const original = loaded(model).parts.graph.constants;
    const before = await model.predict(image);
    const touched: string[][] = [];
    const found = await randomizationTest(
      model,
      image,
      (m, input, options) => {
        const { constants } = loaded(m).parts.graph;
        touched.push(
          [...constants].filter(([name, constant]) => constant !== original.get(name)).map(([name]) => name),
        );
        return saliency(m, input, options);
      },
      { trials: 1 },
    );
    expect(found.stages.map(({ layer }) => layer)).toEqual([
      "fc",
      "conv6",
      "conv5",
      "conv4",
      "conv3",
      "conv2",
      "conv1",
    ]);
    expect(touched[0]).toEqual([]);
    touched.slice(1).forEach((names, stage) => void expect(names.length).toBe(2 * (stage + 1)));
    expect(await model.predict(image)).toEqual(before);
  });

  it("explains with the weights that it shuffled: of a linear score the gradient", async () => {
    const { model, weights } = await linearModel([6, 5, 2]);
    const x = randomTensor([1, 6, 5, 2]);
    const seen: Float32Array[] = [];
    await randomizationTest(
      model,
      x,
      async (m, input, options) => {
        const attribution = await saliency(m, input, options);
        seen.push(attribution.values.data);
        return attribution;
      },
      { trials: 2 },
    );
    const sorted = seen.map((data) => Array.from(data, (value) => Math.fround(Math.abs(value))).sort());
    expect(sorted[0]).toEqual(Array.from(weights[0], (value) => Math.fround(Math.abs(value))).sort());
    expect(sorted[1]).toEqual(sorted[0]);
    expect(seen[1]).not.toEqual(seen[0]);
    expect(seen[2]).not.toEqual(seen[1]);
  });

  it("is failed by what does not look at the network", async () => {
    const model = await loadModel();
    const image = await scene("scene-fish-02");
    const edges: AttributionMethod = async (m, input, options) => {
      const { edge } = controlHeatmaps(model, input);
      return { ...(await saliency(m, input, options)), method: "edges", values: new Tensor(edge.data, [1, 96, 96, 1]) };
    };
    const found = await randomizationTest(model, image, edges, { stages: 3, trials: 1 });
    for (const stage of found.stages) expect(stage).toMatchObject({ spearman: 1, spearmanAbsolute: 1, ssim: 1 });
    expect(found).toMatchObject({ method: "edges", similarity: 1, passed: false });
  });

  it("repeats to the bit, and another seed is another draw", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const progress = vi.fn();
    const found = await randomizationTest(model, image, gradCam, { stages: 2, onProgress: progress });
    expect(progress).toHaveBeenLastCalledWith(7, 7);
    expect(await randomizationTest(model, image, gradCam, { stages: 2 })).toEqual(found);
    const other = await randomizationTest(model, image, gradCam, { stages: 2, seed: 1 });
    expect(other.stages).not.toEqual(found.stages);
    expect(found.recipe).toMatchObject({ method: "randomization-test", options: { stages: 2, trials: 3 } });
    expect(found.recipe.options.explanation).toMatchObject({ method: "grad-cam" });
    const one = await randomizationTest(model, image, gradCam, { stages: 1, trials: 1 });
    expect(one.stages.map(({ layer }) => layer)).toEqual(["conv1"]);
  });

  it("works on signals and in low memory, and takes a method by name through explain", async () => {
    const model = await modelOf([1, 2, 60], {
      nodes: [
        ["Conv", ["image", "kernel"], ["maps"], { pads: [2, 2] }],
        ["BatchNormalization", ["maps", "scale", "shift", "mean", "variance"], ["norm"]],
        ["Relu", ["norm"], ["relu"]],
        ["GlobalAveragePool", ["relu"], ["pooled"]],
        ["Flatten", ["pooled"], ["scores"]],
      ],
      constants: {
        kernel: randomFloats(randomIntegers(3), [3, 2, 5]),
        scale: floats([3], [1, 2, 3]),
        shift: floats([3], [0.1, 0.2, -0.1]),
        mean: floats([3], [0.1, 0, -0.1]),
        variance: floats([3], [0.5, 1, 2]),
      },
    });
    const x = randomTensor([1, 2, 60]);
    const signal = await randomizationTest(model, x, (m, input, o) =>
      explain(m, input, { ...o, method: "input-x-gradient" }),
    );
    expect(signal.stages.map(({ layer }) => layer)).toEqual(["maps"]);
    expect(Number.isFinite(signal.similarity)).toBe(true);
    const low = await loadModel(undefined, { memory: "low" });
    const found = await randomizationTest(low, await scene("scene-cat-00"), guidedBackprop, { stages: 4, trials: 1 });
    expect(found.passed).toBe(false);
    expect(found.notes.map(({ code }) => code)).toContain("not-class-specific");
  });

  it("compares attributions of a vector number by number", async () => {
    const { model } = await linearModel([1, 1, 40]);
    const latent = randomTensor([1, 1, 1, 40]);
    const other = await randomizationTest(model, latent, saliency, { trials: 1 });
    expect(Math.abs(other.similarity)).toBeLessThan(0.5);
    const fixed = await saliency(model, latent);
    expect(await randomizationTest(model, latent, async () => fixed, { trials: 1 })).toMatchObject({
      similarity: 1,
      passed: false,
    });
  });

  it("says what is wrong", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    // @ts-expect-error a name is no function
    await expect(randomizationTest(model, image, "saliency")).rejects.toThrow(
      "The method must be a function, for example gradCam",
    );
    await expect(randomizationTest(model, image, saliency, { trials: 0 })).rejects.toThrow(
      "trials must be a whole number of at least 1, got 0",
    );
    await expect(randomizationTest(model, image, saliency, { stages: 1.5 })).rejects.toThrow(
      "stages must be a whole number",
    );
    await expect(randomizationTest(await modelOf([1, 1, 4, 4]), randomTensor([1, 4, 4, 1]), saliency)).rejects.toThrow(
      "has no layer with weights to shuffle",
    );
    const flat: AttributionMethod = async (m, input, options) => {
      const found = await saliency(m, input, options);
      return { ...found, values: new Tensor(new Float32Array(found.values.data.length), found.values.shape) };
    };
    await expect(randomizationTest(model, image, flat)).rejects.toThrow(
      "The explanation by saliency is the same everywhere, so there is nothing to compare.",
    );
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(randomizationTest(model, image, saliency, { signal })).rejects.toThrow("enough");
  });
});

describeShared("on MobileNetV2", () => {
  it("guided backprop, deconvnet and guided Grad-CAM fail; gradients and Grad-CAM pass", async () => {
    const model = await loadModel(readShared("models/mobilenet-v2-1.0-224-imagenet.onnx"), {
      inputShape: [1, 3, 224, 224],
      preprocess: { mean: [0.5], std: [0.5] },
    });
    const image = await decodeImage(readShared("images/samoyed.png"));
    const verdict = async (method: AttributionMethod): Promise<boolean> =>
      (await randomizationTest(model, image, method, { stages: 2 })).passed;
    for (const method of [saliency, inputXGradient, gradCam]) expect(await verdict(method)).toBe(true);
    for (const method of [guidedBackprop, deconvnet, guidedGradCam]) expect(await verdict(method)).toBe(false);
  }, 300_000);
});

describe("maps that are nearly the same for another class", () => {
  /** What a method says that is mostly about the picture. */
  const warnings: ReadonlySet<string> = new Set([
    "hardly-about-the-target",
    "not-about-the-target",
    "not-class-specific",
    // Ablation-CAM's signs are turned round for one of the two classes.
    "negative-score",
  ]);
  for (const method of methodNames) {
    it(`${method} says so, if its are`, async () => {
      const [model, image] = [await loadModel(), await scene("scene-turtle-02")];
      const options = { method, nSteps: 10, samples: 100, masks: 200 };
      const turtle = await explain(model, image, { ...options, target: "turtle" });
      const dog = await explain(model, image, { ...options, target: "dog" });
      const likeness = spearman(turtle.values.data, dog.values.data);
      const isWarned = [...turtle.notes, ...dog.notes].some(({ code }) => warnings.has(code));
      if (likeness > 0.7) expect(isWarned, `rank correlation ${likeness}`).toBe(true);
      // Guided Grad-CAM has the notes of both its halves.
      if (isWarned && method !== "guided-grad-cam") expect(likeness).toBeGreaterThan(0.5);
    });
  }
});
