/** Operators that are written by others, on random shapes, ranks and attributes, as `completeness.test.ts` has those that run as they are. */

import { describe, expect, it } from "vitest";
import fc from "../seeded";
import { agrees, staysWithinReach } from "./agreement";
import { writtenSamples } from "./samples/written";

const runs = { numRuns: 16, seed: 14, endOnFailure: true } as const;

describe("values, gradients and batches of", () => {
  for (const [op, sample] of Object.entries(writtenSamples)) {
    it(op, () => fc.assert(fc.asyncProperty(sample, agrees), { ...runs, numRuns: op === "Resize" ? 64 : 24 }));
  }
});

describe("nothing moves outside of the reach of", () => {
  for (const [op, sample] of Object.entries(writtenSamples)) {
    it(op, () => {
      let seen = 0;
      fc.assert(
        fc.property(sample, (one) => {
          seen += staysWithinReach(one);
        }),
        { ...runs, numRuns: 8 },
      );
      expect(seen, "elements that moved").toBeGreaterThan(0);
    });
  }
});
