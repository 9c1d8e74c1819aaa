import { type Input, type LoadedModel, loaded, type Model } from "../model/model";
import { resolveTarget, type Score, scoreOf } from "../model/target";
import type { ValueName } from "../ops/operation";
import type { Attribution, ExplainOptions, LayerOptions } from "./attribution";
import { type Baseline, baselineData, baselineNotes } from "./baseline";
import { batchOf } from "./batch";
import { inputSize, report, seed, targetNotes } from "./gradient";
import { note } from "./notes";
import { createPace } from "./pace";
import { type QuadratureRule, quadrature } from "./quadrature";
import { makeRecipe } from "./recipe";

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
 * @returns attribution, same shape as the input (or the layer), signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or paths lead around it
 * @throws {OptionError} if `nSteps`, `rule`, `baseline` or `batchSize` is out of range
 */
export async function integratedGradients(
  given: Model,
  input: Input,
  options: IntegratedGradientsOptions = {},
): Promise<Attribution> {
  const { nSteps = 50, rule = "gauss-legendre", baseline = "zero" } = options;
  const { alphas, weights } = quadrature(rule, nSteps);
  const model = loaded(given);
  const batchSize = batchOf(model, options.batchSize, 4);
  const pace = createPace(options, nSteps);
  const target = resolveTarget(model, options.target);
  const data = model.prepare(input);
  const start = options.layer === undefined ? model.fast.input : model.layerBefore(options.layer, target.value);
  const from = baselineData(model, data, baseline);

  const ends = [data, from].map(
    (point) => model.pass({ data: point, keep: [...new Set([target.value, start])] }).values,
  );
  const [x, xBaseline] = ends.map((values) => values.get(start) as Float32Array);
  const [value, valueBaseline] = ends.map((values) => values.get(target.value) as Float32Array);
  const score = target.choose(value);

  const sum = new Float64Array(x.length);
  for (let first = 0; first < nSteps; first += batchSize) {
    const batch = Math.min(batchSize, nSteps - first);
    const gradients = gradientsOnPath(
      model,
      start,
      target.value,
      score,
      x,
      xBaseline,
      alphas.slice(first, first + batch),
    );
    for (let sample = 0; sample < batch; sample++) {
      const weight = weights[first + sample];
      for (let i = 0; i < x.length; i++) sum[i] += weight * gradients[sample * x.length + i];
    }
    await pace.step(first + batch);
  }
  const values = x.map((element, i) => (element - xBaseline[i]) * sum[i]);
  const difference = scoreOf(score, value) - scoreOf(score, valueBaseline);
  return {
    method: "integrated-gradients",
    target: report(score, value),
    values: model.tensor(start, values),
    inputSize: inputSize(model),
    ...(options.layer !== undefined && { layer: options.layer }),
    convergenceDelta: values.reduce((total, element) => total + element, 0) - difference,
    notes: [
      ...targetNotes(model, options, score, target.value),
      ...baselineNotes(model, from),
      ...(difference === 0 ? [note("target-equals-baseline")] : []),
    ],
    recipe: await makeRecipe(model, "integrated-gradients", { ...options, nSteps, rule, baseline }),
  };
}

/** The gradient at several points of the path, one sample each. */
function gradientsOnPath(
  model: LoadedModel,
  start: ValueName,
  value: ValueName,
  score: Score,
  x: Float32Array,
  baseline: Float32Array,
  alphas: readonly number[],
): Float32Array {
  const points = new Float32Array(alphas.length * x.length);
  alphas.forEach((alpha, sample) => {
    for (let i = 0; i < x.length; i++) points[sample * x.length + i] = baseline[i] + alpha * (x[i] - baseline[i]);
  });
  const { gradients } = model.pass({
    batch: alphas.length,
    data: points,
    start,
    backward: {
      seed: value,
      wanted: [start],
      write: (gradient) => {
        for (let sample = 0; sample < alphas.length; sample++) seed(score, gradient, sample * model.sampleSize(value));
      },
    },
  });
  return gradients.get(start) as Float32Array;
}
