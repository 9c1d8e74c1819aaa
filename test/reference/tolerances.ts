import { expect } from "vitest";
import { type Difference, difference } from "./goldens";

/**
 * How far float32 may lie from the float64 references, as [largest error / largest value, relative L2].
 *
 * The noise of gradients has two humps: 1e-7 where every ReLU and max-pool decides as in float64, up to 1e-2 where one
 * decision flips; the loose rows belong to the networks deep or large enough for that.
 */
export const tolerances = {
  activation: { max: 2e-5, l2: 1e-5, reason: "sums of up to a few thousand products in another order" },
  rawMap: {
    max: 1e-5,
    l2: 5e-6,
    reason: "CAM family: one weighted sum over activations; gradients there meet no decision",
  },
  finalMap: { max: 1e-4, l2: 1e-4, reason: "minimum and maximum are subtracted and divided out" },
  occlusion: { max: 2e-5, l2: 1e-5, reason: "differences of logits, averaged" },
  gradient: { max: 1e-5, l2: 5e-6, reason: "small networks: no decision flips" },
  gradientFlips: { max: 2e-2, l2: 5e-3, reason: "SqueezeNet: some of 10^6 ReLU decisions flip" },
  guidedFlips: { max: 2e-2, l2: 1e-3, reason: "guided backprop: flips at x = 0 matter less" },
  path: { max: 1e-2, l2: 3e-3, reason: "integrated gradients, SmoothGrad: flips average out over the points" },
  ascent: { max: 1e-3, l2: 2e-4, reason: "five gradients, each from a slightly different point" },
  ascentObjective: { max: 3e-4, l2: 3e-4, reason: "logits along that path" },
  segmenterGradient: { max: 5e-2, l2: 1e-2, reason: "products of gates (squeeze-and-excite) amplify flips" },
} as const;

export function expectClose(actual: Float32Array, reference: Float32Array, kind: keyof typeof tolerances): Difference {
  const found = difference(actual, reference);
  const { max, l2 } = tolerances[kind];
  expect(found.max, `largest error, ${kind}`).toBeLessThanOrEqual(max);
  expect(found.l2, `relative L2 error, ${kind}`).toBeLessThanOrEqual(l2);
  return found;
}
