import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import {
  decodeImage,
  LayerError,
  loadModel,
  type MaximizeOptions,
  maximizeActivation,
  OptionError,
  ShapeError,
  TargetError,
  Tensor,
  toImage,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { Random } from "../../src/random/random";
import { floats } from "../graph/build";
import { modelOf } from "./networks";

it("a class picture reaches its class with certainty", async () => {
  const model = await loadModel();
  const options = { target: "cat", steps: 60, stepSize: 0.5, l2: 1e-3, start: "noise", seed: 1 } as const;
  const { image, objective, target, recipe } = await maximizeActivation(model, options);
  expect(objective).toHaveLength(61);
  expect(objective[60]).toBeGreaterThan(objective[0] + 5);
  const [best] = await model.predict(image, { top: 1 });
  expect(best).toMatchObject({ label: "cat", score: target.score });
  expect(best.probability).toBeGreaterThan(0.99);
  expect(recipe).toMatchObject({ method: "maximize-activation", seed: 1, options: { target: "cat", steps: 60 } });

  const again = await maximizeActivation(model, options);
  expect(again.image.data).toEqual(image.data);
  const other = await maximizeActivation(model, { ...options, seed: 2 });
  expect(other.image.data).not.toEqual(image.data);
});

it("every step can be watched, from an image on, and left", async () => {
  const model = await loadModel();
  const photo = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
  const start = Tensor.fromNCHW(new Float32Array(3 * 96 * 96).fill(photo.data[0] / 255), [1, 3, 96, 96]);
  const seen: number[] = [];
  for await (const { step, image, objective } of maximizeActivation(model, {
    target: { layer: "relu3", unit: 5 },
    start,
    steps: 9,
  })) {
    if (step === 0) expect(image.data).toEqual(start.data);
    expect(Number.isFinite(objective)).toBe(true);
    seen.push(step);
    if (step === 3) break;
  }
  expect(seen).toEqual([0, 1, 2, 3]);
});

const scene = async () => decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));

it.each(["plain", "lucid"] as const)(
  "the %s picture of every class is that class to the network, as 8 bits too",
  async (preset) => {
    using model = await loadModel();
    const used = loaded(model).parts.memory.used;
    for (const label of model.labels ?? []) {
      const { image, target } = await maximizeActivation(model, { target: label, preset, steps: 48 });
      expect(target.label).toBe(label);
      for (const seen of [image, toImage(model, image)]) {
        const [best] = await model.predict(seen, { top: 1 });
        expect(best).toMatchObject({ label });
        expect(best.probability).toBeGreaterThan(0.99);
      }
    }
    // What an ascent placed in wasm memory it gives back; activations and packed weights stay for the next call.
    const after = loaded(model).parts.memory.used;
    await maximizeActivation(model, { target: 0, preset, steps: 1 });
    expect(loaded(model).parts.memory.used).toBe(after);
    expect(after).toBeGreaterThanOrEqual(used);
  },
);

it("pictures of waves are pictures: every value is one that a pixel can have", async () => {
  using model = await loadModel();
  const { image } = await maximizeActivation(model, { target: "dog", preset: "lucid", steps: 10, stepSize: 5 });
  expect(Math.min(...image.data)).toBeGreaterThanOrEqual(-1);
  expect(Math.max(...image.data)).toBeLessThanOrEqual(1);
});

/** Plain ascent makes the change of x over one step the gradient: what the target is can be read off it. */
async function firstStep(options: MaximizeOptions, nodes: Parameters<typeof modelOf>[1]) {
  using model = await modelOf([1, 1, 2, 3], nodes);
  const start = new Tensor(Float32Array.of(1, -2, 3, 4, 5, -6), [1, 2, 3, 1]);
  const { image, objective } = await maximizeActivation(model, { l2: 0, steps: 1, start, ...options });
  return { change: Array.from(image.data, (value, i) => value - start.data[i]), objective };
}

