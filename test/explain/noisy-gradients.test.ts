/** SmoothGrad, noise tunnels and GradientSHAP against their formulas, written out with plain gradients at each point. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type Attribution,
  decodeImage,
  deepLiftShap,
  gradCam,
  gradientShap,
  heatmap,
  type Input,
  inputXGradient,
  integratedGradients,
  loadModel,
  type Model,
  noiseTunnel,
  occlusion,
  projectActivation,
  type SmoothGradOptions,
  saliency,
  smoothGrad,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { difference } from "../reference/goldens";

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const model = await loadModel();
const { activations } = await model.run(cat, { capture: [model.input.name] });
const x = activations.get(model.input.name) as Tensor;
const target = "cat";
const layer = "relu5";

const random = randomIntegers(3);
const draws = Array.from({ length: 3 }, () => new Tensor(randomFloats(random, [x.data.length]).floats(), x.shape));
const noisy = (k: number, stdev: number): Tensor =>
  new Tensor(
    x.data.map((value, i) => value + stdev * draws[k].data[i]),
    x.shape,
  );
const meanOf = (all: readonly Tensor[], of = (value: number): number => value): Float32Array =>
  all[0].data.map((_, i) => all.reduce((sum, { data }) => sum + of(data[i]), 0) / all.length);
const codes = ({ notes }: Attribution): string[] => notes.map(({ code }) => code);

describe("smoothGrad", () => {
  const options = { target, samples: 3, stdev: 0.2, noise: draws };
  const gradients = (at?: string): Promise<Tensor[]> =>
    Promise.all(draws.map(async (_, k) => (await saliency(model, noisy(k, 0.2), { target, layer: at })).values));

  it("is the mean of the gradients at the noisy points, at the input and at a layer", async () => {
    for (const at of [undefined, layer]) {
      const found = await smoothGrad(model, x, { ...options, layer: at });
      expect(difference(found.values.data, meanOf(await gradients(at))).l2).toBeLessThan(1e-6);
      expect(found.layer).toBe(at);
    }
  });

  it("has the same bits for every batch size, and reports the score of the input itself", async () => {
    const [one, three] = [
      await smoothGrad(model, x, { ...options, batchSize: 1 }),
      await smoothGrad(model, x, { ...options, batchSize: 3 }),
    ];
    expect(three.values).toEqual(one.values);
    expect(one.target).toEqual((await saliency(model, x, { target })).target);
  });

  it("draws from the seed: the same seed repeats, another differs, and the default deviation is 0.15 of the range", async () => {
    const few = { target, samples: 2 };
    const seven = await smoothGrad(model, cat, { ...few, seed: 7 });
    expect((await smoothGrad(model, cat, { ...few, seed: 7 })).values).toEqual(seven.values);
    expect((await smoothGrad(model, cat, { ...few, seed: 8 })).values).not.toEqual(seven.values);
    const range = Math.max(...x.data) - Math.min(...x.data);
    expect(seven.recipe.options).toEqual({ target, samples: 2, stdev: 0.15 * range });
    expect(seven.recipe).toMatchObject({ method: "smooth-grad", seed: 7 });
    const absolute = await smoothGrad(model, cat, { ...few, seed: 7, stdev: 0.15 * range });
    expect(absolute.values).toEqual(seven.values);
    expect((await smoothGrad(model, x, { ...few, stdev: 0 })).values).toEqual(
      (await saliency(model, x, { target })).values,
    );
  });

  it("adds noise of mean 0 and the deviation asked for", async () => {
    const seen: Float32Array[] = [];
    const spy = noiseTunnel(
      async (m, input, o) => {
        seen.push((input as Tensor).data.map((value, i) => value - x.data[i]));
        return saliency(m, input, o);
      },
      { samples: 4, stdev: 0.5 },
    );
    await spy(model, x);
    for (const noise of seen) {
      const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
      const deviation = Math.sqrt(noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length);
      // Twenty-seven thousand draws: five standard errors.
      expect(Math.abs(mean)).toBeLessThan((5 * 0.5) / Math.sqrt(noise.length));
      expect(Math.abs(deviation - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(2 * noise.length));
    }
    expect(seen[1]).not.toEqual(seen[0]);
  });

  it("reports progress and stops when asked", async () => {
    const steps: number[] = [];
    await smoothGrad(model, x, { ...options, batchSize: 2, onProgress: (done, total) => steps.push(done, total) });
    expect(steps).toEqual([2, 3, 3, 3]);
    const stop = new AbortController();
    const stopped = smoothGrad(model, x, { samples: 40, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow(/abort/i);
  });

  it("refuses what it cannot use", async () => {
    const refusals: readonly (readonly [SmoothGradOptions, string])[] = [
      [{ samples: 0 }, "samples must be a whole number of at least 1, got 0."],
      [{ stdev: -1 }, "stdev must be at least 0, got -1."],
      [{ samples: 9, noise: draws }, "noise has 3 items for 9 samples: hand in one per sample, or leave samples out."],
      [{ noise: [] }, "noise must be a list of at least one item, one per sample, got []."],
      [
        { noise: [new Tensor(new Float32Array(4), [1, 2, 2, 1])] },
        "The draw noise[0] is 1×2×2×1, the input is 1×96×96×3.",
      ],
      [{ batchSize: 0.5 }, "batchSize must be a whole number of at least 1, got 0.5."],
    ];
    for (const [wrong, message] of refusals) await expect(smoothGrad(model, x, wrong)).rejects.toThrow(message);
    await expect(smoothGrad(model, x, { layer: "relu55" })).rejects.toThrow('Did you mean "relu5"');
    const notFinite = new Tensor(
      x.data.map(() => Number.NaN),
      x.shape,
    );
    await expect(smoothGrad(model, x, { noise: [notFinite] })).rejects.toThrow(
      "noise[0] has values that are not finite",
    );
  });
});

describe("noiseTunnel", () => {
  const settings = { samples: 3, stdev: 0.3, noise: draws };

  it("gives mean, mean of squares and variance of any method", async () => {
    for (const method of [saliency, inputXGradient, gradCam]) {
      const all: Tensor[] = [];
      for (const k of draws.keys()) all.push((await method(model, noisy(k, 0.3), { target })).values);
      const [mean, squares] = [meanOf(all), meanOf(all, (value) => value * value)];
      const expected = {
        smoothgrad: mean,
        "smoothgrad-squared": squares,
        vargrad: squares.map((s, i) => s - mean[i] ** 2),
      };
      for (const kind of ["smoothgrad", "smoothgrad-squared", "vargrad"] as const) {
        const found = await noiseTunnel(method, { ...settings, kind })(model, x, { target });
        expect(found.values.shape).toEqual(all[0].shape);
        expect(difference(found.values.data, expected[kind]).l2, kind).toBeLessThan(2e-6);
      }
    }
  });

  it("has the bits of smoothGrad around saliency, seeded too", async () => {
    for (const options of [{ target, layer }, { seed: 5 }]) {
      const tunnel = await noiseTunnel(saliency, { samples: 5 })(model, cat, options);
      const smooth = await smoothGrad(model, cat, { ...options, samples: 5 });
      expect(tunnel.values).toEqual(smooth.values);
      expect(tunnel.target).toEqual(smooth.target);
    }
  });

  it("explains the target of the input, whatever the noise makes the network see", async () => {
    const targets: unknown[] = [];
    const spy = noiseTunnel(
      (m, input, o) => {
        targets.push(o.target);
        return saliency(m, input, o);
      },
      { samples: 2, stdev: 3 },
    );
    const { target: report } = await spy(model, x);
    expect(targets).toEqual([report.index, report.index]);
    const unit = { layer, unit: 3 };
    const plain = await saliency(model, x, { target: unit });
    const found = await spy(model, x, { target: unit });
    expect(targets[2]).toEqual(targets[3]);
    const chosen = targets[2] as { position: [number, number] };
    expect(plain.notes[0].message).toContain(`[${chosen.position.join(", ")}]`);
    expect((await saliency(model, x, { target: { ...unit, position: chosen.position } })).values).toEqual(plain.values);
    expect(found.target.score).toBe(plain.target.score);
    expect(codes(found)).toEqual(["unit-position", "nothing-flows"]);
    expect(found.recipe.options).toMatchObject({
      target: unit,
      noiseTunnel: { samples: 2, stdev: 3, kind: "smoothgrad" },
    });
  });

  it("explains a unit of a layer whose shape has no batch axis", async () => {
    const graph = graphOf({
      inputs: { x: [1, 2, 6, 6] },
      constants: { w: randomFloats(random, [3, 2, 3, 3]) },
      nodes: [
        ["Conv", ["x", "w"], ["y"], { kernel_shape: [3, 3] }],
        ["Relu", ["y"], ["z"]],
        ["GlobalAveragePool", ["z"], ["means"]],
        ["Squeeze", ["means"], ["features"]],
      ],
    });
    const squeezed = await loadModel(writeOnnx(graph));
    const input = new Tensor(randomFloats(random, [72]).floats(), [1, 6, 6, 2]);
    const options = { target: { layer: "features", unit: 1 } };
    const plain = await saliency(squeezed, input, options);
    expect(plain.values.data.some((value) => value !== 0)).toBe(true);
    const still = await noiseTunnel(saliency, { samples: 2, stdev: 0 })(squeezed, input, options);
    expect(still.values).toEqual(plain.values);
    expect(still.target).toEqual(plain.target);
  });

  it("keeps completeness in the mean, and only there", async () => {
    const path = { target, nSteps: 6 };
    const found = await noiseTunnel(integratedGradients, settings)(model, x, path);
    const deltas: number[] = [];
    for (const k of draws.keys()) {
      deltas.push((await integratedGradients(model, noisy(k, 0.3), path)).convergenceDelta as number);
    }
    expect(found.convergenceDelta).toBeCloseTo(deltas.reduce((sum, delta) => sum + delta, 0) / 3, 6);
    expect(found).toMatchObject({ method: "integrated-gradients", recipe: { options: { nSteps: 6, target } } });
    const variance = await noiseTunnel(integratedGradients, { ...settings, kind: "vargrad" })(model, x, path);
    expect(variance).not.toHaveProperty("convergenceDelta");
    expect(Math.max(...heatmap(variance).data)).toBe(1);
  });

  it("gives a method that is random too seeds of its own, the same ones each time", async () => {
    const seeds: unknown[] = [];
    const spy = noiseTunnel(
      (m, input, o) => {
        seeds.push(o.seed);
        return gradientShap(m, input, o);
      },
      { samples: 2 },
    );
    const [first, again, other] = [await spy(model, x), await spy(model, x), await spy(model, x, { seed: 1 })];
    expect(again).toEqual(first);
    expect(other.values).not.toEqual(first.values);
    expect(new Set(seeds).size).toBe(4);
    expect(first.recipe.seed).toBe(0);
  });

  it("varies not at all on a linear network, and reports progress sample by sample", async () => {
    const linear = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 2, 4, 4] },
          constants: { w: randomFloats(random, [3, 2, 4, 4]) },
          nodes: [["Conv", ["x", "w"], ["y"]]],
        }),
      ),
    );
    const input = new Tensor(randomFloats(random, [32]).floats(), [1, 4, 4, 2]);
    const steps: number[] = [];
    const tunnel = noiseTunnel(saliency, { kind: "vargrad", samples: 3 });
    const { values } = await tunnel(linear, input, { onProgress: (done) => steps.push(done) });
    expect(values.data.every((value) => value === 0)).toBe(true);
    expect(steps).toEqual([1, 2, 3]);
    const covered = noiseTunnel(occlusion, { samples: 2 });
    expect((await covered(linear, input, { window: [2, 2], stride: [2, 2] })).values.shape).toEqual(input.shape);
  });

  it("refuses what is no method and no kind", async () => {
    // @ts-expect-error a name is no function
    expect(() => noiseTunnel("saliency")).toThrow("The method must be a function, for example gradCam");
    // @ts-expect-error no such kind
    expect(() => noiseTunnel(saliency, { kind: "mean" })).toThrow(
      'kind "mean" is none of smoothgrad, smoothgrad-squared, vargrad.',
    );
    const projected = (given: Model, input: Input) => projectActivation(given, input, { layer });
    // @ts-expect-error pictures of projections are no attribution
    await expect(noiseTunnel(projected, { samples: 2 })(model, x)).rejects.toThrow(
      'The method must return an attribution, with values and recipe, as gradCam does; got an object { image, byInput, trace, kept, notes, … } from "projected".',
    );
    await expect(noiseTunnel(saliency, { samples: 1.5 })(model, x)).rejects.toThrow("samples must be a whole number");
  });
});

describe("gradientShap", () => {
  const baselines = [-1, 0.25].map((level) => new Tensor(new Float32Array(x.data.length).fill(level), x.shape));

  it("is the mean of (x_k − b_k) ⊙ gradient at the points between, at the input and at a layer", async () => {
    const coefficients = [0.0625, 0.9375, 0.5];
    const at = async (point: Tensor, name: string): Promise<Tensor> =>
      (await model.run(point, { capture: [name] })).activations.get(name) as Tensor;
    const scoreOf = async (point: Tensor): Promise<number> => (await saliency(model, point, { target })).target.score;
    for (const name of [undefined, layer]) {
      const products: Tensor[] = [];
      let between = 0;
      for (const [k, alpha] of coefficients.entries()) {
        const [from, to] = [baselines[k % 2], noisy(k, 0.1)];
        const point = new Tensor(
          to.data.map((value, i) => from.data[i] + alpha * (value - from.data[i])),
          x.shape,
        );
        const { values } = await saliency(model, point, { target, layer: name });
        const [a, b] = [await at(to, name ?? model.input.name), await at(from, name ?? model.input.name)];
        products.push(
          new Tensor(
            values.data.map((gradient, i) => gradient * (a.data[i] - b.data[i])),
            values.shape,
          ),
        );
        between += ((await scoreOf(to)) - (await scoreOf(from))) / 3;
      }
      const expected = meanOf(products);
      const found = await gradientShap(model, x, {
        target,
        baselines,
        coefficients,
        noise: draws,
        stdev: 0.1,
        layer: name,
      });
      expect(difference(found.values.data, expected).l2, name).toBeLessThan(2e-6);
      const total = expected.reduce((sum, value) => sum + value, 0);
      expect(found.convergenceDelta).toBeCloseTo(total - between, 3);
      const one = { target, baselines, coefficients, noise: draws, stdev: 0.1, layer: name, batchSize: 1 };
      expect((await gradientShap(model, x, one)).values).toEqual(found.values);
    }
  });

  it("on evenly spread coefficients is integrated gradients by the midpoint rule", async () => {
    const coefficients = Array.from({ length: 8 }, (_, i) => (i + 0.5) / 8);
    const shap = await gradientShap(model, x, { target, coefficients, baselines: ["black"] });
    const path = await integratedGradients(model, x, { target, nSteps: 8, rule: "riemann-middle", baseline: "black" });
    expect(difference(shap.values.data, path.values.data).l2).toBeLessThan(1e-6);
    expect(shap.convergenceDelta).toBeCloseTo(path.convergenceDelta as number, 4);
    expect(shap.recipe.options).toEqual({ target, coefficients, baselines: ["black"], samples: 8, stdev: 0 });
  });

  it("draws coefficients and the order of the baselines from the seed, and uses every baseline in turn", async () => {
    const options = { target, baselines: [...baselines, "blur"], samples: 3 } as const;
    const first = await gradientShap(model, cat, options);
    expect((await gradientShap(model, cat, options)).values).toEqual(first.values);
    expect((await gradientShap(model, cat, { ...options, seed: 1 })).values).not.toEqual(first.values);
    expect(first.recipe.options).toMatchObject({ samples: 3, stdev: 0 });
    // A multiple of as many samples as there are baselines takes each as often, so that the sum is near the mean difference.
    const many = await gradientShap(model, cat, { ...options, samples: 300 });
    const few = await gradientShap(model, cat, { ...options, samples: 30 });
    expect(Math.abs(many.convergenceDelta as number)).toBeLessThan(0.1 * Math.abs(many.target.score));
    expect(many.target).toEqual(few.target);
  });

  it("notes a baseline that no picture can be, and one that scores alike", async () => {
    const found = await gradientShap(model, cat, { baselines: [5, -5] });
    expect(codes(found)).toEqual(["baseline-outside-range"]);
    expect(codes(await gradientShap(model, x, { baselines: [x] }))).toContain("target-equals-baseline");
  });

  it("refuses what it cannot use", async () => {
    await expect(gradientShap(model, x, { baselines: [] })).rejects.toThrow(
      "baselines must be a list of at least one baseline (a name, a number or a Tensor), got [].",
    );
    // @ts-expect-error a tensor is no list
    await expect(gradientShap(model, x, { noise: x, stdev: 1 })).rejects.toThrow(
      /list of at least one item, .*, got a Tensor 1×96×96×3\.$/,
    );
    await expect(gradientShap(model, x, { coefficients: [0.5, 2] })).rejects.toThrow(
      "coefficients lie between 0 and 1; number 1 is 2.",
    );
    await expect(gradientShap(model, x, { noise: draws })).rejects.toThrow(
      "noise is multiplied by stdev, which is 0 unless it is given: give both.",
    );
    await expect(gradientShap(model, x, { coefficients: [0.5], samples: 2 })).rejects.toThrow(
      "coefficients has 1 items for 2 samples",
    );
    const small = floats([1, 2, 2, 1], [1, 2, 3, 4]);
    const wrong = new Tensor(small.floats(), small.shape);
    await expect(gradientShap(model, x, { baselines: [wrong] })).rejects.toThrow(
      "The baseline is 1×2×2×1, the input is",
    );
  });
});

describe("an input without places", () => {
  const bytes = writeOnnx(
    graphOf({
      inputs: { z: [1, 7] },
      constants: { w: randomFloats(randomIntegers(3), [4, 7]), v: randomFloats(randomIntegers(6), [2, 4]) },
      nodes: [
        ["Gemm", ["z", "w"], ["h"], { transB: 1 }],
        ["Tanh", ["h"], ["t"]],
        ["Gemm", ["t", "v"], ["y"], { transB: 1 }],
      ],
    }),
  );
  const latent = new Tensor(
    Float32Array.from({ length: 7 }, (_, i) => Math.cos(i)),
    [1, 7],
  );

  it("is compared with zero unless told otherwise, for nothing else is made of its neighbours", async () => {
    const generator = await loadModel(bytes);
    const zero = new Tensor(new Float32Array(7), [1, 7]);
    const { output } = await generator.run(zero);
    for (const method of [gradientShap, deepLiftShap]) {
      const found = await method(generator, latent, { target: 1 });
      expect(found.values).toEqual((await method(generator, latent, { target: 1, baselines: [zero] })).values);
    }
    const { values, target: explained } = await deepLiftShap(generator, latent, { target: 1 });
    const total = values.data.reduce((sum, value) => sum + value, 0);
    expect(total).toBeCloseTo(explained.score - output.data[1], 5);
  });

  it("has no mean colour and cannot be blurred", async () => {
    const generator = await loadModel(bytes);
    for (const baseline of ["mean", "blur"] as const) {
      await expect(integratedGradients(generator, latent, { target: 1, baseline })).rejects.toThrow(
        `The baseline "${baseline}" is made of an input's neighbouring places, and "z" has none: it would be the input itself.`,
      );
    }
  });
});
