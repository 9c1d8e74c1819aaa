import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import {
  cam,
  decodeImage,
  dissect,
  InputError,
  integratedGradients,
  LayerError,
  loadModel,
  maximizeActivation,
  OptionError,
  occlusion,
  randomLatents,
  ShapeError,
  saliency,
  TargetError,
  Tensor,
  unitEffects,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";
import {
  grid,
  ink,
  paper,
  sevenSegments,
  silence,
  strokePixels,
  strokePlaces,
  strokes,
  unitOf,
  uses,
} from "./seven-segments";

const digit = (index: number, strength = 1): Tensor =>
  new Tensor(
    Float32Array.from({ length: 10 }, (_, i) => (i === index ? strength : 0)),
    [1, 1, 1, 10],
  );

const digits = Array.from({ length: 10 }, (_, index) => digit(index));

const generator = () => loadModel(writeOnnx(sevenSegments()));

it("each stroke has its unit: best agreement, and the largest effect", async () => {
  const model = await generator();
  for (const [name] of strokes) {
    const mask = strokePixels(name);
    const on = digits.filter((_, index) => uses(index, name)).length;
    const share = (on * strokePlaces(name).reduce((a, b) => a + b)) / (10 * grid.rows * grid.columns);
    const shown = digits.map((_, index) => (uses(index, name) ? mask : new Uint8Array(mask.length)));
    const { units, samples } = await dissect(model, digits, {
      layer: "strokes",
      region: (output, sample) => {
        expect(output.shape).toEqual([1, 28, 20, 1]);
        return shown[sample];
      },
      quantile: share,
    });
    expect(samples).toBe(10);
    expect(units[0].unit, name).toBe(unitOf(name));
    expect(units[0].threshold).toBeLessThanOrEqual(Math.fround(1 - silence));
    expect(units[0].threshold).toBeGreaterThan(0);
    expect(units[0].iou).toBeGreaterThan(units[1].iou + 0.3);

    const effects = await unitEffects(model, digits, { layer: "strokes", target: { mask, channel: 0 } });
    expect(effects.units[0].unit, name).toBe(unitOf(name));
    // A unit that is off in all samples, or paints elsewhere, has nothing to lose.
    expect(effects.units[7].drop).toBe(0);
  }
});

it("agreement and effect are what their definitions say", async () => {
  // The picture is the sum of two maps, as large as they are; so nothing is resized.
  const graph = graphOf({
    inputs: { z: [1, 2, 1, 1] },
    constants: {
      w: floats([2, 2, 2, 2], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]),
      sum: floats([1, 2, 1, 1], [1, 1]),
    },
    nodes: [
      ["ConvTranspose", ["z", "w"], ["maps"]],
      ["Conv", ["maps", "sum"], ["image"]],
    ],
  });
  const model = await loadModel(writeOnnx(graph));
  const samples = [
    [1, 2],
    [3, 0],
  ].map((z) => new Tensor(Float32Array.from(z), [1, 1, 1, 2]));
  // Unit 0 paints the upper row (1 and 1, then 3 and 3), unit 1 the right column (2 and 2, then nothing).
  const region = Uint8Array.of(1, 1, 0, 0);
  const { units } = await dissect(model, samples, { layer: "maps", region, quantile: 0.25 });
  expect(units).toEqual([
    { unit: 0, iou: 2 / 4, threshold: 3 },
    { unit: 1, iou: 1 / 5, threshold: 2 },
  ]);
  const effects = await unitEffects(model, samples, {
    layer: "maps",
    target: { mask: region, channel: 0 },
    batchSize: 1,
  });
  expect(effects).toEqual({
    layer: "maps",
    samples: 2,
    score: 2.5,
    units: [
      { unit: 0, drop: 2 },
      { unit: 1, drop: 0.5 },
    ],
  });
  const set = await unitEffects(model, samples, {
    layer: "maps",
    units: 1,
    value: 5,
    target: { mask: region, channel: 0 },
  });
  expect(set.units).toEqual([{ unit: 1, drop: -4.5 }]);
});

it("without its unit a stroke vanishes, with another one an 8 becomes a 0 and a 0 an 8", async () => {
  const model = await generator();
  const layer = "strokes";
  const eight = (await model.run(digits[8])).output;
  const zero = (await model.run(digits[0])).output;
  const middle = unitOf("middle");
  const ablated = await model.run(digits[8], { intervene: [{ layer, units: middle }] });
  expect(ablated.output).toEqual(zero);
  const inserted = await model.run(digits[0], {
    intervene: [{ layer, units: middle, mask: strokePlaces("middle"), value: 1 - silence }],
  });
  inserted.output.data.forEach((value, i) => {
    expect(value).toBeCloseTo(eight.data[i], 6);
  });
  // The dot can be put anywhere, because its brush is the same everywhere.
  const corner = Uint8Array.from({ length: 140 }, (_, place) => Number(place === 0));
  const dotted = await model.run(digits[0], { intervene: [{ layer, units: unitOf("dot"), mask: corner, value: 1 }] });
  expect(dotted.output.data[0]).toBeCloseTo(Math.tanh(ink * 0.75 * 0.75 + paper), 5);
});

