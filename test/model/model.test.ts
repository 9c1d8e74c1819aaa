import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import {
  cam,
  decodeImage,
  deconvnet,
  explain,
  gradCam,
  guidedBackprop,
  type ImageLike,
  InputError,
  inspect,
  integratedGradients,
  LayerError,
  loadModel,
  MemoryError,
  type MethodName,
  type Model,
  ModelError,
  methodNames,
  OptionError,
  occlusion,
  ShapeError,
  saliency,
  TargetError,
  Tensor,
  version,
} from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { difference } from "../reference/goldens";
import { NaiveNetwork, type Rule } from "../reference/naive-network";

const scene = async (name: string): Promise<ImageLike> =>
  decodeImage(new Uint8Array(readFileSync(`examples/images/${name}.png`)));

const bytes = new Uint8Array(readFileSync("models/petshop.onnx"));
let model: Model;
let cat: ImageLike;
let catTensor: Tensor;
beforeAll(async () => {
  model = await loadModel();
  cat = await scene("scene-cat-00");
  // The pet-shop networks take (pixel / 255 − 0.5) / 0.5.
  const channels = cat.data.length / (cat.width * cat.height);
  const rgb = Array.from(cat.data).filter((_, i) => i % channels < 3);
  catTensor = new Tensor(
    Float32Array.from(rgb, (pixel) => (pixel / 255 - 0.5) / 0.5),
    [1, 96, 96, 3],
  );
});

describe("the embedded model", () => {
  it("knows its labels and normalisation from the file", async () => {
    expect(model.labels).toEqual(["bird", "cat", "dog", "fish", "mouse", "rabbit", "snake", "turtle"]);
    const [best] = await model.predict(cat, { top: 1 });
    expect(best.label).toBe("cat");
    const [same] = await model.predict(catTensor, { top: 1 });
    expect(same.score).toBeCloseTo(best.score, 4);
  });

  it("says about every bundled scene what the card says", async () => {
    const scenes = JSON.parse(readFileSync("examples/images/scenes.json", "utf8")) as {
      file: string;
      honest_says: string;
    }[];
    expect(scenes.length).toBeGreaterThan(5);
    for (const { file, honest_says } of scenes) {
      const [best] = await model.predict(await scene(file.replace(".png", "")), { top: 1 });
      expect(best.label, file).toBe(honest_says);
    }
  });

  it("probabilities sum to one and follow the scores", async () => {
    const predictions = await model.predict(cat, { top: 8 });
    expect(predictions.reduce((total, { probability }) => total + probability, 0)).toBeCloseTo(1, 5);
    const scores = predictions.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  });
});

describe("against plain float64 loops", () => {
  const naive = new NaiveNetwork(readOnnx(bytes));
  const rules: readonly (readonly [Rule, typeof saliency])[] = [
    ["gradient", saliency],
    ["deconvnet", deconvnet],
    ["guided", guidedBackprop],
  ];
  it("logits, saliency, deconvnet and guided backprop", async () => {
    const steps = naive.forward(Float64Array.from(catTensor.toNCHW()), [1, 3, 96, 96]);
    const logits = Float32Array.from(steps.at(-1)?.y.data ?? []);
    const { output } = await model.run(catTensor);
    expect(difference(output.data, logits).max).toBeLessThan(2e-5);
    for (const [rule, method] of rules) {
      for (const target of [1, 2]) {
        const { values } = await method(model, catTensor, { target });
        const expected = Float32Array.from(naive.backward(steps, target, rule));
        const found = difference(values.toNCHW(), expected);
        expect(found.l2, `${rule} of class ${target}`).toBeLessThan(1e-4);
      }
    }
  });
});

