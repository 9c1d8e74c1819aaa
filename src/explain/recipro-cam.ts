import type { Attribution } from "../attribution/attribution";
import { forwardPass } from "../attribution/gradients/gradient";
import { type CamLayer, finishCam, startCam } from "../attribution/maps/cam-run";
import { layerPasses } from "../attribution/maps/layer-passes";
import type { PerturbedCamOptions } from "../attribution/maps/perturbed-cam";
import { largestChange } from "../attribution/scored-input";
import { type Explains, perTarget } from "../attribution/several-targets";
import { unravel } from "../graph/regions";
import { entryOf } from "../guard";
import { reciproCamFacts } from "../methods/recipro-cam";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { scoreOf } from "../model/score";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";

export interface ReciproCamOptions extends Omit<PerturbedCamOptions, "budget"> {
  /** Keeps the neighbours of each place too, weighed by a Gaussian of 3×3, of a volume of 3×3×3; default false. */
  readonly gaussian?: boolean;
}

/**
 * Recipro-CAM: what the score is when a layer keeps one place alone. One pass per place, from the layer on, no gradient.
 *
 *   value at p = s(A with all places but p set to zero) − s(A with all places set to zero)
 *
 * Byun & Lee 2022, https://arxiv.org/abs/2209.14074. The paper scales the scores to 0..1; here they stay in units of the score, less that
 * of nothing, so that behind the layer of a network that ends in global average pooling and a linear layer they are CAM's up to scale.
 * `gaussian` keeps the neighbours too, weighed 1-2-1 in both directions over 16, as the paper does, and of a volume in all three over 64. Of tokens those without a place, a class
 * token for example, are kept always.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed, in score units; of `layers` `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, `layer` is given too, or `batchSize` is out of range
 * @example
 * const attribution = await reciproCam(model, image, { target: "cat" });
 */
export const reciproCam: Explains<ReciproCamOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: ReciproCamOptions): Promise<Attribution> {
  const options = settledOptions(reciproCamFacts, unsettled);
  const run = startCam(given, input, options);
  const { model, data, target, values, layers } = run;
  const plain = await forwardPass(model, data, target, values, options.signal);
  const size = batchOf(model, options.batchSize);
  const pace = createPace(
    options,
    layers.reduce((total, { height, width }) => total + height * width + 1, 0),
  );
  let [done, effect] = [0, 0];
  const maps: Float32Array[] = [];
  for (const layer of layers) {
    const whole = entryOf(plain.values, layer.value);
    const keep = keeper(layer, whole, options.gaussian);
    const places = layer.height * layer.width;
    const scores = new Float32Array(places + 1);
    for (let first = 0; first <= places; first += size) {
      const count = Math.min(size, places + 1 - first);
      const value = await layerPasses(run, layer, whole, count, (sample, into) => keep(first + sample, into));
      const each = value.length / count;
      for (let sample = 0; sample < count; sample++)
        scores[first + sample] = scoreOf(plain.score, value, sample * each);
      done += count;
      await pace.step(done);
    }
    const map = scores.subarray(0, places).map((score) => score - scores[places]);
    effect = Math.max(effect, largestChange(scores[places], scores));
    maps.push(map);
  }
  return finishCam(run, reciproCamFacts.name, plain, maps, [], effect);
}

interface Neighbour {
  readonly place: number;
  readonly share: number;
}

/** A place and those around it with their shares, 1-2-1 over 4 along each axis; what would lie outside is left out. */
function neighboursOf(place: number, extents: readonly number[]): readonly Neighbour[] {
  const at = unravel(place, extents);
  return extents.reduce<readonly Neighbour[]>(
    (found, extent, axis) =>
      found.flatMap(({ place: before, share }) =>
        [-1, 0, 1]
          .map((step) => ({ step, to: at[axis] + step }))
          .filter(({ to }) => to >= 0 && to < extent)
          .map(({ step, to }) => ({ place: before * extent + to, share: share * (step === 0 ? 2 / 4 : 1 / 4) })),
      ),
    [{ place: 0, share: 1 }],
  );
}

/**
 * Writes a layer's value with one place kept, of a place beyond the last with none. What has no place stays as it is.
 *
 * @param whole  the layer's value, in memory order
 */
function keeper(layer: CamLayer, whole: Float32Array, gaussian: boolean): (place: number, into: Float32Array) => void {
  const { height, width, channels, extents } = layer;
  // Where each channel of each place lies, read off the layer itself.
  const indices = layer.read(Float32Array.from(whole, (_, i) => i));
  const none = whole.slice();
  for (const i of indices) none[i] = 0;
  const copy = (place: number, share: number, into: Float32Array): void => {
    for (let i = place * channels; i < (place + 1) * channels; i++) into[indices[i]] = share * whole[indices[i]];
  };
  return (place, into) => {
    into.set(none);
    if (place >= height * width) return;
    if (!gaussian) {
      copy(place, 1, into);
      return;
    }
    for (const { place: each, share } of neighboursOf(place, extents)) copy(each, share, into);
  };
}
