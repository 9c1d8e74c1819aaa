/** What an audit keeps of its pictures: a small map each, whatever they are, and matrices no larger than of a sample. */
import { readFileSync } from "node:fs";
import { beforeAll, expect, it, vi } from "vitest";
import { analyse } from "../../src/audit/analyse";
import * as clustering from "../../src/audit/spectral-clusters";
import type { AuditedImage, AuditKey } from "../../src/audit/types";
import { type Audit, audit, auditExamples, htmlReport, loadModel, type Model } from "../../src/index";
import { Random } from "../../src/random/random";

let model: Model;
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
});

vi.mock("../../src/audit/spectral-clusters", { spy: true });

const key: AuditKey = {
  ...{ modelHash: "sha256:0", classes: 1000, method: "grad-cam", grid: 8, control: "class", seed: 0 },
  input: { width: 96, height: 96, fit: "crop" },
};

function many(count: number, classes: number): AuditedImage[] {
  const random = new Random(1);
  const place = { rim: 0.25, outside: 0.5 };
  return Array.from({ length: count }, (_, i) => ({
    ...{ id: String(i).padStart(6, "0"), label: i % classes, labelIndex: i % classes, predicted: i % classes },
    ...{ probability: 0.5, score: 1, evidence: place, control: place },
    map: Array.from({ length: 64 }, () => random.uniform() / 32),
  }));
}

it("holds one picture at a time, and keeps a few numbers of it", async () => {
  const [most, held] = [{ count: 0 }, { count: 0 }];
  async function* stream() {
    for (let i = 0; i < 12; i++) {
      // The one before is done with when the next is asked for.
      held.count = 0;
      const data = Uint8Array.from({ length: 640 * 480 * 3 }, (_, at) => (at * (i + 1)) % 251);
      const image = () => {
        held.count++;
        most.count = Math.max(most.count, held.count);
        return { data, width: 640, height: 480 };
      };
      yield { id: `picture-${i}`, image, label: "cat", mask: { x: 0, y: 0, width: 320, height: 240 } };
    }
  }
  const found = await audit(model, stream());
  expect(most.count).toBe(1);
  const sizes = found.images.map((image) => JSON.stringify(image).length);
  expect(sizes).toHaveLength(12);
  expect(Math.max(...sizes)).toBeLessThan(2000);
});

it("clusters a sample of a large class, and says so", async () => {
  const watched = vi.mocked(clustering.spectralClusters);
  watched.mockClear();
  const images = many(2500, 2);
  const { classes } = await analyse(images, key);
  expect(watched.mock.calls.map(([points]) => points.length)).toEqual([300, 300]);
  for (const { size, sampled, clusters } of classes) {
    expect([size, sampled]).toEqual([1250, 300]);
    expect(clusters.reduce((sum, cluster) => sum + cluster.size, 0)).toBe(1250);
  }
  const small = await analyse(images.slice(0, 500), key);
  expect(small.classes.map(({ sampled }) => sampled)).toEqual([undefined, undefined]);
});

it("shows the pictures of the largest and the suspected answers alone where there are many", async () => {
  const images = many(120, 60);
  const parts = await analyse(images, key);
  const whole: Audit = { format: "seethrough/audit/1", audit: key, images, failures: [], ...parts };
  const shown = auditExamples(whole);
  expect(shown.length).toBeLessThan(24 * 20);
  const page = htmlReport(whole, { title: "Sixty" });
  expect(page).toContain("36 more answers of the network");
  const clusters = parts.classes[50].clusters.map((_, cluster) => ({
    ...{ index: 50, label: "class 50", cluster, by: "rim" as const, evidence: 0.9, control: 0.1, strength: 0.5 },
    says: "Class 50 looks at the rim.",
  }));
  const suspected = auditExamples({ ...whole, suspicions: clusters });
  expect(shown).not.toContain("000050");
  expect(suspected).toContain("000050");
});
