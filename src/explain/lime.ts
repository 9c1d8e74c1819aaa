import type { BlackBox } from "../attribution/black-box";
import {
  type Coalition,
  coalitionPasses,
  type FeatureOptions,
  featuresOf,
  recordedSegments,
} from "../attribution/covering/features";
import { weightedFit } from "../attribution/covering/weighted-fit";
import { type InputPasses, inputByInput } from "../attribution/input-by-input";
import { byPasses, type Passes } from "../attribution/passes";
import type { Refining } from "../attribution/refinement";
import { foundAtPlaces, type ScoredInput } from "../attribution/scored-input";
import { exponentialDecay } from "../image/blur";
import { limeFacts } from "../methods/lime";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { type Note, note } from "../notes";
import { Random } from "../random/random";

export interface LimeOptions extends FeatureOptions {
  /** Number of coalitions, a pass each; default 1000. */
  readonly samples?: number;
  /** Width of the kernel that makes coalitions near the whole input count more; default 0.25. */
  readonly kernelWidth?: number;
  /** Penalty λ on the squares of the coefficients; default 1. */
  readonly lambda?: number;
}

/** Below this share of explained variance the linear model is no picture of the network. */
const poorFit = 0.5;

/**
 * LIME: the coefficients of a linear model that answers as the network does when features are taken away at random.
 *
 *   minimise  Σ_z π(z) (s(z) − b − β·z)² + λ‖β‖²,   π(z) = exp(−d²/2w²),   d = 1 − √(|z|/M)
 *
 * Ribeiro, Singh & Guestrin 2016, https://arxiv.org/abs/1602.04938, equation 1 and section 3.4; kernel (cosine distance, width 0.25) and
 * ridge penalty 1 as the authors' `LimeImageExplainer` has them, on scores before the softmax. Every place gets its feature's β.
 *
 * @function
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, signed, in score units; all places of a feature have the same value
 * @throws {OptionError} if samples, kernelWidth, lambda, segments or batchSize is out of range
 * @throws {ShapeError} if `segments` does not fit the input
 * @throws {TargetError} if `target` names no class of the model
 * @example
 * const attribution = await lime(model, image, { target: "cat", segments: slic(image), samples: 500 });
 */
export const lime: (model: Model | BlackBox, input: Input, options?: LimeOptions) => Refining =
  /* @__PURE__ */ byPasses(beginLime);

/** A pass per coalition. */
async function beginLime(model: Model | BlackBox, input: Input, unsettled: LimeOptions): Promise<Passes<number>> {
  return inputByInput(model, input, settledOptions(limeFacts, unsettled), samplePasses);
}

function samplePasses(
  scored: ScoredInput,
  options: LimeOptions & Required<Pick<LimeOptions, "samples" | "kernelWidth" | "lambda" | "seed">>,
): InputPasses {
  const { samples, kernelWidth, lambda, seed } = options;
  const features = featuresOf(scored, options.segments);
  const random = new Random(seed);
  const coalitions = Array.from({ length: samples }, (_, sample) =>
    Uint8Array.from({ length: features.count }, () => Number(sample === 0 || random.uniform() < 0.5)),
  );
  return coalitionPasses(scored, features, coalitions, options, features.count, async (scores) => {
    const scoredOnes = coalitions.slice(0, scores.length);
    const weights = scoredOnes.map((coalition) => kernel(coalition, kernelWidth));
    const { coefficients, explained } = await penalisedFit(scoredOnes, scores, weights, lambda);
    const values = Float64Array.from(features.labels, (label) => coefficients[label]);
    const share = `${Math.max(0, Math.round(100 * explained))} %`;
    const notes: Note[] = explained < poorFit ? [note("poor-fit", share)] : [];
    const used = { ...options, segments: await recordedSegments(features) };
    return foundAtPlaces(scored, "lime", values, used, scores, notes);
  });
}

function kernel(coalition: Coalition, width: number): number {
  const present = coalition.reduce((total, member) => total + member, 0);
  const distance = 1 - Math.sqrt(present / coalition.length);
  return exponentialDecay(distance ** 2 / (2 * width ** 2));
}

/** A fit whose constant is not penalised, and the share of the weighted variance that it explains. */
async function penalisedFit(
  coalitions: readonly Coalition[],
  scores: Float64Array,
  weights: readonly number[],
  lambda: number,
): Promise<{ readonly coefficients: Float64Array; readonly explained: number }> {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const mean = (of: (sample: number) => number): number =>
    weights.reduce((sum, weight, sample) => sum + weight * of(sample), 0) / total;
  const middle = coalitions[0].length;
  const means = Float64Array.from({ length: middle }, (_, i) => mean((sample) => coalitions[sample][i]));
  const level = mean((sample) => scores[sample]);
  const rows = coalitions.map((coalition) => Float64Array.from(coalition, (member, i) => member - means[i]));
  const targets = scores.map((score) => score - level);
  const coefficients = await weightedFit({ rows, targets, weights }, lambda);
  const rest = mean((sample) => {
    const answer = rows[sample].reduce((sum, value, i) => sum + value * coefficients[i], 0);
    return (targets[sample] - answer) ** 2;
  });
  const variance = mean((sample) => targets[sample] ** 2);
  return { coefficients, explained: variance === 0 ? 1 : 1 - rest / variance };
}
