import type { BlackBox } from "../attribution/black-box";
import { shapleyCoalitions } from "../attribution/covering/coalitions";
import { coalitionPasses, type FeatureOptions, featuresOf, recordedSegments } from "../attribution/covering/features";
import { weightedFit } from "../attribution/covering/weighted-fit";
import { type InputPasses, inputByInput } from "../attribution/input-by-input";
import { byPasses, type Passes } from "../attribution/passes";
import type { Refining } from "../attribution/refinement";
import { foundAtPlaces, type ScoredInput } from "../attribution/scored-input";
import { kernelShapFacts } from "../methods/kernel-shap";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { Random } from "../random/random";

export interface KernelShapOptions extends FeatureOptions {
  /** Number of coalitions, a pass each; default all of up to 12 features, 2·features + 2048 of more. */
  readonly samples?: number;
}

/** Up to here all coalitions are scored, and the values are the Shapley values themselves. */
const fewFeatures = 12;

/**
 * KernelSHAP: Shapley values of the input's features by a weighted linear fit over coalitions.
 *
 *   minimise  Σ_z π(z) (s(z) − s(∅) − φ·z)²   with  Σφ = s(x) − s(∅),   π(z) = (M−1) / (C(M,|z|) |z| (M−|z|))
 *
 * Lundberg & Lee 2017, https://arxiv.org/abs/1705.07874, theorem 2. Sampled as `shap.KernelExplainer` does: coalitions in pairs with
 * their complement, the smallest and largest first. With all coalitions (up to 12 features unless `samples` says less) the result
 * is exact. ∅ is the baseline. Every place gets the Shapley value of its feature, so that the sum over features, not places, is
 * s(x) − s(∅).
 *
 * @function
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, signed, in score units; all places of a feature have the same value
 * @throws {OptionError} if samples, segments or batchSize is out of range
 * @throws {ShapeError} if `segments` does not fit the input
 * @throws {TargetError} if `target` names no class of the model
 * @example
 * const attribution = await kernelShap(model, image, { target: "cat", segments: slic(image, { segments: 20 }), baseline: "blur" });
 */
export const kernelShap: (model: Model | BlackBox, input: Input, options?: KernelShapOptions) => Refining =
  /* @__PURE__ */ byPasses(beginKernelShap);

/** A pass per coalition. */
async function beginKernelShap(
  model: Model | BlackBox,
  input: Input,
  unsettled: KernelShapOptions,
): Promise<Passes<number>> {
  return inputByInput(model, input, settledOptions(kernelShapFacts, unsettled), coalitionsOf);
}

function coalitionsOf(
  scored: ScoredInput,
  options: KernelShapOptions & Required<Pick<KernelShapOptions, "seed">>,
): InputPasses {
  const features = featuresOf(scored, options.segments);
  const { count, labels } = features;
  const samples = options.samples ?? (count <= fewFeatures ? 2 ** count : 2 * count + 2048);
  const { coalitions, weights } = shapleyCoalitions(count, samples, new Random(options.seed));
  // The nothing, every feature alone and everything but one feature.
  const least = 1 + 2 * count;
  return coalitionPasses(scored, features, [new Uint8Array(count), ...coalitions], options, least, async (scores) => {
    const scoredOnes = coalitions.slice(0, scores.length - 1);
    const nothing = scores[0];
    const all = scored.target.score - nothing;
    // The last value is what the others leave of the sum.
    const last = count - 1;
    const rows = scoredOnes.map((z) => Float64Array.from({ length: last }, (_, i) => z[i] - z[last]));
    const targets = scoredOnes.map((z, i) => scores[i + 1] - nothing - z[last] * all);
    const others = last === 0 ? new Float64Array(0) : await weightedFit({ rows, targets, weights }, 0);
    const shapley = Float64Array.of(...others, all - others.reduce((sum, value) => sum + value, 0));
    const values = Float64Array.from(labels, (label) => shapley[label]);
    return foundAtPlaces(
      scored,
      "kernel-shap",
      values,
      { ...options, samples, segments: await recordedSegments(features) },
      scores,
    );
  });
}
