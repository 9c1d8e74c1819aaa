import { layerPasses } from "../attribution/maps/layer-passes";
import { beginPerturbedCam, type PerturbedCamOptions } from "../attribution/maps/perturbed-cam";
import { byPasses, type Passes } from "../attribution/passes";
import { type ExplainsInSteps, perTargetInSteps } from "../attribution/several-targets";
import { ablationCamFacts } from "../methods/ablation-cam";
import type { Input, Model } from "../model/model";
import { note } from "../notes";

/**
 * Ablation-CAM: a layer's maps, each weighed by the share of the score that is lost when it is silenced. One pass per map, no
 * gradient.
 *
 *   attribution = Σ_k w_k · A_k,   w_k = (s − s with A_k = 0) / s
 *
 * Desai & Ramaswamy 2020, https://doi.org/10.1109/WACV45572.2020.9093360, equations 3 and 4 (the ReLU of equation 4 only with
 * `relu`). Matches pytorch-grad-cam's `AblationCAM` before ReLU and scaling. Of tokens all are silenced, a class token too. Where the score is negative the division turns
 * every sign round, and a note says so; by a score of 0 nothing is divided. The passes begin at the layer, unless the
 * network leads around it. Of a `{ detection }` the map is zero where its score is not computed from.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, `layer` is given too, or `batchSize` is out of range
 * @example
 * const attribution = await ablationCam(model, image, { target: "cat", layer: "relu5" });
 */
export const ablationCam: ExplainsInSteps<PerturbedCamOptions> = /* @__PURE__ */ perTargetInSteps(
  /* @__PURE__ */ byPasses(beginAblationCam),
);

/** A pass per map. */
function beginAblationCam(given: Model, input: Input, options: PerturbedCamOptions): Promise<Passes<number>> {
  return beginPerturbedCam(given, input, options, {
    facts: ablationCamFacts,
    alike: (least, most) => least === 0 && most === 0,
    passes: (run, layer, channels) =>
      layerPasses(run, layer, layer.whole, channels.length, (sample, into) => layer.silence(into, channels[sample])),
    unasked: "nothing",
    weights: (scores, score) => Float64Array.from(scores, (ablated) => (score - ablated) / (score || 1)),
    notes: (score) => (score < 0 ? [note("negative-score", score.toFixed(3))] : []),
  });
}
