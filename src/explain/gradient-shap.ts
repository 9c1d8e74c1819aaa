import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Baseline, baselineData, baselineList, baselineNotes } from "../attribution/baseline";
import { finishAttribution } from "../attribution/finish";
import {
  attributedValue,
  type ForwardPass,
  forwardPass,
  gradientsAtPoints,
  targetNotes,
} from "../attribution/gradients/gradient";
import { type NoiseOptions, noisyInputs, sampleCount } from "../attribution/gradients/noisy-inputs";
import { type Explains, perTarget } from "../attribution/several-targets";
import { show } from "../checks";
import { OptionError } from "../errors";
import { entryOf } from "../guard";
import { gradientShapFacts } from "../methods/gradient-shap";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { joinNotes, note } from "../notes";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";

export interface GradientShapOptions extends ExplainOptions, LayerOptions, Omit<NoiseOptions, "stdev" | "samples"> {
  /** How many points; default 5, or as many as there are in `coefficients` or `noise`. */
  readonly samples?: number;
  /** Standard deviation of the noise on the input, in units of the network's input; default 0: none. */
  readonly stdev?: number;
  /** What the input is compared with; default: zero, the input's mean colour and the input blurred; of a vector zero. */
  readonly baselines?: readonly Baseline[];
  /** Where between baseline (0) and input (1) each sample lies, in place of seeded uniform draws. */
  readonly coefficients?: readonly number[];
  /** Samples per pass; more takes more memory; default up to 4, as many as suit the cache. The values do not depend on it. */
  readonly batchSize?: number;
}

/**
 * GradientSHAP: expected gradients, an estimate of the Shapley values of a model that is linear between a baseline and the input.
 *
 *   attribution = 1/n · Σ_k (x_k − b_k) ⊙ ∂s/∂x (b_k + α_k·(x_k − b_k)),   x_k = x + σ·ε_k,   α_k ~ U(0, 1)
 *
 * Lundberg & Lee 2017, https://arxiv.org/abs/1705.07874; Erion et al. 2019, https://arxiv.org/abs/1906.10670, equation 3. Matches
 * Captum's `GradientShap`, at a `layer` its `LayerGradientShap`, where (x_k − b_k) is the difference of the two activations.
 * Baselines are used in turn (Captum draws each time): sample k has the baseline k mod n of the list if `coefficients` are handed
 * in, else of the list in an order that the seed draws. `convergenceDelta` is Σ values − mean of s(x_k) − s(b_k), which a few
 * random points meet badly: integratedGradients does it for one baseline with fewer.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 * @throws {OptionError} if `samples`, `stdev`, `baselines`, `coefficients` or `batchSize` is out of range
 * @throws {ShapeError} if a tensor of `baselines` or `noise` does not have the input's shape
 * @example
 * const { values } = await gradientShap(model, image, { target: "cat", baselines: ["black", "white", "blur"], samples: 12 });
 */
export const gradientShap: Explains<GradientShapOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: GradientShapOptions): Promise<Attribution> {
  const options = settledOptions(gradientShapFacts, unsettled);
  const { stdev = 0, coefficients, noise, seed, signal } = options;
  const samples = sampleCount(options.samples, 5, { coefficients, noise });
  checkDraws(options);
  const model = loaded(given);
  const baselines = baselineList(model, options.baselines);
  const batchSize = batchOf(model, options.batchSize, 4);
  const pace = createPace(options, samples);
  const target = resolveTarget(model, options.target);
  const at = attributedValue(model, options, target);
  const data = model.prepare(input);
  const random = new Random(seed);
  const alphas = coefficients ?? Array.from({ length: samples }, () => random.uniform());
  const order = coefficients ? [...baselines.keys()] : random.permutation(baselines.length);
  const noisy = noisyInputs(model, data, { stdev, noise }, random);
  const plain = await forwardPass(model, data, target, [at], signal);
  const { score } = plain;
  const endOf = (point: Float32Array, { values, report }: ForwardPass): End => ({
    point,
    value: entryOf(values, at),
    score: report.score,
  });
  const end = async (point: Float32Array): Promise<End> =>
    endOf(point, await forwardPass(model, point, { ...target, choose: () => score }, [at], signal));
  const x = endOf(data, plain);
  const froms = new Map<number, End>();
  for (const i of order.slice(0, samples)) froms.set(i, await end(baselineData(model, data, baselines[i])));

  const sum = new Float64Array(model.sampleSize(at));
  let difference = 0;
  for (let done = 0; done < samples; ) {
    const group: { from: End; to: End; alpha: number }[] = [];
    for (let k = 0; k < Math.min(batchSize, samples - done); k++) {
      const from = entryOf(froms, order[(done + k) % order.length]);
      const to = stdev === 0 ? x : await end(noisy.next());
      difference += (to.score - from.score) / samples;
      group.push({ from, to, alpha: alphas[done + k] });
    }
    const points = group.map(({ from, to, alpha }) =>
      to.point.map((value, i) => from.point[i] + alpha * (value - from.point[i])),
    );
    const gradients = await gradientsAtPoints(model, { points, at, target, score, signal });
    gradients.forEach((gradient, k) => {
      const { from, to } = group[k];
      for (let i = 0; i < sum.length; i++) sum[i] += (to.value[i] - from.value[i]) * gradient[i];
    });
    done += group.length;
    await pace.step(done);
  }
  const values = Float32Array.from(sum, (total) => total / samples);
  return finishAttribution(model, input, {
    method: "gradient-shap",
    target: plain.report,
    values: model.tensor(at, values),
    ...(options.layer !== undefined && { layer: options.layer }),
    convergenceDelta: values.reduce((total, value) => total + value, 0) - difference,
    notes: joinNotes(
      targetNotes(model, options, score, target.value),
      [...froms.values()].flatMap(({ point }) => baselineNotes(model, point)),
      difference === 0 ? [note("target-equals-baseline")] : [],
    ),
    options: { ...options, samples, stdev, baselines },
  });
}

/** One end of a path: a point of the input space, what it is at the attributed value, and its score. */
interface End {
  readonly point: Float32Array;
  readonly value: Float32Array;
  readonly score: number;
}

function checkDraws({ coefficients = [], noise, stdev }: GradientShapOptions): void {
  const wrong = coefficients.findIndex((value) => !(value >= 0 && value <= 1));
  if (wrong >= 0) {
    throw new OptionError(`coefficients lie between 0 and 1; number ${wrong} is ${show(coefficients[wrong])}.`);
  }
  if (noise !== undefined && stdev === undefined) {
    throw new OptionError("noise is multiplied by stdev, which is 0 unless it is given: give both.");
  }
}
