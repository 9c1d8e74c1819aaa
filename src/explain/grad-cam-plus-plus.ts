import type { CamOptions } from "../attribution/maps/cam-run";
import { byWeighing, channelSums, weighedMap } from "../attribution/maps/weighed-cam";
import type { Explains } from "../attribution/several-targets";
import { gradCamPlusPlusFacts } from "../methods/grad-cam-plus-plus";
import { note } from "../notes";

/**
 * Grad-CAM++: a layer's maps, each weighed by its positive gradients, of which the ones that few places share count more, so
 * that several objects of the class are found alike.
 *
 *   attribution = Σ_k w_k · A_k,   w_k = Σ α · max(g, 0),   α = g² / (2g² + g³ · Σ A_k + 1e-6)   with g = ∂s/∂A_k, α = 0 where g = 0
 *
 * Chattopadhyay et al. 2017, https://arxiv.org/abs/1710.11063, equations 5 and 19. Matches pytorch-grad-cam's `GradCAMPlusPlus`
 * before ReLU and scaling. The 1e-6 is not relative: gradients below about 1e-3 (large maps, targets that are means) count less.
 * Of a `{ detection }` all places are those that the box's score is computed from: sums and means are over them, and the map is zero elsewhere.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, negative only where activations are; of `layers`
 *   `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 */
export const gradCamPlusPlus: Explains<CamOptions> = /* @__PURE__ */ byWeighing({
  facts: gradCamPlusPlusFacts,
  effect: "flow",
  map: ({ activation, gradient, channels }) => {
    const sums = channelSums(activation.length, channels, (i) => activation[i]);
    const weights = channelSums(activation.length, channels, (i) => {
      const g = gradient[i];
      return g > 0 ? (g * g * g) / (2 * g * g + sums[i % channels] * g * g * g + 1e-6) : 0;
    });
    return weighedMap(activation, weights);
  },
  notes: () => [note("hardly-about-the-target")],
});
