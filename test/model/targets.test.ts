/** Targets made of others, weights over the output, and likeness to an embedding: against scores worked out from plain runs. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  decodeImage,
  deepLift,
  explain,
  gradCam,
  integratedGradients,
  loadModel,
  lrp,
  methodNames,
  occlusion,
  saliency,
  type Target,
  TargetError,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const dog = await decodeImage(new Uint8Array(readFileSync("examples/images/cage-dog-02.png")));
const model = await loadModel();
const logits = (tensor: Tensor): Float32Array => tensor.data;
const run = async (image: typeof cat | Tensor): Promise<Float32Array> => {
  const { activations } = await model.run(image, { capture: [model.output.name] });
  return logits(activations.get(model.output.name) as Tensor);
};
const at = await run(cat);
const of = async (target: Target) => (await saliency(model, cat, { target })).values.data;
const difference = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, each, i) => sum + (each - b[i]) ** 2, 0) / b.reduce((sum, each) => sum + each * each, 0));

const weights = Float32Array.from(at, (_, i) => [0.5, -2, 0, 1.25][i % 4]);
const embedding = new Tensor(await run(dog), model.output.shape);
const cosine = (f: ArrayLike<number>, r: ArrayLike<number>): number => {
  let [product, a, b] = [0, 0, 0];
  for (let i = 0; i < f.length; i++) {
    product += f[i] * r[i];
    a += f[i] ** 2;
    b += r[i] ** 2;
  }
  return product / Math.sqrt(a * b);
};

/** What each target comes to, as a function of the output and as a combination of the classes' gradients. */
const kinds: Readonly<
  Record<string, { target: Target; score: (f: Float32Array) => number; slope: ArrayLike<number> }>
> = {
  contrast: {
    target: { contrast: ["cat", "dog"] },
    score: (f) => f[label("cat")] - f[label("dog")],
    slope: at.map((_, i) => Number(i === label("cat")) - Number(i === label("dog"))),
  },
  sum: {
    target: { sum: ["cat", "dog", { contrast: [0, "cat"] }] },
    score: (f) => f[label("dog")] + f[0],
    slope: at.map((_, i) => Number(i === label("dog")) + Number(i === 0)),
  },
  weights: {
    target: { weights },
    score: (f) => f.reduce((sum, each, i) => sum + weights[i] * each, 0),
    slope: weights,
  },
  similarTo: {
    target: { similarTo: embedding },
    score: (f) => cosine(f, embedding.data),
    slope: at.map((_, i) => {
      const [lengthF, lengthR] = [at, embedding.data].map((each) => Math.hypot(...each));
      return embedding.data[i] / lengthF / lengthR - (cosine(at, embedding.data) * at[i]) / lengthF ** 2;
    }),
  },
};
function label(name: string): number {
  return (model.labels as readonly string[]).indexOf(name);
}

describe.each(Object.entries(kinds))("{ %s }", (name, { target, score, slope }) => {
  it("has the score of the outputs", async () => {
    const found = await saliency(model, cat, { target });
    expect(found.target.score).toBeCloseTo(score(at), 5);
    expect(found.target.index).toBe(name === "contrast" || name === "sum" ? label("cat") : -1);
    expect(found.recipe.options).toHaveProperty("target");
    expect(JSON.parse(JSON.stringify(found)).target.label).toBeTypeOf("string");
  });
  it("has the gradient of the outputs' combination", async () => {
    const wanted = new Float32Array(cat.width === 0 ? 0 : (await of(0)).length);
    for (const [index, factor] of Array.from(slope).entries()) {
      if (factor === 0) continue;
      (await of(index)).forEach((each, i) => {
        wanted[i] += factor * each;
      });
    }
    expect(difference(await of(target), wanted)).toBeLessThan(1e-4);
  });
  it("is complete", async () => {
    const input = model.preprocess(cat);
    const from = new Tensor(new Float32Array(input.data.length).fill(0.3), input.shape);
    const change = score(at) - score(await run(from));
    const path = await integratedGradients(model, cat, { target, nSteps: 64, baseline: from });
    expect(path.values.data.reduce((sum, each) => sum + each, 0)).toBeCloseTo(change, 1);
    const lifted = await deepLift(model, cat, { target, baseline: from });
    expect(Math.abs(lifted.convergenceDelta as number)).toBeLessThan(1e-3 * Math.max(1, Math.abs(change)));
    expect(lifted.values.data.reduce((sum, each) => sum + each, 0)).toBeCloseTo(change, 2);
  });
  it("is what occlusion asks for", async () => {
    const input = model.preprocess(cat);
    const size = [input.shape[1], input.shape[2]] as const;
    const { values } = await occlusion(model, input, { target, window: size, stride: size, engine: "full" });
    const zero = new Tensor(new Float32Array(input.data.length), input.shape);
    expect(values.data[0]).toBeCloseTo(score(at) - score(await run(zero)), 4);
  });
  it("gives relevance that starts at its elements", async () => {
    const { values } = await lrp(model, cat, { target, composite: "epsilonPlus", layer: model.output.name });
    const sum = values.data.reduce((total, each) => total + each, 0);
    expect(sum).toBeCloseTo(score(at), 4);
  });
});

