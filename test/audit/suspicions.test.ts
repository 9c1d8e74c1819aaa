import { describe, expect, it } from "vitest";
import { suspicionsOf } from "../../src/audit/suspicions";
import type { AuditedClass, AuditedImage, EvidencePlace } from "../../src/audit/types";
import { Random } from "../../src/random/random";

/** Evidence outside the object in one of the 6×6 fields alone. */
const placed = (field: number, share: number): EvidencePlace => ({
  ...{ rim: 0.3, outside: share },
  fields: Array.from({ length: 36 }, (_, i) => (i === field ? share : 0)),
});

const imageOf = (i: number, evidence: EvidencePlace, control: EvidencePlace): AuditedImage => ({
  ...{ id: String(i).padStart(3, "0"), predicted: 0, probability: 1, score: 1, map: [1], evidence, control },
});

/** One class, one cluster. */
const suspected = (images: readonly AuditedImage[]) => {
  const cluster = { images: images.map(({ id }) => id), size: images.length, labels: {}, meanMap: [1] };
  const places = { evidence: { rim: 0 }, control: { rim: 0 } };
  const one: AuditedClass = {
    ...{ index: 0, label: "dog", size: images.length, eigenvalues: [], outliers: [] },
    clusters: [{ ...cluster, ...places }],
  };
  return suspicionsOf([one], images);
};

const count = 20;

describe("evidence at one place of all pictures", () => {
  it("is suspected, with its fields and in words, and judged by its excess over the control there", () => {
    const images = Array.from({ length: count }, (_, i) => imageOf(i, placed(30, 0.6), placed(i, 0.6)));
    const [{ by, fields, evidence, control, strength, says }] = suspected(images);
    expect({ by, fields, evidence }).toEqual({ by: "place", fields: [30], evidence: 0.6 });
    expect(control).toBe(0);
    // 2.8 standard errors of the least deviation, 0.15.
    expect(strength).toBeCloseTo(0.6 - (2.8 * 0.15) / Math.sqrt(count), 4);
    expect(says).toContain("at one place of all pictures, at the bottom left; of the control's evidence");
  });

  it("is none where the control's evidence lies there, too, or where the pictures are few", () => {
    expect(suspected(Array.from({ length: count }, (_, i) => imageOf(i, placed(30, 0.6), placed(30, 0.6))))).toEqual(
      [],
    );
    const few = Array.from({ length: 9 }, (_, i) => imageOf(i, placed(30, 0.6), placed(i, 0.6)));
    expect(suspected(few)).toEqual([]);
  });

  it("is none where it lies anywhere: a place that was chosen is judged by other pictures", () => {
    const random = new Random(5);
    const anywhere = (): EvidencePlace => placed(Math.floor(36 * random.uniform()), 0.9);
    let chance = 0;
    for (let trial = 0; trial < 100; trial++) {
      chance += suspected(Array.from({ length: count }, (_, i) => imageOf(i, anywhere(), anywhere()))).length;
    }
    // What 2.8 standard errors leave to chance.
    expect(chance).toBeLessThanOrEqual(2);
  });
});
