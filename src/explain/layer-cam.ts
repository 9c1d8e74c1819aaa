import type { CamOptions } from "../attribution/maps/cam-run";
import { byWeighing, elementwiseMap } from "../attribution/maps/weighed-cam";
import type { Explains } from "../attribution/several-targets";
import { layerCamFacts } from "../methods/layer-cam";
import { note } from "../notes";

/**
 * LayerCAM: each place of a layer's maps weighed by the positive gradient at that place. Made for early layers, whose fine
 * maps Grad-CAM blurs into each other.
 *
 *   attribution = Σ_k max(∂s/∂A_k, 0) ⊙ A_k
 *
 * Jiang et al. 2021, https://doi.org/10.1109/TIP.2021.3089943, equations 6 and 7 (the ReLU of equation 7 only with `relu`).
 * Matches pytorch-grad-cam's `LayerCAM` before ReLU and scaling.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, negative only where activations are; of `layers`
 *   `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 * @example
 * const fine = await layerCam(model, image, { layers: ["relu4", "relu6"] });
 */
export const layerCam: Explains<CamOptions> = /* @__PURE__ */ byWeighing({
  facts: layerCamFacts,
  map: (maps) => elementwiseMap(maps, (gradient) => Math.max(gradient, 0)),
  notes: () => [note("hardly-about-the-target")],
});
