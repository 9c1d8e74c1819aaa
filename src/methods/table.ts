/**
 * Every method: the only list of what is known of them. Beside it `explain/methods.ts` lists their functions.
 *
 * How to add a method:
 *
 *  1. Write its facts, and the same in words for people, in a file of its own here (`facts.ts` says what belongs into them).
 *  2. Give them a line in each of the two lists below.
 *  3. Write its function in a file of its own in `explain/`, and give that a line in `explain/methods.ts` and one in `api.ts`.
 */
import { ablationCamFacts, ablationCamWords } from "./ablation-cam";
import { attentionRelevanceFacts, attentionRelevanceWords } from "./attention-relevance";
import { attentionRolloutFacts, attentionRolloutWords } from "./attention-rollout";
import { camFacts, camWords } from "./cam";
import { dRiseFacts, dRiseWords } from "./d-rise";
import { deconvnetFacts, deconvnetWords } from "./deconvnet";
import { deepLiftFacts, deepLiftWords } from "./deep-lift";
import { deepLiftShapFacts, deepLiftShapWords } from "./deep-lift-shap";
import { eigenCamFacts, eigenCamWords } from "./eigen-cam";
import { excitationBackpropFacts, excitationBackpropWords } from "./excitation-backprop";
import type { MethodFacts, MethodWords } from "./facts";
import { fullGradFacts, fullGradWords } from "./full-grad";
import { gradCamFacts, gradCamWords } from "./grad-cam";
import { gradCamPlusPlusFacts, gradCamPlusPlusWords } from "./grad-cam-plus-plus";
import { gradientShapFacts, gradientShapWords } from "./gradient-shap";
import { guidedBackpropFacts, guidedBackpropWords } from "./guided-backprop";
import { guidedGradCamFacts, guidedGradCamWords } from "./guided-grad-cam";
import { hiResCamFacts, hiResCamWords } from "./hi-res-cam";
import { inputXGradientFacts, inputXGradientWords } from "./input-x-gradient";
import { integratedGradientsFacts, integratedGradientsWords } from "./integrated-gradients";
import { kernelShapFacts, kernelShapWords } from "./kernel-shap";
import { layerCamFacts, layerCamWords } from "./layer-cam";
import { limeFacts, limeWords } from "./lime";
import { lrpFacts, lrpWords } from "./lrp";
import { occlusionFacts, occlusionWords } from "./occlusion";
import { reciproCamFacts, reciproCamWords } from "./recipro-cam";
import { riseFacts, riseWords } from "./rise";
import { saliencyFacts, saliencyWords } from "./saliency";
import { scoreCamFacts, scoreCamWords } from "./score-cam";
import { smoothGradFacts, smoothGradWords } from "./smooth-grad";
import { xGradCamFacts, xGradCamWords } from "./x-grad-cam";

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

/** Every method in words, by its name. */
export const methodWords: Readonly<Record<MethodName, MethodWords>> = {
  saliency: saliencyWords,
  "input-x-gradient": inputXGradientWords,
  "smooth-grad": smoothGradWords,
  "integrated-gradients": integratedGradientsWords,
  "deep-lift": deepLiftWords,
  "deep-lift-shap": deepLiftShapWords,
  lrp: lrpWords,
  "excitation-backprop": excitationBackpropWords,
  "gradient-shap": gradientShapWords,
  deconvnet: deconvnetWords,
  "guided-backprop": guidedBackpropWords,
  "guided-grad-cam": guidedGradCamWords,
  "full-grad": fullGradWords,
  cam: camWords,
  "grad-cam": gradCamWords,
  "grad-cam-plus-plus": gradCamPlusPlusWords,
  "layer-cam": layerCamWords,
  "x-grad-cam": xGradCamWords,
  "hi-res-cam": hiResCamWords,
  "eigen-cam": eigenCamWords,
  "score-cam": scoreCamWords,
  "ablation-cam": ablationCamWords,
  "recipro-cam": reciproCamWords,
  "attention-rollout": attentionRolloutWords,
  "attention-relevance": attentionRelevanceWords,
  occlusion: occlusionWords,
  rise: riseWords,
  lime: limeWords,
  "kernel-shap": kernelShapWords,
  "d-rise": dRiseWords,
};
