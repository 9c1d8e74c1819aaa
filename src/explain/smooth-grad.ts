import type { ExplainOptions, LayerOptions } from "../attribution/attribution";
import { finishAttribution } from "../attribution/finish";
import {
  attributedValue,
  effectOf,
  forwardPass,
  gradientsAtPoints,
  targetNotes,
} from "../attribution/gradients/gradient";
import { Moments } from "../attribution/gradients/moments";
import { type NoiseOptions, noisyInputs, sampleCount } from "../attribution/gradients/noisy-inputs";
import { byPasses, type Passes } from "../attribution/passes";
import type { BudgetOptions } from "../attribution/refinement";
import { type ExplainsInSteps, perTargetInSteps } from "../attribution/several-targets";
import { settledOptions } from "../methods/settled-options";
import { smoothGradFacts } from "../methods/smooth-grad";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { batchOf } from "../pace/batch";
import { Random } from "../random/random";

export interface SmoothGradOptions extends ExplainOptions, LayerOptions, NoiseOptions, BudgetOptions {
  /** Samples per pass; more takes more memory; default up to 4, as many as suit the cache. The values do not depend on it. */
  readonly batchSize?: number;
}

/**
 * SmoothGrad: the gradient averaged over noisy copies of the input. A gradient of a rectifier network jumps from point to
 * point; its mean over a neighbourhood shows what the jumps hide.
 *
 *   attribution = 1/n · Σ_k ∂s/∂x (x + σ·ε_k),   ε_k ~ N(0, 1)
 *
 * Smilkov et al. 2017, https://arxiv.org/abs/1706.03825, section 3. Matches Captum's `NoiseTunnel(Saliency, 'smoothgrad')` with
 * `abs=False`. All samples explain one target, that of the input itself. The noise is added to the network's own input, after
 * normalisation; an input that is all of one value has no range, so that it gets none unless `stdev` is given. Other methods and
 * the variance: `noiseTunnel`.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), signed, in score units per input unit
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 * @throws {OptionError} if `samples`, `stdev` or `batchSize` is out of range; {ShapeError} if `noise` does not fit
 * @example
 * const attribution = await smoothGrad(model, image, { target: "cat", samples: 25, seed: 7 });
 */
export const smoothGrad: ExplainsInSteps<SmoothGradOptions> = /* @__PURE__ */ perTargetInSteps(
  /* @__PURE__ */ byPasses(beginSmoothGrad),
);

/** A pass per noisy input. */
async function beginSmoothGrad(
  given: Model,
  input: Input,
  unsettled: SmoothGradOptions,
): Promise<Passes<Float32Array>> {
  const options = settledOptions(smoothGradFacts, unsettled);
  const model = loaded(given);
  const samples = sampleCount(options.samples, 50, { noise: options.noise });
  const batchSize = batchOf(model, options.batchSize, 4);
  const target = resolveTarget(model, options.target);
  const at = attributedValue(model, options, target);
  const data = model.prepare(input);
  const noisy = noisyInputs(model, data, options, new Random(options.seed));
  const { signal } = options;
  const { score, report } = await forwardPass(model, data, target, [], signal);

  const moments = new Moments(model.sampleSize(at));
  let drawn = 0;
  return {
    count: samples,
    batchSize,
    resultBytes: Float32Array.BYTES_PER_ELEMENT * model.sampleSize(at),
    async make(passes) {
      // One stream of noise, whoever makes the samples before these.
      for (; drawn < passes[0]; drawn++) noisy.next();
      const points = passes.map(() => noisy.next());
      drawn += points.length;
      return gradientsAtPoints(model, { points, at, target, score, signal });
    },
    take(gradients) {
      for (const gradient of Array.from(gradients)) moments.add(gradient);
    },
    attribution: () =>
      finishAttribution(model, input, {
        method: "smooth-grad",
        target: report,
        values: model.tensor(at, moments.of("smoothgrad")),
        effect: effectOf(moments.of("smoothgrad"), data),
        ...(options.layer !== undefined && { layer: options.layer }),
        notes: targetNotes(model, options, score, target.value),
        options: { ...options, samples, stdev: noisy.stdev },
      }),
  };
}