it("a unit's effect on a class of a pooled network is its share of the logit", async () => {
  const model = await loadModel();
  const image = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-turtle-02.png")));
  const { units, score } = await unitEffects(model, [image], { layer: "relu6", target: "turtle" });
  const attribution = await cam(model, image, { target: "turtle" });
  const shares = units.reduce((total, { drop }) => total + drop, 0);
  const mean = attribution.values.data.reduce((a, b) => a + b) / 36;
  expect(shares).toBeCloseTo(mean, 3);
  expect(score).toBeCloseTo(attribution.target.score, 5);
  const [best] = units;
  const [without] = (await model.predict(image, { top: 8, intervene: [{ layer: "relu6", units: best.unit }] })).filter(
    ({ label }) => label === "turtle",
  );
  expect(score - without.score).toBeCloseTo(best.drop, 5);
});

it("every method takes a latent as its input", async () => {
  const model = await generator();
  const mask = strokePixels("middle");
  const target = { mask, channel: 0 };
  const code = Tensor.fromNCHW(
    Float32Array.from({ length: 10 }, (_, i) => 0.05 + i / 500),
    [1, 10, 1, 1],
  );

  // The derivative is zero for digits without the stroke and alike for all with it.
  const gradient = (await saliency(model, code, { target })).values;
  expect(gradient.shape).toEqual([1, 1, 1, 10]);
  const users = digits.map((_, index) => uses(index, "middle"));
  const withStroke = Array.from(gradient.data).filter((_, i) => users[i]);
  const without = Array.from(gradient.data).filter((_, i) => !users[i]);
  expect(Math.min(...withStroke)).toBeGreaterThan(10 * Math.max(...without.map(Math.abs)));

  const path = await integratedGradients(model, code, { target, nSteps: 200 });
  expect(Math.abs(path.convergenceDelta ?? 1)).toBeLessThan(4e-3);
  expect(path.values.shape).toEqual([1, 1, 1, 10]);

  // Number by number: the drop where one is set to zero.
  const drops = await occlusion(model, code, { target });
  const score = drops.target.score;
  for (const index of [2, 5]) {
    const changed = new Tensor(
      code.data.map((value, i) => (i === index ? 0 : value)),
      code.shape,
    );
    const { target: reached } = await saliency(model, changed, { target });
    expect(drops.values.data[index]).toBeCloseTo(score - reached.score, 6);
  }
  const pairs = await occlusion(model, code, { target, window: [1, 2], stride: [1, 2] });
  expect(pairs.values.data[4]).toBe(pairs.values.data[5]);
  expect(pairs.values.shape).toEqual([1, 1, 1, 10]);

  const pixel = await saliency(model, code, { target: { position: [13, 8], channel: 0 } });
  expect(pixel.values.data.some((value) => value !== 0)).toBe(true);

  // Ascent in latent space draws the stroke.
  const ascent = await maximizeActivation(model, { target, start: code, steps: 30, stepSize: 0.5, l2: 0.001 });
  const drawn = (await model.run(ascent.image)).output;
  const brightness =
    drawn.data.reduce((sum, value, i) => sum + (mask[i] ? value : 0), 0) / mask.reduce((a, b) => a + b);
  expect(brightness).toBeCloseTo(ascent.target.score, 5);
  expect(ascent.target.score).toBeGreaterThan(score + 0.3);
  const unit = await maximizeActivation(model, { target: { layer: "strokes", unit: 2 }, start: code, steps: 5 });
  expect(unit.objective[5]).toBeGreaterThan(unit.objective[0]);
});

it("latents may be plain vectors", async () => {
  const random = randomIntegers(4);
  const graph = graphOf({
    inputs: { z: ["N", 6] },
    constants: {
      w: randomFloats(random, [6, 12]),
      shape: (await import("../graph/build")).ints(-1, 3, 2, 2),
      brush: randomFloats(random, [3, 1, 2, 2]),
    },
    nodes: [
      ["MatMul", ["z", "w"], ["f"]],
      ["Relu", ["f"], ["a"]],
      ["Reshape", ["a", "shape"], ["maps"]],
      ["ConvTranspose", ["maps", "brush"], ["image"], { strides: [2, 2] }],
    ],
  });
  const model = await loadModel(writeOnnx(graph));
  const [z] = randomLatents(model, { seed: 5 });
  expect(z.shape).toEqual([1, 6]);
  const target = { position: [1, 2], channel: 0 } as const;
  const gradient = await saliency(model, z, { target });
  const path = await integratedGradients(model, z, { target });
  const drops = await occlusion(model, z, { target });
  for (const { values } of [gradient, path, drops]) expect(values.shape).toEqual([1, 6]);
  // Piecewise linear without a bias: the gradient times the input is the score.
  const product = gradient.values.data.reduce((sum, value, i) => sum + value * z.data[i], 0);
  expect(product).toBeCloseTo(gradient.target.score, 5);
  expect((await dissect(model, [z], { layer: "maps", region: new Uint8Array(16).fill(1) })).units).toHaveLength(3);
  await expect(dissect(model, [z], { layer: "a", region: new Uint8Array(16) })).rejects.toThrow(LayerError);
  expect((await unitEffects(model, [z], { layer: "a", target })).units).toHaveLength(12);
});