describe("oracles that need no reference", () => {
  it("CAM and Grad-CAM agree up to the number of places", async () => {
    const [exact, averaged] = [await cam(model, cat), await gradCam(model, cat)];
    expect(exact.layer).toBe(averaged.layer);
    expect(
      difference(
        averaged.values.data.map((value) => value * 36),
        exact.values.data,
      ).max,
    ).toBeLessThan(1e-5);
    expect(Math.abs(exact.convergenceDelta as number)).toBeLessThan(1e-4);
  });

  it("integrated gradients are complete", async () => {
    const attribution = await integratedGradients(model, cat, { nSteps: 200 });
    const sum = attribution.values.data.reduce((a, b) => a + b, 0);
    expect(Number.isFinite(sum)).toBe(true);
    expect(Math.abs(attribution.convergenceDelta as number)).toBeLessThan(0.05 * Math.abs(sum));
  });

  it("occluding nothing changes nothing, occluding everything takes the whole score", async () => {
    const same = await occlusion(model, catTensor, { window: [96, 96], stride: [96, 96], value: catTensor });
    expect(same.values.data.every((value) => value === 0)).toBe(true);
    const all = await occlusion(model, catTensor, { window: [96, 96], stride: [96, 96], target: "cat" });
    const [empty] = (await model.run(new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]))).output.data.slice(
      1,
      2,
    );
    expect(all.values.data[0]).toBeCloseTo(all.target.score - empty, 4);
  });

  it("occlusion of a black box equals occlusion of the model", async () => {
    const options = { window: [24, 24], stride: [24, 24], target: 1 } as const;
    const inside = await occlusion(model, catTensor, { ...options, engine: "full" });
    const outside = await occlusion(
      async (batch) => {
        const [count, ...shape] = batch.shape;
        const rows: number[] = [];
        for (let i = 0; i < count; i++) {
          const size = batch.data.length / count;
          const { output } = await model.run(new Tensor(batch.data.slice(i * size, (i + 1) * size), [1, ...shape]));
          rows.push(...output.data);
        }
        return Float32Array.from(rows);
      },
      catTensor,
      options,
    );
    expect(outside.values.data).toEqual(inside.values.data);
  });

  it("the same call gives the same bits, whatever ran in between", async () => {
    // Fewer passes than usual: the bits do not depend on how many there are.
    const few = { masks: 200, samples: 60 };
    for (const method of methodNames) {
      const first = await explain(model, cat, { method, ...few });
      await explain(model, await scene("scene-snake-01"), { method: "occlusion", batchSize: 3, stride: 14 });
      const again = await explain(model, cat, { method, ...few });
      expect(again.values.data, method).toEqual(first.values.data);
      expect(again.recipe).toEqual(first.recipe);
    }
  });

  it("batches give the bits of single passes", async () => {
    const [one, many] = [await occlusion(model, cat, { batchSize: 1 }), await occlusion(model, cat, { batchSize: 7 })];
    expect(many.values.data).toEqual(one.values.data);
  });
});

describe("results carry what their reader needs", () => {
  it("a recipe", async () => {
    const { recipe } = await integratedGradients(model, cat, { target: "cat", nSteps: 5, seed: 7 });
    expect(recipe).toMatchObject({ version, method: "integrated-gradients", seed: 7 });
    expect(recipe.modelHash).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(recipe.options).toMatchObject({ target: "cat", nSteps: 5, rule: "gauss-legendre", baseline: "zero" });
    const packageJson = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(version).toBe(packageJson.version);
  });

  it("notes about methods that fail sanity checks, and about baselines outside the data", async () => {
    const codes = async (method: MethodName, options = {}): Promise<string[]> =>
      (await explain(model, cat, { method, ...options })).notes.map(({ code }) => code);
    expect(await codes("guided-backprop")).toContain("not-class-specific");
    expect(await codes("deconvnet")).toContain("not-class-specific");
    expect(await codes("saliency")).toEqual([]);
    const far = new Tensor(new Float32Array(96 * 96 * 3).fill(5), [1, 96, 96, 3]);
    expect(await codes("integrated-gradients", { baseline: far, nSteps: 2 })).toContain("baseline-outside-range");
    expect(await codes("integrated-gradients", { baseline: "black", nSteps: 2 })).toEqual([]);
  });

  it("a note where a map has nothing positive", async () => {
    const codes: string[] = [];
    for (const target of model.labels ?? []) {
      const { values, notes } = await cam(model, cat, { target });
      const negative = values.data.every((value) => value <= 0);
      expect(notes.some(({ code }) => code === "all-negative-map")).toBe(negative);
      codes.push(...notes.map(({ code }) => code));
    }
    const dark = await gradCam(model, cat, { target: { layer: "relu1", unit: 0 }, layer: "relu1", relu: true });
    expect(dark.values.data.every((value) => value >= 0)).toBe(true);
  });

  it("targets: a unit, its strongest place, a position", async () => {
    const strongest = await saliency(model, cat, { target: { layer: "relu4", unit: 3 } });
    const note = strongest.notes.find(({ code }) => code === "unit-position");
    const [, y, x] = /\[(\d+), (\d+)\]/.exec(note?.message ?? "") as unknown as [string, string, string];
    const there = await saliency(model, cat, { target: { layer: "relu4", unit: 3, position: [Number(y), Number(x)] } });
    expect(there.values.data).toEqual(strongest.values.data);
    const { activations } = await model.run(cat, { capture: ["relu4"] });
    const maps = activations.get("relu4") as Tensor;
    const channel = maps.data.filter((_, i) => i % maps.shape[3] === 3);
    expect(strongest.target.score).toBe(channel.reduce((a, b) => Math.max(a, b), 0));
  });

  it("gradients at a layer sum to the score's first-order share", async () => {
    const atLayer = await explain(model, cat, { method: "input-x-gradient", layer: "gap", target: 1 });
    const exact = await cam(model, cat, { target: 1 });
    const [sum, mean] = [
      atLayer.values.data.reduce((a, b) => a + b, 0),
      exact.values.data.reduce((a, b) => a + b, 0) / 36,
    ];
    expect(sum).toBeCloseTo(mean, 4);
    expect(atLayer.layer).toBe("gap");
  });

  it("inspect: layers, cost, CAM candidates", () => {
    const report = inspect(model);
    expect(report.layers.map(({ name }) => name)).toContain("conv6");
    expect(report.camLayers[0]).toEqual({ layer: "relu6", shape: [1, 6, 6, report.camLayers[0].shape[3]] });
    expect(report.parameters).toBeGreaterThan(100_000);
    expect(report.peakBytes.gradient).toBeGreaterThan(report.peakBytes.forward);
    expect(report.macs).toBe(report.layers.reduce((total, { macs }) => total + macs, 0));
  });
});

