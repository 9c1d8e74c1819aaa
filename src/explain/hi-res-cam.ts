import type { CamOptions } from "../attribution/maps/cam-run";
import { byWeighing, elementwiseMap } from "../attribution/maps/weighed-cam";
import type { Explains } from "../attribution/several-targets";
import { hiResCamFacts } from "../methods/hi-res-cam";

/**
 * HiResCAM: each place of a layer's maps weighed by the gradient at that very place. Where the rest of the network is linear
 * in the layer the values are the exact shares of the score, which Grad-CAM's are not.
 *
 *   attribution = Σ_k ∂s/∂A_k ⊙ A_k
 *
 * Draelos & Carin 2020, https://arxiv.org/abs/2011.08891, equation 5. Matches pytorch-grad-cam's `HiResCAM` before ReLU and
 * scaling, and Captum's `LayerGradientXActivation` summed over channels.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 * @example
 * const attribution = await hiResCam(model, image, { target: "cat" });
 */
export const hiResCam: Explains<CamOptions> = /* @__PURE__ */ byWeighing({
  facts: hiResCamFacts,
  map: (maps) => elementwiseMap(maps),
});