it("a channel is the mean over its places, a layer the mean of its squares, a neuron one place", async () => {
  const layer = "relu";
  const channel = await firstStep({ target: { layer, unit: 0, position: "mean" } }, {});
  expect(channel.objective[0]).toBeCloseTo((1 + 3 + 4 + 5) / 6, 6);
  [1, 0, 1, 1, 1, 0].forEach((on, i) => {
    expect(channel.change[i]).toBeCloseTo(on / 6, 5);
  });
  const whole = await firstStep({ target: { layer } }, {});
  expect(whole.objective[0]).toBeCloseTo((1 + 9 + 16 + 25) / 6, 5);
  [1, 0, 3, 4, 5, 0].forEach((value, i) => {
    expect(whole.change[i]).toBeCloseTo((2 * value) / 6, 5);
  });
  expect((await firstStep({ target: { layer, unit: 0 } }, {})).change).toEqual([0, 0, 0, 0, 1, 0]);
  expect((await firstStep({ target: { layer, unit: 0, position: "max" } }, {})).change).toEqual([0, 0, 0, 0, 1, 0]);
  expect((await firstStep({ target: { layer, unit: 0, position: "centre" } }, {})).change).toEqual([0, 0, 0, 0, 1, 0]);
  expect((await firstStep({ target: { layer, unit: 0, position: [0, 2] } }, {})).change).toEqual([0, 0, 1, 0, 0, 0]);
});

it("a rectifier that lets nothing through is redirected in the first steps, and only there", async () => {
  // Position 5 of a ReLU of −6 is dead: nothing moves, unless what pushes it up may pass.
  const target = { layer: "relu", unit: 0, position: [1, 2] } as const;
  expect((await firstStep({ target }, {})).change).toEqual([0, 0, 0, 0, 0, 0]);
  expect((await firstStep({ target, redirectedSteps: 1 }, {})).change).toEqual([0, 0, 0, 0, 0, 1]);
  const second = await firstStep({ target, redirectedSteps: 1, steps: 2 }, {});
  expect(second.change).toEqual([0, 0, 0, 0, 0, 1]);
  // A clip at its upper bound: what pushes up stays blocked, what pushes down passes.
  const clip = {
    nodes: [["Clip", ["image", "low", "high"], ["relu"]]] as never,
    constants: { low: floats([], [0]), high: floats([], [4]) },
  };
  const full = { layer: "relu", unit: 0, position: [1, 1] } as const;
  expect((await firstStep({ target: full, redirectedSteps: 1 }, clip)).change).toEqual([0, 0, 0, 0, 0, 0]);
  const negated = { ...clip, nodes: [...clip.nodes, ["Neg", ["relu"], ["less"]]] as never };
  const less = { layer: "less", unit: 0, position: [1, 1] } as const;
  expect((await firstStep({ target: less, redirectedSteps: 1 }, negated)).change).toEqual([0, 0, 0, 0, -1, 0]);
});

it("redirects each sample of a batch by itself", async () => {
  using model = await modelOf([1, 1, 1, 2]);
  const backward = {
    seed: "relu",
    wanted: ["image"],
    rules: { rectifier: "redirected" },
    write: (gradient: Float32Array) => gradient.set([3, 5, 7, -2]),
  } as const;
  // The first sample lets its second element through, the second one nothing.
  const data = Float32Array.of(-1, 1, -1, -1);
  const { gradients } = await loaded(model).watchedPass({ batch: 2, data, backward }, undefined);
  expect(Array.from(gradients.get("image") as Float32Array)).toEqual([0, 5, 7, 0]);
});

