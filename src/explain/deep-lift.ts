import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Baseline, baselineData, baselineNotes } from "../attribution/baseline";
import { type Found, finishAttribution } from "../attribution/finish";
import { targetNotes } from "../attribution/gradients/gradient";
import { quadrature } from "../attribution/gradients/quadrature";
import { throughLens } from "../attribution/rules/lens";
import { rescale } from "../attribution/rules/rescale";
import { type Explains, perTarget } from "../attribution/several-targets";
import { throwIfAborted } from "../checks";
import { leadsAround } from "../engine/plan";
import type { Backward } from "../engine/session";
import { entryOf } from "../guard";
import { deepLiftFacts } from "../methods/deep-lift";
import { settledOptions } from "../methods/settled-options";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import type { ScoredTarget } from "../model/score";
import { reportOf, type Score, scoreOf, seedBetween } from "../model/score";
import { note } from "../notes";
import type { ValueName } from "../operation/operation";

export interface DeepLiftOptions extends ExplainOptions, LayerOptions {
  /** What the input is compared with; default 'zero', in the network's input space. */
  readonly baseline?: Baseline;
}

/**
 * DeepLIFT with the Rescale rule: what each input value's difference from a baseline contributed to the score's difference.
 *
 *   attribution = m ⊙ (x − x′)     m_in = m_out·Δout/Δin through a non-linearity, the adjoint through a linear layer
 *
 * Shrikumar, Greenside & Kundaje 2017, https://arxiv.org/abs/1704.02685. Matches Captum's `DeepLift` but for two things: through
 * max-pools with overlapping windows contributions add up (Captum overwrites them), and through functions of several numbers
 * (products, softmax, local response and instance normalisation) the gradient is averaged along the path between the two. So the
 * values always sum to s(x) − s(x′); `convergenceDelta` is by how much rounding misses it. Where the difference of a unit is below
 * 1e-10 its gradient is used.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 * @throws {OptionError} if `baseline` is unknown, {ShapeError} if it is a tensor that does not fit
 * @throws {UnsupportedOperatorError} if the network has max-unpooling, naming every such operation
 * @example
 * const { values, convergenceDelta } = await deepLift(model, image, { target: "cat", baseline: "blur" });
 */
export const deepLift: Explains<DeepLiftOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: DeepLiftOptions): Promise<Attribution> {
  const options = settledOptions(deepLiftFacts, unsettled);
  const { baseline } = options;
  throwIfAborted(options.signal);
  const model = loaded(given);
  const request = liftRequest(model, options);
  const data = model.prepare(input);
  const from = baselineData(model, data, baseline);
  const lifted = await lift(model, data, from, request);
  return finishAttribution(model, input, {
    ...liftedFound(model, "deep-lift", options, request, lifted),
    notes: [
      ...targetNotes(model, options, lifted.score, request.target.value),
      ...baselineNotes(model, from),
      ...(lifted.difference === 0 ? [note("target-equals-baseline")] : []),
    ],
  });
}

/** Points on the way between two embeddings: a cosine is a smooth function. */
const likenessPoints = 64;

/** What to attribute, and to what. */
export interface LiftRequest {
  readonly target: ScoredTarget;
  readonly at: ValueName;
  readonly signal: AbortSignal | undefined;
}

/** The contributions of one pair of input and baseline. */
export interface Lifted {
  readonly values: Float32Array;
  readonly score: Score;
  /** The target's own value at the input. */
  readonly value: Float32Array;
  /** s(x) − s(x′). */
  readonly difference: number;
}

export function liftRequest(
  model: LoadedModel,
  { target: asked, layer, signal }: ExplainOptions & LayerOptions,
): LiftRequest {
  const target = resolveTarget(model, asked);
  return { target, at: layer === undefined ? model.fast.input : model.layerBefore(layer, target.value), signal };
}

/** One forward pass of input and baseline as a batch of two, and the multipliers back from the target. */
export async function lift(
  model: LoadedModel,
  data: Float32Array,
  from: Float32Array,
  { target, at, signal }: LiftRequest,
): Promise<Lifted> {
  const both = new Float32Array(2 * data.length);
  both.set(data);
  both.set(from, data.length);
  const chosen = model.networkFor([target.value, at]);
  // A plain baseline makes plain maps, where every maximum is a tie: rounding must not decide which place gets the credit.
  const pooled = chosen.operations.some(({ node }) => node.op.endsWith("MaxPool"));
  const network = throughLens(
    pooled ? model.plain(chosen) : chosen,
    "deep-lift",
    model.dependencies(target.value),
    rescale((name) => model.sampleSize(name)),
  );
  const found: { score?: Score } = {};
  const backward: Backward = {
    seed: target.value,
    wanted: [at],
    write: (gradient, value) => {
      const half = value.length / 2;
      found.score = target.choose(value.subarray(0, half));
      seedBetween(found.score, gradient, value, [0, half], quadrature("gauss-legendre", likenessPoints));
    },
  };
  const pass = { batch: 2, data: both, keep: [...new Set([target.value, at])], backward };
  const { values, gradients } = await model.session.watch(network, pass, signal);
  const score = found.score as Score;
  const [value, x] = [target.value, at].map((name) => entryOf(values, name));
  const half = value.length / 2;
  const multipliers = entryOf(gradients, at).subarray(0, x.length / 2);
  return {
    values: multipliers.map((multiplier, i) => multiplier * (x[i] - x[multipliers.length + i])),
    score,
    value: value.slice(0, half),
    difference: scoreOf(score, value) - scoreOf(score, value, half),
  };
}

/** What was found, but for its notes. Around a layer that not everything passes through its values cannot be complete. */
export function liftedFound(
  model: LoadedModel,
  method: string,
  options: DeepLiftOptions & { readonly baselines?: readonly Baseline[] },
  { target, at }: LiftRequest,
  { values, score, value, difference }: Lifted,
): Found {
  const complete = !leadsAround(model.networkFor([target.value, at]), [target.value], at);
  return {
    method,
    target: reportOf(score, value),
    values: model.tensor(at, values),
    ...(options.layer !== undefined && { layer: options.layer }),
    ...(complete && { convergenceDelta: values.reduce((total, element) => total + element, 0) - difference }),
    options: { ...options },
  };
}
