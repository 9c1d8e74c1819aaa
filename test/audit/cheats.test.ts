import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditImage, audit, loadModel } from "../../src/index";
import { describeShared, sharedPath } from "../shared-folder";
import { type LawnScene, lawnScenes } from "./lawn-scenes";

const plans = [
  { label: "dog", lawn: 14, elsewhere: 14 },
  { label: "cat", lawn: 10, elsewhere: 10 },
  ...["fish", "rabbit", "snake", "turtle"].map((label) => ({ label, lawn: 4, elsewhere: 8 })),
];

const auditOf = async (file: string, scenes: readonly AuditImage[], options = {}) => {
  using model = await loadModel(new Uint8Array(readFileSync(file)));
  return await audit(model, scenes, options);
};

function itFindsTheCheat(folder: string): void {
  let scenes: LawnScene[];
  beforeAll(async () => {
    scenes = await lawnScenes(folder, plans, 3);
  });
  for (const control of ["class", "weights"] as const) {
    it(`the lawn of "dog" is the most suspicious, and nothing is so strong of the honest network (control: ${control})`, async () => {
      const cheater = await auditOf("models/petshop-cheater.onnx", scenes, { control });
      const honest = await auditOf("models/petshop.onnx", scenes, { control });
      const [first] = cheater.suspicions;
      expect(first).toMatchObject({ label: "dog", by: "outside" });
      const { images } = cheater.classes.find(({ label }) => label === "dog")?.clusters[first.cluster] ?? {
        images: [],
      };
      expect(images.filter((id) => id.includes("/lawn-")).length / images.length).toBeGreaterThan(0.85);
      expect(first.evidence).toBeGreaterThan(first.control);
      expect(
        honest.suspicions.map(({ strength }) => strength).find((strength) => strength > 0.5 * first.strength),
      ).toBeUndefined();
      expect(honest.accuracy).toBeGreaterThan(0.9);
    });
  }
}

describe("the lawn, from the examples' scenes", () => itFindsTheCheat("examples/images"));
describeShared("the lawn, from more scenes", () => {
  itFindsTheCheat(sharedPath("petshop/scenes"));
  it("without masks the rim of the pictures tells", async () => {
    const scenes = await lawnScenes(sharedPath("petshop/scenes"), plans, 3);
    const bare = scenes.map(({ mask: _, ...scene }) => scene);
    const cheater = await auditOf("models/petshop-cheater.onnx", bare);
    const honest = await auditOf("models/petshop.onnx", bare);
    expect(cheater.suspicions[0]).toMatchObject({ label: "dog", by: "rim" });
    expect(honest.suspicions).toEqual([]);
  });
});
