import type { Attribution } from "../attribution/attribution";
import { forwardPass, gradientPass } from "../attribution/gradients/gradient";
import { placesSeen, rowsAt, spread } from "../attribution/maps/box-places";
import { type CamOptions, finishCam, startCam } from "../attribution/maps/cam-run";
import { principalComponent } from "../attribution/maps/principal-component";
import { type Explains, perTarget } from "../attribution/several-targets";
import { entryOf } from "../guard";
import { eigenCamFacts } from "../methods/eigen-cam";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { asksForBox } from "../model/resolve-target";
import { note } from "../notes";

/**
 * Eigen-CAM: what varies most in a layer's maps from place to place, their first principal component. It asks the network what
 * stands out, not what speaks for a class: `target` is only reported.
 *
 *   attribution = X v,   X = the maps as pixels × channels, the mean of each map taken off, v = its first right singular vector
 *
 * Muhammad & Yeasin 2020, https://arxiv.org/abs/2008.00299, section III. Matches pytorch-grad-cam's `EigenCAM` (which centres the
 * maps, as the paper does not) before ReLU and scaling, but for the sign, which a singular vector does not have: here
 * the largest magnitude is positive. Of a `{ detection }` the pixels are those that its score is computed from.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed, with mean 0; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, or `layer` is given too
 * @example
 * const { data } = heatmap(await eigenCam(model, image)); // the positive part, 0 to 1, at the size of the input
 */
export const eigenCam: Explains<CamOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, options: CamOptions): Promise<Attribution> {
  const run = startCam(given, input, settledOptions(eigenCamFacts, options));
  const pass = await forwardPass(run.model, run.data, run.target, run.values, options.signal);
  const { model, data, target, values } = run;
  const { gradients } = await gradientPass(model, { data, target, at: values, signal: options.signal });
  const maps = run.layers.map(({ value, channels, read }) => {
    const activation = read(entryOf(pass.values, value));
    const places = asksForBox(options.target) ? placesSeen(read(entryOf(gradients, value)), channels) : undefined;
    // One place does not vary.
    if (!places || places.length < 2) return principalComponent(activation, channels);
    const own = principalComponent(rowsAt(activation, channels, places), channels);
    return spread(own, places, activation.length / channels);
  });
  // It explains no score; what it shows is worth nothing where the score does not see these maps, or where they hardly vary.
  const seen = [...gradients.values()].some((gradient) => gradient.some((value) => value !== 0));
  const [varies, size] = [maps, [...pass.values.values()]].map((lists) => Math.max(...lists.map(largestOf)));
  const flat = seen && varies > 0 && varies <= 1e-6 * size;
  const notes = [
    note("not-about-the-target"),
    ...(flat ? [note("rounding-only", varies.toPrecision(2), size.toPrecision(2), "the layer itself")] : []),
  ];
  return finishCam(run, "eigen-cam", pass, maps, notes, seen && varies > 0 ? Number.POSITIVE_INFINITY : 0);
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
