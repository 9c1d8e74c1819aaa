import { describe, expect, it } from "vitest";
import {
  type AttributionMethod,
  gradCam,
  guidedBackprop,
  loadModel,
  randomLogitTest,
  saliency,
  Tensor,
} from "../../src/index";
import { spearman } from "../../src/trust/similarity";
import { linearModel, randomTensor, scene } from "./networks";

describe("randomLogitTest", () => {
  it("compares the target's map with those of other classes: of a linear model, with their weights", async () => {
    const { model, weights } = await linearModel([3, 4, 1], 4);
    const x = randomTensor([1, 3, 4, 1]);
    const { target, classes, similarity, passed } = await randomLogitTest(model, x, saliency, { target: 2 });
    expect(target.index).toBe(2);
    expect(classes.map(({ other }) => other.index).sort()).toEqual([0, 1, 3]);
    for (const { other, spearman: found } of classes) {
      const expected = spearman(Float32Array.from(weights[2]), Float32Array.from(weights[other.index]));
      expect(found).toBeCloseTo(expected, 6);
    }
    expect(similarity).toBeCloseTo(classes.reduce((sum, each) => sum + each.spearman, 0) / 3, 12);
    expect(passed).toBe(similarity < 0.5);
  });

  it("fails a method that draws the same picture for every class", async () => {
    const model = await loadModel();
    const image = await scene("scene-turtle-02");
    const blind: AttributionMethod = async (m, x, options) => {
      const { values } = await saliency(m, x, { target: 0 });
      return { ...(await saliency(m, x, options)), values };
    };
    expect(await randomLogitTest(model, image, blind)).toMatchObject({ similarity: 1, passed: false });
    const guided = await randomLogitTest(model, image, guidedBackprop, { target: "turtle" });
    expect(guided).toMatchObject({ method: "guided-backprop", passed: false, target: { label: "turtle" } });
    expect(await randomLogitTest(model, image, gradCam, { target: "turtle" })).toMatchObject({ passed: true });
  });

  it("draws classes from the seed, never the target; reports progress and stops", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    const drawn = async (seed: number): Promise<(string | undefined)[]> =>
      (await randomLogitTest(model, image, gradCam, { target: "cat", classes: 2, seed })).classes.map(
        ({ other }) => other.label,
      );
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(new Set((await Promise.all([1, 2, 3, 4].map(drawn))).map(String)).size).toBeGreaterThan(1);
    const seen: number[][] = [];
    const { classes, recipe } = await randomLogitTest(model, image, gradCam, {
      classes: 100,
      onProgress: (...progress) => seen.push(progress),
    });
    expect(classes.map(({ other }) => other.label)).not.toContain("cat");
    expect(new Set(classes.map(({ other }) => other.index)).size).toBe(7);
    expect(seen).toEqual(Array.from({ length: 8 }, (_, i) => [i + 1, 8]));
    expect(recipe).toMatchObject({ method: "random-logit-test", options: { target: 1, classes: 7 } });
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(randomLogitTest(model, image, gradCam, { signal })).rejects.toThrow("enough");
  });

  it("says what is wrong", async () => {
    const model = await loadModel();
    const image = await scene("scene-cat-00");
    await expect(randomLogitTest(model, image, gradCam, { classes: 0 })).rejects.toThrow(
      "classes must be a whole number of at least 1, got 0.",
    );
    await expect(randomLogitTest(model, image, gradCam, { target: { layer: "relu4", unit: 1 } })).rejects.toThrow(
      "randomLogitTest compares classes: its target is a class by index or label, or 'top'.",
    );
    // @ts-expect-error a name is no function
    await expect(randomLogitTest(model, image, "grad-cam")).rejects.toThrow("The method must be a function");
    const { model: single } = await linearModel([3, 4, 1]);
    await expect(randomLogitTest(single, new Tensor(new Float32Array(12), [1, 3, 4, 1]), saliency)).rejects.toThrow(
      "has one class, and there is no other one to compare with.",
    );
  });
});
