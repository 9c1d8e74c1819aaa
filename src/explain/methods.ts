import { ablationCam } from "./ablation-cam";
import { attentionRelevance } from "./attention-relevance";
import { attentionRollout } from "./attention-rollout";
import { cam } from "./cam";
import { dRise } from "./d-rise";
import { deconvnet } from "./deconvnet";
import { deepLift } from "./deep-lift";
import { deepLiftShap } from "./deep-lift-shap";
import { eigenCam } from "./eigen-cam";
import { excitationBackprop } from "./excitation-backprop";
import { fullGrad } from "./full-grad";
import { gradCam } from "./grad-cam";
import { gradCamPlusPlus } from "./grad-cam-plus-plus";
import { gradientShap } from "./gradient-shap";
import { guidedBackprop } from "./guided-backprop";
import { guidedGradCam } from "./guided-grad-cam";
import { hiResCam } from "./hi-res-cam";
import { inputXGradient } from "./input-x-gradient";
import { integratedGradients } from "./integrated-gradients";
import { kernelShap } from "./kernel-shap";
import { layerCam } from "./layer-cam";
import { lime } from "./lime";
import { lrp } from "./lrp";
import { occlusion } from "./occlusion";
import { reciproCam } from "./recipro-cam";
import { rise } from "./rise";
import { saliency } from "./saliency";
import { scoreCam } from "./score-cam";
import { smoothGrad } from "./smooth-grad";
import { xGradCam } from "./x-grad-cam";

/** The function of every method, by its name in the library; what is known of each stands in `methods/table.ts`. */
export const methodFunctions = {
  ablationCam,
  attentionRelevance,
  attentionRollout,
  cam,
  dRise,
  deconvnet,
  deepLift,
  deepLiftShap,
  eigenCam,
  excitationBackprop,
  fullGrad,
  gradCam,
  gradCamPlusPlus,
  gradientShap,
  guidedBackprop,
  guidedGradCam,
  hiResCam,
  inputXGradient,
  integratedGradients,
  kernelShap,
  layerCam,
  lime,
  lrp,
  occlusion,
  reciproCam,
  rise,
  saliency,
  scoreCam,
  smoothGrad,
  xGradCam,
};
