import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Random } from "../src/explain/random";
import { decodeImage, loadModel, maximizeActivation, OptionError, ShapeError, TargetError, Tensor } from "../src/index";

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

it("says what is wrong", async () => {
  const model = await loadModel();
  await expect(maximizeActivation(model, { target: "kat" })).rejects.toThrow(TargetError);
  await expect(maximizeActivation(model, { target: 1, steps: -1 })).rejects.toThrow(OptionError);
  await expect(maximizeActivation(model, { target: 1, stepSize: 0 })).rejects.toThrow(/stepSize must be above 0/);
  const wrong = new Tensor(new Float32Array(3), [1, 1, 1, 3]);
  await expect(maximizeActivation(model, { target: 1, start: wrong })).rejects.toThrow(ShapeError);
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