describe("wrong input gets a clear answer and leaves the model usable", () => {
  const usable = async (): Promise<void> => {
    const [best] = await model.predict(cat, { top: 1 });
    expect(best.label).toBe("cat");
  };

  it("models", async () => {
    await expect(loadModel(bytes.slice(0, bytes.length / 2))).rejects.toThrow(ModelError);
    await expect(loadModel(new TextEncoder().encode("not a model, just words"))).rejects.toThrow(ModelError);
    await expect(loadModel(new Uint8Array(0))).rejects.toThrow(ModelError);
    await expect(loadModel("no/such/model.onnx")).rejects.toThrow(/"no\/such\/model.onnx" cannot be read/);
    await expect(loadModel(42 as never)).rejects.toThrow(/takes the bytes of an ONNX .* got number/);
    await expect(loadModel(bytes, { inputShape: [1, 4, 96, 96] })).rejects.toThrow(ShapeError);
    await expect(loadModel(bytes, { output: "logit" })).rejects.toThrow(
      /no output or layer "logit"\. Did you mean "logits"\?/,
    );
  });

  it("memory", async () => {
    const error = await loadModel(bytes, { maxMemory: 500_000 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MemoryError);
    const { needed, available, message } = error as MemoryError;
    expect(needed).toBeGreaterThan(available);
    expect(message).toMatch(/The model "[^"]+" needs \d+\.\d MiB .* are available\. Raise maxMemory/);
    const roomy = await loadModel(bytes, { maxMemory: needed + 1_000_000 });
    expect((await roomy.predict(cat, { top: 1 }))[0].label).toBe("cat");
    await expect(integratedGradients(roomy, cat, { batchSize: 500, nSteps: 500 })).rejects.toThrow(MemoryError);
    expect((await roomy.predict(cat, { top: 1 }))[0].label).toBe("cat");
  });

  it("images and tensors", async () => {
    await expect(model.predict({ data: new Uint8Array(0), width: 0, height: 0 })).rejects.toThrow(InputError);
    const nan = new Tensor(
      catTensor.data.map((value, i) => (i === 77 ? Number.NaN : value)),
      catTensor.shape,
    );
    await expect(saliency(model, nan)).rejects.toThrow(
      "The input has the value NaN at element 77; every value must be finite.",
    );
    const wrong = new Tensor(new Float32Array(3 * 96 * 96), [1, 3, 96, 96]);
    await expect(model.predict(wrong)).rejects.toThrow(
      /takes a tensor of 1×96×96×3 .*fromNCHW converts.* got 1×3×96×96/,
    );
    await usable();
  });

  it("targets", async () => {
    await expect(saliency(model, cat, { target: "kat" })).rejects.toThrow(
      /"kat" is none of the model's 8 labels\. Did you mean "cat"\?/,
    );
    await expect(saliency(model, cat, { target: 8 })).rejects.toThrow(/has 8 classes, 0 to 7/);
    await expect(saliency(model, cat, { target: { layer: "relu1", unit: 999 } })).rejects.toThrow(TargetError);
    await expect(saliency(model, cat, { target: { layer: "relu1", unit: 0, position: [96, 0] } })).rejects.toThrow(
      /rows 0 to 95/,
    );
    await expect(saliency(model, cat, { target: { mask: new Uint8Array(3), channel: 0 } })).rejects.toThrow(
      TargetError,
    );
    await usable();
  });

  it("layers and options", async () => {
    await expect(gradCam(model, cat, { layer: "relu66" })).rejects.toThrow(
      /no layer "relu66"\. Did you mean "relu6"\?/,
    );
    await expect(gradCam(model, cat, { layer: "gap" })).rejects.toThrow(/no maps larger than 1×1.*Try "relu6"/s);
    await expect(cam(model, cat, { layer: "relu3" })).rejects.toThrow(
      /CAM is defined at the layer that is pooled, "relu6"/,
    );
    await expect(explain(model, cat, { method: "gradcam" as MethodName })).rejects.toThrow(
      /no method "gradcam"\. Did you mean "grad-cam"\?/,
    );
    await expect(integratedGradients(model, cat, { nSteps: 0 })).rejects.toThrow(OptionError);
    await expect(integratedGradients(model, cat, { baseline: "grey" as never })).rejects.toThrow(
      /"grey" is none of zero, black/,
    );
    await expect(occlusion(model, cat, { window: [200, 8] })).rejects.toThrow(
      /window 200×8 is larger than the input, 96×96/,
    );
    await expect(occlusion(model, cat, { stride: [0, 8] })).rejects.toThrow(
      /stride must be a whole number of at least 1, or two/,
    );
    await usable();
  });

  it("an aborted explanation stops, and the model goes on", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const running = occlusion(model, cat, {
      signal: controller.signal,
      onProgress: (done, total) => {
        seen.push(done);
        expect(done).toBeLessThanOrEqual(total);
        if (seen.length === 2) controller.abort(new Error("enough"));
      },
    });
    await expect(running).rejects.toThrow("enough");
    expect(seen.length).toBe(2);
    await expect(saliency(model, cat, { signal: controller.signal })).rejects.toThrow("enough");
    await usable();
  });

  it("a disposed model says so", async () => {
    const short = await loadModel(bytes);
    short.dispose();
    await expect(short.predict(cat)).rejects.toThrow(/was disposed; load it again/);
    await expect(saliency({} as Model, cat)).rejects.toThrow(/Expected a model, got an empty object/);
  });

  it("CAM without global average pooling names what stands in its way", async () => {
    const flatten = await loadModel(new Uint8Array(readFileSync("models/petshop-flatten.onnx")));
    await expect(cam(flatten, cat)).rejects.toThrow(LayerError);
    await expect(cam(flatten, cat)).rejects.toThrow(/Use gradCam/);
    const attribution = await gradCam(flatten, cat);
    expect(attribution.values.shape.length).toBe(4);
  });
});