it("a whole layer grows from an image on: DeepDream", async () => {
  using model = await loadModel();
  const photo = await scene();
  const options = { target: { layer: "relu4" }, preset: "lucid", start: photo, steps: 16 } as const;
  const steps: number[] = [];
  let first: Tensor | undefined;
  for await (const { image, objective } of maximizeActivation(model, { ...options, transforms: "none" })) {
    first ??= image;
    steps.push(objective);
  }
  // It begins at the photograph, but for what is nearer to black or white than half a step.
  const shown = toImage(model, first as Tensor).data;
  const pixels = photo.data.length / (96 * 96);
  const off = shown.filter((value, i) => i % 4 < 3 && Math.abs(value - photo.data[(i >> 2) * pixels + (i % 4)]) > 1);
  expect(off).toHaveLength(0);
  expect(steps[16]).toBeGreaterThan(3 * steps[0]);
  const { target } = await maximizeActivation(model, options);
  expect(target).toMatchObject({ layer: "relu4" });
  expect(target).not.toHaveProperty("index");
});

it("several images of a class differ, the more the more their likeness costs", async () => {
  using model = await loadModel();
  const likeness = async (weight: number) => {
    const options = {
      target: "fish",
      preset: "lucid",
      steps: 40,
      diversity: { images: 3, weight, layer: "relu3" },
    } as const;
    const { images, image, targets, recipe } = await maximizeActivation(model, options);
    expect(images).toHaveLength(3);
    expect(images[0]).toBe(image);
    for (const { label, score } of targets) expect(label === "fish" && score > 5).toBe(true);
    expect(recipe.options).toMatchObject({ diversity: { images: 3, weight }, stepSize: 0.05, redirectedSteps: 16 });
    const maps = await Promise.all(images.map((one) => model.run(one, { capture: ["relu3"] })));
    const grams = maps.map(({ activations }) => unitGram((activations.get("relu3") as Tensor).data, 48));
    return grams[0].reduce((sum, value, i) => sum + value * grams[1][i], 0);
  };
  const [free, costly] = [await likeness(0), await likeness(0.5)];
  expect(costly).toBeLessThan(free - 0.2);
});

function unitGram(activations: Float32Array, channels: number): number[] {
  const gram = Array.from({ length: channels * channels }, (_, i) => {
    let sum = 0;
    for (let at = 0; at < activations.length; at += channels)
      sum += activations[at + Math.floor(i / channels)] * activations[at + (i % channels)];
    return sum;
  });
  const norm = Math.sqrt(gram.reduce((sum, value) => sum + value * value, 0));
  return gram.map((value) => value / norm);
}

it("the same seed gives the same bits, another one other transforms", async () => {
  using model = await loadModel();
  const options = { target: 1, preset: "lucid", start: "zero", steps: 4 } as const;
  const [one, same, other] = [
    await maximizeActivation(model, { ...options, seed: 3 }),
    await maximizeActivation(model, { ...options, seed: 3 }),
    await maximizeActivation(model, { ...options, seed: 4 }),
  ];
  expect(same.image.data).toEqual(one.image.data);
  expect(other.image.data).not.toEqual(one.image.data);
});

it("total variation smooths, grey networks and signals work", async () => {
  using model = await loadModel();
  const roughness = async (totalVariation: number) => {
    const { image } = await maximizeActivation(model, { target: 2, steps: 20, optimizer: "adam", totalVariation });
    return image.data.reduce((sum, value, i) => (i < 3 ? sum : sum + Math.abs(value - image.data[i - 3])), 0);
  };
  expect(await roughness(0.01)).toBeLessThan(0.6 * (await roughness(0)));
  using grey = await modelOf([1, 1, 7, 6]);
  const target = { layer: "relu", unit: 0, position: "mean" } as const;
  const bright = await maximizeActivation(grey, { target, preset: "lucid", steps: 30 });
  expect(bright.target.score).toBeGreaterThan(0.6);
  using signal = await modelOf([1, 2, 9]);
  expect((await maximizeActivation(signal, { target, steps: 3, totalVariation: 0.1 })).image.shape).toEqual([1, 2, 9]);
  using latent = await modelOf([1, 64, 1, 1]);
  await expect(maximizeActivation(latent, { target, preset: "lucid" })).rejects.toThrow(/"image" is 1×1×1×64/);
  await expect(maximizeActivation(signal, { target, preset: "lucid" })).rejects.toThrow(
    /parameterization 'fourier' and transforms: for images of 1 or 3 channels only, and the input "image" is 1×2×9\. Use preset 'plain'/,
  );
});

