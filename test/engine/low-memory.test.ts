import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { resnet50 } from "../../bench/networks/resnet";
import { halveWeights } from "../../src/compile/halve-weights";
import { Constant, type StaticGraph } from "../../src/graph/ir";
import {
  decodeImage,
  explain,
  gradCam,
  inspect,
  loadModel,
  MemoryError,
  methodNames,
  type OptionError,
  Tensor,
} from "../../src/index";
import { difference } from "../reference/goldens";

/** Few passes: that the two agree does not depend on how many there are. */
const light = { nSteps: 8, samples: 40, masks: 60, window: 24, stride: 24 };

describe("memory: 'low'", () => {
  it("gives the answers of 'fast' but for the rounding of the weights, by every method", async () => {
    const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
    const [fast, low] = [await loadModel(), await loadModel(undefined, { memory: "low" })];
    const [best] = await fast.predict(cat, { top: 1 });
    const [same] = await low.predict(cat, { top: 1 });
    expect(same.label).toBe(best.label);
    expect(Math.abs(same.score - best.score) / Math.abs(best.score)).toBeLessThan(2e-3);
    for (const method of methodNames) {
      const [a, b] = [await explain(low, cat, { ...light, method }), await explain(fast, cat, { ...light, method })];
      expect(difference(a.values.data, b.values.data).l2, method).toBeLessThan(0.05);
      expect((await explain(low, cat, { ...light, method })).values.data, method).toEqual(a.values.data);
      expect(a.recipe.modelHash).toBe(b.recipe.modelHash);
    }
    const used = inspect(low).residentBytes;
    await explain(low, cat, { method: "saliency" });
    expect(inspect(low).residentBytes).toBe(used);
  }, 600_000);

  it("Grad-CAM on ResNet-50 fits in 128 MiB of wasm memory, and in far less", async () => {
    const bytes = resnet50();
    const limit = 128 * 2 ** 20;
    await expect(loadModel(bytes, { maxMemory: limit / 2 })).rejects.toThrow(MemoryError);
    const low = await loadModel(bytes, { memory: "low", maxMemory: limit });
    const image = {
      data: Uint8Array.from({ length: 224 * 224 * 3 }, (_, i) => (i * 7919) % 256),
      width: 224,
      height: 224,
    };
    const attribution = await gradCam(low, image, { target: 0 });
    expect(attribution.values.shape).toEqual([1, 7, 7, 1]);
    const { residentBytes } = inspect(low);
    expect(residentBytes).toBeLessThan(limit);
    const fast = await loadModel(bytes);
    const exact = await gradCam(fast, image, { target: 0 });
    const { l2 } = difference(attribution.values.data, exact.values.data);
    console.log(
      `ResNet-50 Grad-CAM: ${(residentBytes / 2 ** 20).toFixed(0)} MiB of wasm memory low, ` +
        `${(inspect(fast).residentBytes / 2 ** 20).toFixed(0)} MiB fast; values differ by ${l2.toExponential(1)} (relative L2)`,
    );
    expect(l2).toBeLessThan(0.02);
  });

  it("no other word is taken", async () => {
    const wrong = loadModel(undefined, { memory: "tiny" as never });
    await expect(wrong).rejects.toThrow(/memory "tiny" is none of fast, low/);
    await expect(wrong).rejects.toSatisfy((error: OptionError) => error.name === "OptionError");
  });
});

it("float16 rounds to nearest even, subnormals included, and leaves alone what does not fit", () => {
  const special = [
    0,
    -0,
    1,
    -2,
    1 / 3,
    65504,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    1.5 * 2 ** -25,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    0.1,
  ];
  const values = new Float32Array(2048);
  values.set(special);
  for (let i = special.length; i < values.length; i++) values[i] = Math.sin(i) * 10 ** ((i % 9) - 6);
  const graph = (data: Float32Array): StaticGraph => ({
    ...{ name: "w", opset: 17, inputs: [], outputs: [], nodes: [], metadata: new Map() },
    ...{ shapes: new Map(), aliases: new Map() },
    constants: new Map([["w", Constant.fromFloats(data, [data.length])]]),
  });
  const halved = halveWeights(graph(values)).constants.get("w") as Constant;
  expect(halved.format).toBe("float16");
  const back = halved.floats();
  values.forEach((value, i) => {
    // Half a unit in the last place: 2⁻¹¹ of the value, or half of the smallest subnormal.
    expect(Math.abs(back[i] - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 2 ** -11, 2 ** -25));
  });
  expect(Array.from(back.slice(0, 12))).toEqual([
    0,
    -0,
    1,
    -2,
    0.333251953125,
    65504,
    2 ** -14,
    2 ** -24,
    0,
    2 ** -24,
    1,
    1 + 2 ** -9,
  ]);
  const large = new Float32Array(2048).fill(1e5);
  expect((halveWeights(graph(large)).constants.get("w") as Constant).format).toBe("float32");
});

it("a tensor input works in low memory too", async () => {
  const model = await loadModel(undefined, { memory: "low" });
  const { output } = await model.run(new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]));
  expect(output.data.every(Number.isFinite)).toBe(true);
});
