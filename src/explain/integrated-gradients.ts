import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Baseline, baselineData, baselineNotes } from "../attribution/baseline";
import { finishAttribution } from "../attribution/finish";
import { attributedValue, gradientsAtPoints, targetNotes } from "../attribution/gradients/gradient";
import { type QuadratureRule, quadrature } from "../attribution/gradients/quadrature";
import { byPasses, type Passes } from "../attribution/passes";
import { type Explains, perTarget } from "../attribution/several-targets";
import type { PassResult } from "../engine/session";
import { integratedGradientsFacts } from "../methods/integrated-gradients";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { reportOf, scoreOf } from "../model/score";
import { note } from "../notes";
import { batchOf } from "../pace/batch";

export interface IntegratedGradientsOptions extends ExplainOptions, LayerOptions {
  /** Points on the path; default 50. */
  readonly nSteps?: number;
  /** Default 'gauss-legendre'. */
  readonly rule?: QuadratureRule;
  /** Where the path starts; default 'zero', in the network's input space. */
  readonly baseline?: Baseline;
  /** Points per pass; more takes more memory; default up to 4, as many as suit the cache. */
  readonly batchSize?: number;
}

/**
 * Integrated gradients: the gradient averaged along the straight path from a baseline to the input.
 *
 *   attribution = (x − x′) ⊙ Σᵢ wᵢ · ∂s/∂x (x′ + αᵢ·(x − x′))
 *
 * Sundararajan, Taly & Yan 2017, https://arxiv.org/abs/1703.01365. Matches Captum's `IntegratedGradients` with the
 * Gauss–Legendre rule; at a `layer` it is Captum's `LayerIntegratedGradients`, with the path between the two activations.
 * The values sum to s(x) − s(x′); `convergenceDelta` is by how much they miss it.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or paths lead around it
 * @throws {OptionError} if `nSteps`, `rule`, `baseline` or `batchSize` is out of range
 */
export const integratedGradients: Explains<IntegratedGradientsOptions> = /* @__PURE__ */ perTarget(
  /* @__PURE__ */ byPasses(beginIntegratedGradients),
);

/** A pass per point of the path. */
async function beginIntegratedGradients(
  given: Model,
  input: Input,
  unsettled: IntegratedGradientsOptions,
): Promise<Passes<Float32Array>> {
  const options = settledOptions(integratedGradientsFacts, unsettled);
  const { nSteps, rule, baseline } = options;
  const { alphas, weights } = quadrature(rule, nSteps);
  const model = loaded(given);
  const batchSize = batchOf(model, options.batchSize, 4);
  const target = resolveTarget(model, options.target);
  const data = model.prepare(input);
  const start = attributedValue(model, options, target);
  const from = baselineData(model, data, baseline);

  const { signal } = options;
  const ends: PassResult["values"][] = [];
  for (const point of [data, from]) {
    const { values } = await model.watchedPass({ data: point, keep: [...new Set([target.value, start])] }, signal);
    ends.push(values);
  }
  const [x, xBaseline] = ends.map((values) => values.get(start) as Float32Array);
  const [value, valueBaseline] = ends.map((values) => values.get(target.value) as Float32Array);
  const score = target.choose(value);

  const sum = new Float64Array(x.length);
  return {
    count: nSteps,
    batchSize,
    resultBytes: x.byteLength,
    async make(first, end) {
      const points = alphas
        .slice(first, end)
        .map((alpha) => x.map((element, i) => xBaseline[i] + alpha * (element - xBaseline[i])));
      return gradientsAtPoints(model, { points, start, at: start, target, score, signal });
    },
    take(gradients, first) {
      Array.from(gradients).forEach((gradient, k) => {
        const weight = weights[first + k];
        for (let i = 0; i < x.length; i++) sum[i] += weight * gradient[i];
      });
    },
    attribution,
  };

  async function attribution(): Promise<Attribution> {
    const values = x.map((element, i) => (element - xBaseline[i]) * sum[i]);
    const difference = scoreOf(score, value) - scoreOf(score, valueBaseline);
    return finishAttribution(model, input, {
      method: "integrated-gradients",
      target: reportOf(score, value),
      values: model.tensor(start, values),
      ...(options.layer !== undefined && { layer: options.layer }),
      convergenceDelta: values.reduce((total, element) => total + element, 0) - difference,
      notes: [
        ...targetNotes(model, options, score, target.value),
        ...baselineNotes(model, from),
        ...(difference === 0 ? [note("target-equals-baseline")] : []),
      ],
      options: { ...options },
    });
  }
}
