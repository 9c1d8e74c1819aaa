import { ablationCamFacts } from "./ablation-cam";
import { attentionRelevanceFacts } from "./attention-relevance";
import { attentionRolloutFacts } from "./attention-rollout";
import { camFacts } from "./cam";
import { dRiseFacts } from "./d-rise";
import { deconvnetFacts } from "./deconvnet";
import { deepLiftFacts } from "./deep-lift";
import { deepLiftShapFacts } from "./deep-lift-shap";
import { eigenCamFacts } from "./eigen-cam";
import { excitationBackpropFacts } from "./excitation-backprop";
import type { MethodFacts } from "./facts";
import { fullGradFacts } from "./full-grad";
import { gradCamFacts } from "./grad-cam";
import { gradCamPlusPlusFacts } from "./grad-cam-plus-plus";
import { gradientShapFacts } from "./gradient-shap";
import { guidedBackpropFacts } from "./guided-backprop";
import { guidedGradCamFacts } from "./guided-grad-cam";
import { hiResCamFacts } from "./hi-res-cam";
import { inputXGradientFacts } from "./input-x-gradient";
import { integratedGradientsFacts } from "./integrated-gradients";
import { kernelShapFacts } from "./kernel-shap";
import { layerCamFacts } from "./layer-cam";
import { limeFacts } from "./lime";
import { lrpFacts } from "./lrp";
import { occlusionFacts } from "./occlusion";
import { reciproCamFacts } from "./recipro-cam";
import { riseFacts } from "./rise";
import { saliencyFacts } from "./saliency";
import { scoreCamFacts } from "./score-cam";
import { smoothGradFacts } from "./smooth-grad";
import { xGradCamFacts } from "./x-grad-cam";

/** Every attribution method, in the order in which they are listed everywhere. */
export const methodTable = [
  saliencyFacts,
  inputXGradientFacts,
  smoothGradFacts,
  integratedGradientsFacts,
  deepLiftFacts,
  deepLiftShapFacts,
  lrpFacts,
  excitationBackpropFacts,
  gradientShapFacts,
  deconvnetFacts,
  guidedBackpropFacts,
  guidedGradCamFacts,
  fullGradFacts,
  camFacts,
  gradCamFacts,
  gradCamPlusPlusFacts,
  layerCamFacts,
  xGradCamFacts,
  hiResCamFacts,
  eigenCamFacts,
  scoreCamFacts,
  ablationCamFacts,
  reciproCamFacts,
  attentionRolloutFacts,
  attentionRelevanceFacts,
  occlusionFacts,
  riseFacts,
  limeFacts,
  kernelShapFacts,
] as const satisfies readonly MethodFacts[];

/** Methods of detectors alone: `explain` knows them too, but no list of what explains any network has them. */
export const detectorMethods = [dRiseFacts] as const satisfies readonly MethodFacts[];

/** All of them. */
export const allMethods = /* @__PURE__ */ [...methodTable, ...detectorMethods] as const;

/** What `explain` and the command line call a method. */
export type MethodName = (typeof allMethods)[number]["name"];

/** The facts of a method; undefined where the library has none of that name. */
export const factsOf = (name: string): MethodFacts | undefined => allMethods.find((facts) => facts.name === name);