it("stops where it is told to, and says how far it is", async () => {
  using model = await loadModel();
  const stop = new AbortController();
  const seen: number[] = [];
  const onProgress = (done: number, total: number) => {
    expect(total).toBe(50);
    seen.push(done);
    if (done === 3) stop.abort(new Error("enough"));
  };
  const options = { target: 0, preset: "lucid", steps: 50, signal: stop.signal, onProgress } as const;
  await expect(maximizeActivation(model, options)).rejects.toThrow("enough");
  expect(seen).toEqual([1, 2, 3]);
});

it("says what is wrong", async () => {
  using model = await loadModel();
  const refused = (options: unknown) => expect(maximizeActivation(model, options as MaximizeOptions)).rejects;
  await refused({ target: "kat" }).toThrow(TargetError);
  await refused({}).toThrow(/needs a target: a class, \{ layer, unit, position\? \} or \{ layer \}/);
  await refused({ target: { layer: "relu3", channel: 5 } }).toThrow(/\{ layer: "relu3", channel \} lacks its unit/);
  await refused({ target: { layer: "relu33" } }).toThrow(LayerError);
  await refused({ target: { layer: "relu3", unit: 1, position: "middle" } }).toThrow(
    /position: 'max', 'centre', 'mean' or two numbers \[y, x\] are expected, got "middle"/,
  );
  await refused({ target: 1, steps: -1 }).toThrow(OptionError);
  await refused({ target: 1, stepSize: 0 }).toThrow(/stepSize must be above 0, got 0/);
  await refused({ target: 1, preset: "deep" }).toThrow(/preset "deep" is none of plain, lucid/);
  await refused({ target: 1, optimizer: "sgd" }).toThrow(/optimizer "sgd" is none of ascent, adam/);
  await refused({ target: 1, parameterization: "fft" }).toThrow(/"fft" is none of pixels, fourier/);
  await refused({ target: 1, transforms: "all" }).toThrow(
    /transforms "all" is none of none, standard; or give your own/,
  );
  await refused({ target: 1, transforms: { turn: 5 } }).toThrow(
    /transforms has no option "turn"\. It takes jitter, rotate, scale/,
  );
  await refused({ target: 1, transforms: { scale: [2, 1] } }).toThrow(
    /two numbers \[smallest, largest\] above 0, got \[2,1\]/,
  );
  await refused({ target: 1, totalVariation: -1 }).toThrow(/totalVariation must be at least 0, got -1/);
  await refused({ target: 1, diversity: { images: 1 } }).toThrow(
    /diversity.images must be a whole number of at least 2/,
  );
  await refused({ target: 1, diversity: { images: 2, layer: "relu66" } }).toThrow(/no layer "relu66"/);
  await refused({ target: 1, start: "white" }).toThrow(/start "white" is none of zero, noise; or give an image/);
  const wrong = new Tensor(new Float32Array(3), [1, 1, 1, 3]);
  await refused({ target: 1, start: wrong }).toThrow(ShapeError);
});

it("random numbers are uniform, normal and the same for a seed", () => {
  const random = new Random(7);
  const uniform = Array.from({ length: 20_000 }, () => random.uniform());
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(uniform)).toBeCloseTo(0.5, 2);
  expect(mean(uniform.map((value) => (value - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
  const normal = Array.from({ length: 20_000 }, () => random.normal());
  expect(Math.abs(mean(normal))).toBeLessThan(0.03);
  expect(mean(normal.map((value) => value ** 2))).toBeCloseTo(1, 1);
  const [first, second] = [new Random(3), new Random(3)];
  expect(Array.from({ length: 5 }, () => first.uniform())).toEqual(Array.from({ length: 5 }, () => second.uniform()));
});
