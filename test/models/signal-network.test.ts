/** The trained network of examples/signal: that it is what its training makes, what it knows, and where its answers come from. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { labels, length, makeStrips, type Strip } from "../../scripts/signal/beats";
import { asTensor, trainSignalNetwork } from "../../scripts/signal/network";
import { cam, integratedGradients, loadModel, type Model, occlusion } from "../../src/index";
import { Random } from "../../src/random/random";

let model: Model;
let strips: Strip[];
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("examples/signal/beats.onnx")));
  strips = makeStrips(100, new Random(99));
});

it("is what its training makes", async () => {
  const again = await loadModel(await trainSignalNetwork());
  for (const strip of strips.slice(0, 12)) {
    const [kept, made] = [await model.run(asTensor(strip)), await again.run(asTensor(strip))];
    // Exponentials and sines may differ in their last bit between machines.
    kept.output.data.forEach((value, i) => {
      expect(Math.abs(value - made.output.data[i])).toBeLessThan(0.02 * Math.max(1, Math.abs(value)));
    });
  }
});

it("knows strips it has not seen", async () => {
  expect(model.labels).toEqual(labels);
  let right = 0;
  for (const strip of strips) {
    const [best] = await model.predict(asTensor(strip), { top: 1 });
    right += Number(best.index === strip.label);
  }
  expect(right / strips.length).toBeGreaterThan(0.97);
});

/** Share of the positive values that lies in the abnormal stretches, over the share of time those take. */
async function concentration(label: number, explained: (strip: Strip) => Promise<Float32Array>): Promise<number> {
  let [found, expected] = [0, 0];
  for (const strip of strips
    .filter((candidate) => candidate.label === label && candidate.truth.length > 0)
    .slice(0, 20)) {
    const inside = (t: number): boolean => strip.truth.some(([first, end]) => t >= first && t < end);
    let [all, hit, time] = [0, 0, 0];
    (await explained(strip)).forEach((value, t) => {
      all += Math.max(value, 0);
      if (!inside(t)) return;
      hit += Math.max(value, 0);
      time++;
    });
    found += hit / all;
    expected += time / length;
  }
  return found / expected;
}

it("finds its answers where the beat was made abnormal, though nobody told it where", async () => {
  const byGradients = (strip: Strip) => integratedGradients(model, asTensor(strip), { target: strip.label });
  const byOcclusion = (strip: Strip) =>
    occlusion(model, asTensor(strip), { target: strip.label, window: 12, stride: 3, value: "blur" });
  expect(await concentration(1, async (strip) => (await byGradients(strip)).values.data)).toBeGreaterThan(2.5);
  expect(await concentration(2, async (strip) => (await byGradients(strip)).values.data)).toBeGreaterThan(1.5);
  expect(await concentration(1, async (strip) => (await byOcclusion(strip)).values.data)).toBeGreaterThan(3);
});

it("has class activation maps whose mean is the score", async () => {
  const { values, convergenceDelta, target } = await cam(model, asTensor(strips[1]), { target: 1 });
  expect(values.shape).toEqual([1, 1, length / 2, 1]);
  expect(Math.abs(convergenceDelta ?? 1)).toBeLessThan(1e-3 * Math.abs(target.score));
});
