/** Several targets at once have the bits of each alone, from one forward pass where the method is one. */
import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import {
  decodeImage,
  explain,
  gradCam,
  integratedGradients,
  loadModel,
  methodTable,
  noiseTunnel,
  saliency,
  type Target,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const model = await loadModel();

describe("several targets", () => {
  const targets: readonly Target[] = ["cat", "dog", { contrast: ["cat", "dog"] }, { layer: "relu4", unit: 3 }];
  const listed = methodTable.filter(
    ({ options, needs }) =>
      options.some((group) => "targets" in group) && !needs.some((need) => (need as string) === "attention"),
  );

  it.each(listed.map(({ name }) => name).filter((name) => name !== "cam"))(
    "%s has the bits of each alone",
    async (method) => {
      const few = ["score-cam", "ablation-cam", "deep-lift-shap"].includes(method) ? targets.slice(1, 3) : targets;
      const options = { method, samples: 3, nSteps: 3, batchSize: 4, relu: true } as const;
      const together = await explain(model, cat, { ...options, targets: few });
      expect(together).toHaveLength(few.length);
      for (const [i, target] of few.entries()) {
        const alone = await explain(model, cat, { ...options, target });
        expect(together[i].values).toEqual(alone.values);
        expect(together[i]).toEqual(alone);
        expect(together[i].recipe.options).not.toHaveProperty("targets");
      }
    },
  );

  it("is one forward pass", async () => {
    const inside = loaded(model);
    const passes = vi.spyOn(inside.session, "run");
    await gradCam(model, cat, { targets: ["cat", "dog"] });
    await saliency(model, cat, { targets: ["cat", "dog", { sum: ["cat", "dog"] }] });
    expect(passes).toHaveBeenCalledTimes(2);
    passes.mockRestore();
  });

  it("refuses what is no list of targets, and methods that take one", async () => {
    const call = (options: object): Promise<unknown> => gradCam(model, cat, options as { target: string });
    await expect(call({ targets: [] })).rejects.toThrow("an empty one");
    await expect(call({ targets: "cat" })).rejects.toThrow("targets must be a list of at least one target");
    await expect(call({ targets: ["cat", undefined] })).rejects.toThrow("one with gaps");
    await expect(call({ targets: ["cat"], target: "dog" })).rejects.toThrow("both are there");
    await expect(call({ targets: ["cat", "horse"] })).rejects.toThrow("none of the model's");
    await expect(explain(model, cat, { method: "rise", targets: ["cat"] })).rejects.toThrow("rise explains one target");
    await expect(explain(model, cat, { noiseTunnel: {}, targets: ["cat"] })).rejects.toThrow("one target at a time");
    const noisy = noiseTunnel(saliency) as (...given: readonly unknown[]) => Promise<unknown>;
    await expect(noisy(model, cat, { targets: ["cat"] })).rejects.toThrow("noiseTunnel explains one target");
  });

  it("counts the passes of all of them", async () => {
    const seen: [number, number][] = [];
    await integratedGradients(model, cat, {
      targets: ["cat", "dog"],
      nSteps: 2,
      batchSize: 1,
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect(seen).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
  });
});
