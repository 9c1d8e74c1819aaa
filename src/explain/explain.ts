import type { Attribution, LayerOptions } from "../attribution/attribution";
import { withMethods } from "../attribution/attribution-methods";
import type { AttentionOptions } from "../attribution/maps/attention-run";
import type { PerturbedCamOptions } from "../attribution/maps/perturbed-cam";
import type { SeveralTargets } from "../attribution/several-targets";
import { checkBag, show } from "../checks";
import { OptionError } from "../errors";
import { ownOptions, takes, unusedNotes } from "../methods/own-options";
import { type MethodName, methodTable } from "../methods/table";
import type { Input, Model } from "../model/model";
import { suggest } from "../nearest";
import { joinNotes } from "../notes";
import { ablationCam } from "./ablation-cam";
import { attentionRelevance } from "./attention-relevance";
import { attentionRollout } from "./attention-rollout";
import { cam } from "./cam";
import { type DRiseOptions, dRise } from "./d-rise";
import { deconvnet } from "./deconvnet";
import { type DeepLiftOptions, deepLift } from "./deep-lift";
import { type DeepLiftShapOptions, deepLiftShap } from "./deep-lift-shap";
import { eigenCam } from "./eigen-cam";
import { excitationBackprop } from "./excitation-backprop";
import { fullGrad } from "./full-grad";
import { gradCam } from "./grad-cam";
import { gradCamPlusPlus } from "./grad-cam-plus-plus";
import { type GradientShapOptions, gradientShap } from "./gradient-shap";
import { guidedBackprop } from "./guided-backprop";
import { type GuidedGradCamOptions, guidedGradCam } from "./guided-grad-cam";
import { hiResCam } from "./hi-res-cam";
import { inputXGradient } from "./input-x-gradient";
import { type IntegratedGradientsOptions, integratedGradients } from "./integrated-gradients";
import { type KernelShapOptions, kernelShap } from "./kernel-shap";
import { layerCam } from "./layer-cam";
import { type LimeOptions, lime } from "./lime";
import { type LrpOptions, lrp } from "./lrp";
import { type NoiseTunnelOptions, noiseTunnel } from "./noise-tunnel";
import { type OcclusionOptions, occlusion } from "./occlusion";
import { type ReciproCamOptions, reciproCam } from "./recipro-cam";
import { type RiseOptions, rise } from "./rise";
import { saliency } from "./saliency";
import { scoreCam } from "./score-cam";
import { type SmoothGradOptions, smoothGrad } from "./smooth-grad";
import { xGradCam } from "./x-grad-cam";

/** The function of every method of the table. */
export const methodFunctions: Readonly<
  Record<MethodName, (model: Model, input: Input, options?: MethodOptions) => Promise<Attribution>>
> = {
  saliency,
  "input-x-gradient": inputXGradient,
  "smooth-grad": smoothGrad,
  "integrated-gradients": integratedGradients,
  "deep-lift": deepLift,
  "deep-lift-shap": deepLiftShap,
  lrp,
  "excitation-backprop": excitationBackprop,
  "gradient-shap": gradientShap,
  deconvnet,
  "guided-backprop": guidedBackprop,
  "guided-grad-cam": guidedGradCam,
  "full-grad": fullGrad,
  cam,
  "grad-cam": gradCam,
  "grad-cam-plus-plus": gradCamPlusPlus,
  "layer-cam": layerCam,
  "x-grad-cam": xGradCam,
  "hi-res-cam": hiResCam,
  "eigen-cam": eigenCam,
  "score-cam": scoreCam,
  "ablation-cam": ablationCam,
  "recipro-cam": reciproCam,
  "attention-rollout": attentionRollout,
  "attention-relevance": attentionRelevance,
  occlusion,
  rise,
  lime,
  "kernel-shap": kernelShap,
  "d-rise": dRise as (model: Model, input: Input, options?: MethodOptions) => Promise<Attribution>,
};

/** The options of all methods; each method reads its own, and a note names those that it does not. */
export type MethodOptions = LayerOptions &
  PerturbedCamOptions &
  IntegratedGradientsOptions &
  DeepLiftOptions &
  DeepLiftShapOptions &
  LrpOptions &
  SmoothGradOptions &
  GradientShapOptions &
  GuidedGradCamOptions &
  AttentionOptions &
  ReciproCamOptions &
  OcclusionOptions &
  RiseOptions &
  LimeOptions &
  KernelShapOptions &
  Partial<DRiseOptions>;

/** The names `explain` takes for any network; of one with attention also "attention-rollout" and "attention-relevance", of a detector's boxes "d-rise". */
export const methodNames: readonly MethodName[] = /* @__PURE__ */ methodTable.flatMap(({ name, needs }) =>
  needs.some((need) => need === "attention") ? [] : [name],
);

/** What `explain` takes: the options of the method, and which that is. */
export interface ExplainMethod {
  /** Default 'grad-cam'. */
  readonly method?: MethodName;
  /** Settings of `noiseTunnel` around the method: recipes have them there. */
  readonly noiseTunnel?: NoiseTunnelOptions;
}

/**
 * Explains a prediction by a method chosen by name. A result's recipe repeats it, on any instance:
 * `explain(model, input, { ...recipe.options, method: recipe.method, seed: recipe.seed })`.
 *
 * @param options.targets  several targets, for a list of attributions; of gradient methods and class activation maps
 * @param options.method  default 'grad-cam'; the other options are those of the method
 * @throws {OptionError} if the method is unknown, or an option is one of no method; whatever the method throws
 * @example
 * const attribution = await explain(model, image, { method: "integrated-gradients", target: "cat" });
 */
export function explain(
  model: Model,
  input: Input,
  given: Omit<MethodOptions, "target"> & ExplainMethod & SeveralTargets,
): Promise<Attribution[]>;
/**
 * One target, the option `target`.
 *
 * @throws as with several
 */
export function explain(model: Model, input: Input, given?: MethodOptions & ExplainMethod): Promise<Attribution>;
export async function explain(
  model: Model,
  input: Input,
  given: MethodOptions & ExplainMethod & Partial<SeveralTargets> = {},
): Promise<Attribution | Attribution[]> {
  checkBag("explain", given, ["target"]);
  const { method = "grad-cam", noiseTunnel: noisy, ...options } = given;
  if (typeof method !== "string" || !Object.hasOwn(methodFunctions, method)) {
    throw new OptionError(
      `There is no method ${show(method)}.${suggest(method, Object.keys(methodFunctions))} Methods: ${Object.keys(methodFunctions).join(", ")}.`,
    );
  }
  if (options.targets !== undefined && (noisy !== undefined || !takes(method, "targets"))) {
    throw new OptionError(
      `${noisy === undefined ? method : "noiseTunnel"} explains one target at a time: call explain for each of targets.`,
    );
  }
  const { own, unused } = ownOptions(method, options);
  const plain = methodFunctions[method];
  const attribute = noisy === undefined ? plain : noiseTunnel((...call) => plain(...call), noisy);
  const found: Attribution | readonly Attribution[] = await attribute(model, input, own);
  const notes = unusedNotes(method, unused);
  const noted = (each: Attribution): Attribution =>
    notes.length === 0
      ? each
      : withMethods({ ...each, notes: joinNotes(each.notes, notes) }, Object.keys(each.byInput)[0]);
  return Array.isArray(found) ? found.map(noted) : noted(found as Attribution);
}
