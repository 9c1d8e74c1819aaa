import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Baseline, baselineData, baselineNotes } from "../attribution/baseline";
import { finishAttribution } from "../attribution/finish";
import { attributedValue, gradientsAtPoints, targetNotes } from "../attribution/gradients/gradient";
import { halvingOrder, nearestShares, type QuadratureRule, quadrature } from "../attribution/gradients/quadrature";
import { byPasses, mostPartBytes, type Passes } from "../attribution/passes";
import type { BudgetOptions } from "../attribution/refinement";
import { type ExplainsInSteps, perTargetInSteps } from "../attribution/several-targets";
import type { PassResult } from "../engine/session";
import { entryOf } from "../guard";
import { integratedGradientsFacts } from "../methods/integrated-gradients";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { reportOf, scoreOf } from "../model/score";
import { note } from "../notes";
import { batchOf } from "../pace/batch";

export interface IntegratedGradientsOptions extends ExplainOptions, LayerOptions, BudgetOptions {
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
export const integratedGradients: ExplainsInSteps<IntegratedGradientsOptions> = /* @__PURE__ */ perTargetInSteps(
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
  const [x, xBaseline] = ends.map((values) => entryOf(values, start));
  const [value, valueBaseline] = ends.map((values) => entryOf(values, target.value));
  const score = target.choose(value);

  const sum = new Float64Array(x.length);
  let summed = 0;
  const add = (to: Float64Array, weight: number, gradient: Float32Array): void => {
    for (let i = 0; i < x.length; i++) to[i] += weight * gradient[i];
  };
  // Out of their order gradients are kept, so that in the end they are summed in it.
  const kept = new Map<number, Float32Array>();
  const order = halvingOrder(nSteps);
  return {
    count: nSteps,
    batchSize,
    resultBytes: x.byteLength,
    order,
    least: nSteps * x.byteLength > mostPartBytes ? Number.POSITIVE_INFINITY : 1,
    async make(passes) {
      const points = passes.map((pass) =>
        x.map((element, i) => xBaseline[i] + alphas[pass] * (element - xBaseline[i])),
      );
      return gradientsAtPoints(model, { points, start, at: start, target, score, signal });
    },
    take(gradients, passes) {
      const inOrder = passes[0] === summed && kept.size === 0;
      Array.from(gradients).forEach((gradient, k) => {
        if (inOrder) add(sum, weights[passes[k]], gradient);
        // A view of a batch would keep all of it, which is as large; its memory is used for the next.
        else kept.set(passes[k], gradient.slice());
      });
      if (inOrder) summed += passes.length;
    },
    attribution: () => attribution(kept.size > 0 ? sumOfKept() : sum),
  };

  /** All gradients in their order; while some are missing, each with its own weight and those of the points that it is nearest to. */
  function sumOfKept(): Float64Array {
    const known = [...kept.keys()].sort((a, b) => a - b);
    const shares = nearestShares(alphas, weights, known);
    const total = new Float64Array(x.length);
    known.forEach((pass, k) => {
      add(total, shares[k], kept.get(pass) as Float32Array);
    });
    return total;
  }

  async function attribution(mean: Float64Array): Promise<Attribution> {
    const values = x.map((element, i) => (element - xBaseline[i]) * mean[i]);
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
