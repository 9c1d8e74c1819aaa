import type { CamOptions } from "../attribution/maps/cam-run";
import { byWeighing, channelSums, weighedMap } from "../attribution/maps/weighed-cam";
import type { Explains } from "../attribution/several-targets";
import { xGradCamFacts } from "../methods/x-grad-cam";

/**
 * XGrad-CAM: Grad-CAM with the gradient averaged by weight of activation, so that the map sums as nearly as one weight per
 * map allows to the score's first-order share.
 *
 *   attribution = Σ_k w_k · A_k,   w_k = Σ (∂s/∂A_k ⊙ A_k) / (Σ A_k + 1e-7)
 *
 * Fu et al. 2020, https://arxiv.org/abs/2008.02312, equation 9. Matches pytorch-grad-cam's `XGradCAM` before ReLU and scaling.
 * Maps that are negative in places may sum to nearly zero; their weight is then arbitrary. Rectified layers have none.
 * Of a `{ detection }` all places are those that the box's score is computed from: sums and means are over them, and the map is zero elsewhere.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 */
export const xGradCam: Explains<CamOptions> = /* @__PURE__ */ byWeighing({
  facts: xGradCamFacts,
  map: ({ activation, gradient, channels }) => {
    const sums = channelSums(activation.length, channels, (i) => activation[i]);
    const shares = channelSums(activation.length, channels, (i) => gradient[i] * activation[i]);
    return weighedMap(
      activation,
      shares.map((share, k) => share / (sums[k] + 1e-7)),
    );
  },
});
