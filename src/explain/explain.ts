import { OptionError } from "../errors";
import type { Input, Model } from "../model/model";
import { suggest } from "../nearest";
import { ablationCam } from "./ablation-cam";
import type { Attribution, LayerOptions } from "./attribution";
import { cam } from "./cam";
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
import { type OcclusionOptions, occlusion } from "./occlusion";
import type { PerturbedCamOptions } from "./perturbed-cam";
import { type RiseOptions, rise } from "./rise";
import { saliency } from "./saliency";
import { scoreCam } from "./score-cam";
import { type SmoothGradOptions, smoothGrad } from "./smooth-grad";
import { xGradCam } from "./x-grad-cam";

/** Every attribution method by name. */
const methods = {
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
  occlusion,
  rise,
  lime,
  "kernel-shap": kernelShap,
} as const satisfies Record<string, (model: Model, input: Input, options?: MethodOptions) => Promise<Attribution>>;

export type MethodName = keyof typeof methods;

/** The options of all methods; each method reads its own. */
export type MethodOptions = LayerOptions &
  PerturbedCamOptions &
  IntegratedGradientsOptions &
  DeepLiftOptions &
  DeepLiftShapOptions &
  LrpOptions &
  SmoothGradOptions &
  GradientShapOptions &
  GuidedGradCamOptions &
  OcclusionOptions &
  RiseOptions &
  LimeOptions &
  KernelShapOptions;

/** The names `explain` takes. */
export const methodNames = /* @__PURE__ */ Object.keys(methods) as readonly MethodName[];

/**
 * Explains a prediction by a method chosen by name.
 *
 * @param options.method  default 'grad-cam'; the other options are those of the method
 * @throws {OptionError} if the method is unknown; whatever the method throws
 * @example
 * const attribution = await explain(model, image, { method: "integrated-gradients", target: "cat" });
 */
export async function explain(
  model: Model,
  input: Input,
  { method = "grad-cam", ...options }: MethodOptions & { readonly method?: MethodName } = {},
): Promise<Attribution> {
  if (typeof method !== "string" || !Object.hasOwn(methods, method)) {
    throw new OptionError(
      `There is no method "${method}".${suggest(String(method), methodNames)} Methods: ${methodNames.join(", ")}.`,
    );
  }
  return methods[method](model, input, options);
}
