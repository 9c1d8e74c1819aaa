import { type Input, loaded, type Model } from "../model/model";
import { resolveTarget } from "../model/target";
import type { Attribution, ExplainOptions, LayerOptions } from "./attribution";
import { batchOf } from "./batch";
import { attributedValue, forwardPass, gradientsAtPoints, inputSize, targetNotes } from "./gradient";
import { Moments } from "./moments";
import { type NoiseOptions, noisyInputs, sampleCount } from "./noisy-inputs";
import { createPace } from "./pace";
import { Random } from "./random";
import { makeRecipe } from "./recipe";

export interface SmoothGradOptions extends ExplainOptions, LayerOptions, NoiseOptions {
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
 * @returns attribution, same shape as the input (or the layer), signed, in score units per input unit
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 * @throws {OptionError} if `samples`, `stdev` or `batchSize` is out of range; {ShapeError} if `noise` does not fit
 * @example
 * const attribution = await smoothGrad(model, image, { target: "cat", samples: 25, seed: 7 });
 */
export async function smoothGrad(given: Model, input: Input, options: SmoothGradOptions = {}): Promise<Attribution> {
  const model = loaded(given);
  const samples = sampleCount(options.samples, 50, { noise: options.noise });
  const batchSize = batchOf(model, options.batchSize, 4);
  const pace = createPace(options, samples);
  const target = resolveTarget(model, options.target);
  const at = attributedValue(model, options, target);
  const data = model.prepare(input);
  const noisy = noisyInputs(model, data, options, new Random(options.seed ?? 0));
  const { score, report } = forwardPass(model, data, target, []);

  const moments = new Moments(model.sampleSize(at));
  for (let done = 0; done < samples; ) {
    const points = Array.from({ length: Math.min(batchSize, samples - done) }, () => noisy.next());
    for (const gradient of gradientsAtPoints(model, { points, at, target, score })) moments.add(gradient);
    done += points.length;
    await pace.step(done);
  }
  return {
    method: "smooth-grad",
    target: report,
    values: model.tensor(at, moments.of("smoothgrad")),
    inputSize: inputSize(model),
    ...(options.layer !== undefined && { layer: options.layer }),
    notes: targetNotes(model, options, score, target.value),
    recipe: await makeRecipe(model, "smooth-grad", { ...options, samples, stdev: noisy.stdev }),
  };
}