describe("deconvnet says when its signal fades", () => {
  it("on a network whose weights are all negative", async () => {
    const graph = readOnnx(bytes);
    const negative = [...graph.constants].map(([name, constant]) => {
      const floats = constant.floats().map((value) => (name.includes("weight") ? -Math.abs(value) : Math.abs(value)));
      return [name, Constant.fromFloats(floats, constant.shape)] as const;
    });
    const dead = await loadModel(writeOnnx({ ...graph, constants: new Map(negative) }));
    const { values, notes } = await deconvnet(dead, cat, { target: 0 });
    expect(values.data.every((value) => value === 0)).toBe(true);
    expect(notes.map(({ code }) => code)).toContain("signal-died");
  });
});

it("a tensor as JSON is its shape and a plain list, and comes back to the bit", async () => {
  const tensor = new Tensor(Float32Array.of(0.1, -2, 3e-30, 4), [2, 2]);
  const text = JSON.stringify(tensor);
  expect(JSON.parse(text)).toEqual({ shape: [2, 2], data: [...tensor.data] });
  const { data, shape } = JSON.parse(text) as { data: number[]; shape: number[] };
  expect(new Tensor(Float32Array.from(data), shape)).toEqual(tensor);
  const model = await loadModel();
  const attribution = await gradCam(model, new Tensor(new Float32Array(96 * 96 * 3).fill(0.5), [1, 96, 96, 3]));
  expect(JSON.parse(JSON.stringify(attribution)).values).toEqual({
    shape: [1, 6, 6, 1],
    data: [...attribution.values.data],
  });
  expect(structuredClone(attribution).values.data).toEqual(attribution.values.data);
});
