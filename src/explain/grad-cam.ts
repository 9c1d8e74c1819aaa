import type { CamOptions } from "../attribution/maps/cam-run";
import {
  byWeighing,
  channelMeans,
  elementwiseMap,
  type WeighedMaps,
  weighedMap,
} from "../attribution/maps/weighed-cam";
import type { Explains } from "../attribution/several-targets";
import { gradCamFacts } from "../methods/grad-cam";
import { type Note, note } from "../notes";

/**
 * Grad-CAM: a layer's maps, each weighed by how much the score gains from it on average.
 *
 *   attribution = Σ_k mean(∂s/∂A_k) · A_k
 *
 * Selvaraju et al. 2016, https://arxiv.org/abs/1610.02391, equations 1 and 2 (the ReLU of equation 2 only with `relu`).
 * Matches Captum's `LayerGradCam` and, with `relu`, jacobgil/pytorch-grad-cam before scaling. A note says so where HiResCAM,
 * which does not average, disagrees.
 * Of a `{ detection }` all places are those that the box's score is computed from: sums and means are over them, and the map is zero elsewhere.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 */
export const gradCam: Explains<CamOptions> = /* @__PURE__ */ byWeighing({
  facts: gradCamFacts,
  map: ({ activation, gradient, channels }) => weighedMap(activation, channelMeans(gradient, channels)),
  notes: averagingNotes,
});

/** Says when averaging the gradient moves the evidence: the positive parts of both maps hardly overlap. */
function averagingNotes(map: Float32Array, maps: WeighedMaps): Note[] {
  return cosineOfPositive(map, elementwiseMap(maps)) < 0.5 ? [note("gradient-averaging")] : [];
}

/** Cosine similarity of the positive parts; 1 where one of them is empty, because then there is nothing to compare. */
function cosineOfPositive(a: Float32Array, b: Float32Array): number {
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [left, right] = [Math.max(a[i], 0), Math.max(b[i], 0)];
    product += left * right;
    squaresA += left * left;
    squaresB += right * right;
  }
  return squaresA === 0 || squaresB === 0 ? 1 : product / Math.sqrt(squaresA * squaresB);
}