it.each(methodNames.filter((name) => name !== "cam"))("%s takes a contrast", async (method) => {
  const target = { contrast: ["cat", "dog"] } as const;
  const options = { method, target, samples: 4, nSteps: 3, masks: 8, batchSize: 4 };
  const found = await explain(model, cat, options);
  expect(found.target).toMatchObject({ label: "cat − dog" });
  const swapped = await explain(model, cat, { ...options, target: { contrast: ["dog", "cat"] } });
  expect(swapped.target.score).toBeCloseTo(-found.target.score, 5);
});

it("says what is wrong with a target", async () => {
  const wrong: readonly [unknown, string][] = [
    [{ contrast: ["cat"] }, "takes two targets"],
    [{ contrast: ["cat", "horse"] }, "none of the model's"],
    [{ contrast: ["cat", { layer: "relu5", unit: 0 }] }, "have to belong to one value"],
    [{ contrast: ["cat", "dog"], channel: 1 }, 'has no "channel"'],
    [{ contrast: ["cat", undefined] }, "has undefined among its targets"],
    [{ sum: [] }, "an empty one"],
    [{ sum: 3 }, "takes a list of targets"],
    [{ weights: [1, 2] }, "takes a Float32Array"],
    [{ weights: new Float32Array(2) }, `Float32Array of ${at.length} numbers`],
    [{ weights: new Float32Array(at.length) }, "zeros alone"],
    [{ weights: new Float32Array(at.length).fill(Number.NaN) }, "has NaN at 0"],
    [{ similarTo: [1] }, "takes a Tensor"],
    [{ similarTo: new Tensor(new Float32Array(2), [1, 2]) }, "Got 1×2"],
    [{ similarTo: new Tensor(new Float32Array(at.length), model.output.shape) }, "no direction"],
  ];
  const itself: { sum: unknown[] } = { sum: [] };
  itself.sum.push(itself);
  for (const [target, words] of [...wrong, [itself, "within each other"]] as const) {
    const found = saliency(model, cat, { target: target as Target });
    await expect(found, JSON.stringify(Object.keys(target as object))).rejects.toThrow(TargetError);
    await expect(saliency(model, cat, { target: target as Target })).rejects.toThrow(words);
  }
});

it("reads weights in the file's own order", async () => {
  const file = graphOf({
    inputs: { x: [1, 1, 2, 3] },
    constants: { w: floats([2, 1, 1, 1], [1, 10]) },
    nodes: [["Conv", ["x", "w"], ["y"]]],
  });
  const map = await loadModel(writeOnnx(file));
  const input = Tensor.fromNCHW(Float32Array.of(1, 2, 3, 4, 5, 6), [1, 1, 2, 3]);
  // Channel 0 of the place in row 1, column 2, and twice channel 1 of the place in row 0, column 1.
  const own = new Float32Array(12);
  own[5] = 1;
  own[6 + 1] = 2;
  const found = await saliency(map, input, { target: { weights: own } });
  expect(found.target.score).toBe(6 + 2 * 10 * 2);
  expect(Array.from(found.values.data)).toEqual([0, 20, 0, 0, 0, 1]);
});

it("takes units of one layer together", async () => {
  const unit = (index: number) => ({ layer: "relu5", unit: index }) as const;
  const [a, b] = await Promise.all([0, 1].map(async (index) => saliency(model, cat, { target: unit(index) })));
  const both = await saliency(model, cat, { target: { sum: [unit(0), unit(1)] } });
  expect(both.target.score).toBeCloseTo(a.target.score + b.target.score, 5);
  expect(both.notes.map(({ code }) => code)).toContain("unit-position");
  const contrast = await gradCam(model, cat, { target: { contrast: [unit(0), unit(1)] }, layer: "relu4" });
  expect(contrast.target.score).toBeCloseTo(a.target.score - b.target.score, 5);
});