it("latents are normal, seeded and of the input's shape", async () => {
  const model = await generator();
  const latents = randomLatents(model, { samples: 400, seed: 3, stdev: 2 });
  expect(latents[0].shape).toEqual([1, 1, 1, 10]);
  const all = latents.flatMap(({ data }) => [...data]);
  const mean = all.reduce((a, b) => a + b) / all.length;
  expect(Math.abs(mean)).toBeLessThan(0.1);
  expect(Math.sqrt(all.reduce((a, b) => a + b * b, 0) / all.length)).toBeCloseTo(2, 1);
  expect(randomLatents(model, { samples: 2, seed: 3, stdev: 2 })).toEqual(latents.slice(0, 2));
  expect(randomLatents(model, { seed: 4 })).toHaveLength(16);
  expect(() => randomLatents(model, { samples: 0 })).toThrow(OptionError);
  expect(() => randomLatents(model, { stdev: 0 })).toThrow("stdev must be above 0, got 0.");
  expect(() => randomLatents(model, { stdev: Number.POSITIVE_INFINITY })).toThrow("stdev must be above 0");
});

it("says what is wrong, counts, and can be stopped", async () => {
  const model = await generator();
  const region = new Uint8Array(560).fill(1);
  const ask = (options: object, samples: Iterable<Tensor> = digits) =>
    dissect(model, samples, { layer: "strokes", region, ...options });
  await expect(ask({ region: new Uint8Array(5) })).rejects.toThrow(ShapeError);
  await expect(ask({ region: () => "all" })).rejects.toThrow(
    "one byte for each of 28×20 pixels, row-major, got string",
  );
  await expect(ask({ quantile: 1 })).rejects.toThrow("quantile lies between 0 and 1, got 1.");
  await expect(ask({}, digits[0] as never)).rejects.toThrow(
    "samples must be a list or stream of inputs, got a Tensor 1×1×1×10.",
  );
  await expect(ask({ units: 8 })).rejects.toThrow('units: layer "strokes" has units 0 to 7, got 8.');
  await expect(ask({ layer: "stroke" })).rejects.toThrow(/Did you mean/);
  await expect(ask({ layer: "code" })).rejects.toThrow("unitEffects measures units of any layer.");
  await expect(ask({}, [])).rejects.toThrow(InputError);
  const target = { mask: region, channel: 0 };
  const effects = (options: object, samples: Iterable<Tensor> = digits) =>
    unitEffects(model, samples, { layer: "strokes", target, ...options });
  await expect(effects({}, [])).rejects.toThrow("unitEffects got no samples");
  await expect(effects({ value: Number.NaN })).rejects.toThrow(OptionError);
  await expect(effects({ batchSize: 0 })).rejects.toThrow("batchSize");
  await expect(effects({ target: { mask: region, channel: 1 } })).rejects.toThrow(TargetError);
  const seen: number[] = [];
  const onProgress = (done: number, total: number): void => void seen.push(done, total);
  await effects({ onProgress }, digits.slice(0, 2));
  expect(seen).toEqual([1, 2, 2, 2]);
  await expect(ask({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

describeShared("the generator of others", () => {
  it("DCGAN: a unit that agrees with the lower half is worth more to it than the median unit", async () => {
    const model = await loadModel(readShared("models/digit-dcgan-generator-bn.onnx"));
    const latents = randomLatents(model, { samples: 6, seed: 1 });
    const layer = "/gen/gen.2/gen.2.2/Relu";
    // What is ink in the lower half, sample by sample.
    const region = (output: Tensor): Uint8Array =>
      Uint8Array.from(output.data, (value, i) => Number(value > 0 && i >= 392));
    const { units } = await dissect(model, latents, { layer, region, quantile: 0.05 });
    expect(units).toHaveLength(64);
    expect(units[0].iou).toBeGreaterThan(5 * units[32].iou);
    const mask = Uint8Array.from({ length: 784 }, (_, i) => Number(i >= 392));
    const effects = await unitEffects(model, latents.slice(0, 3), { layer, target: { mask, channel: 0 } });
    const drops = effects.units.map(({ drop }) => drop);
    const ofBest = effects.units.find(({ unit }) => unit === units[0].unit)?.drop as number;
    expect(ofBest).toBeGreaterThan(drops[32]);
  });
});

it("the example's generator is the one described here", async () => {
  expect(new Uint8Array(readFileSync("examples/generator/seven-segments.onnx"))).toEqual(writeOnnx(sevenSegments()));
});
