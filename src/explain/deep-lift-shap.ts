import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Baseline, baselineData, baselineList, baselineNotes } from "../attribution/baseline";
import { finishAttribution } from "../attribution/finish";
import { targetNotes } from "../attribution/gradients/gradient";
import { type Explains, perTarget } from "../attribution/several-targets";
import { deepLiftShapFacts } from "../methods/deep-lift-shap";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { note } from "../notes";
import { createPace } from "../pace/pace";
import { type Lifted, lift, liftedFound, liftRequest } from "./deep-lift";

export interface DeepLiftShapOptions extends ExplainOptions, LayerOptions {
  /** What the input is compared with, one after the other; default: zero, the input's mean colour and the input blurred; of a vector zero. */
  readonly baselines?: readonly Baseline[];
}

/**
 * DeepLIFT averaged over several baselines, an estimate of SHAP values.
 *
 *   attribution = meanₖ deepLift(x, x′ₖ)
 *
 * Lundberg & Lee 2017, https://arxiv.org/abs/1705.07874, section 4.2. Matches Captum's `DeepLiftShap` but for what `deepLift` does
 * differently. The values sum to s(x) − meanₖ s(x′ₖ); `convergenceDelta` is by how much they miss it. The more the baselines
 * look like the data, images of other classes for example, the better the estimate.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 * @throws {OptionError} if `baselines` is empty or has an unknown name, {ShapeError} if a tensor does not fit
 * @throws {UnsupportedOperatorError} if the network has max-unpooling, naming every such operation
 * @example
 * const { values } = await deepLiftShap(model, image, { baselines: ["black", "white", "blur"] });
 */
export const deepLiftShap: Explains<DeepLiftShapOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: DeepLiftShapOptions): Promise<Attribution> {
  const options = settledOptions(deepLiftShapFacts, unsettled);
  const model = loaded(given);
  const baselines = baselineList(model, options.baselines);
  const pace = createPace(options, baselines.length);
  const request = liftRequest(model, options);
  const data = model.prepare(input);
  const points = baselines.map((baseline: Baseline) => baselineData(model, data, baseline));
  const sum = new Float64Array(model.sampleSize(request.at));
  let difference = 0;
  let last: Lifted | undefined;
  for (const [k, point] of points.entries()) {
    last = await lift(model, data, point, request);
    last.values.forEach((value, i) => {
      sum[i] += value;
    });
    difference += last.difference / points.length;
    await pace.step(k + 1);
  }
  const lifted = { ...(last as Lifted), difference, values: Float32Array.from(sum, (value) => value / points.length) };
  const outside = points.flatMap((point) => baselineNotes(model, point)).slice(0, 1);
  return finishAttribution(model, input, {
    ...liftedFound(model, "deep-lift-shap", { ...options, baselines }, request, lifted),
    notes: [
      ...targetNotes(model, options, lifted.score, request.target.value),
      ...outside,
      ...(difference === 0 ? [note("target-equals-baseline")] : []),
    ],
  });
}
