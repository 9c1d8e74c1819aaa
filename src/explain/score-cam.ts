import type { CamRun } from "../attribution/maps/cam-run";
import { beginPerturbedCam, type PerturbedCamOptions, type PerturbedLayer } from "../attribution/maps/perturbed-cam";
import { byPasses, type Passes } from "../attribution/passes";
import { type ExplainsInSteps, perTargetInSteps } from "../attribution/several-targets";
import { ShapeError } from "../errors";
import { entryOf } from "../guard";
import { type Pixels, resizeBilinear } from "../image/resize";
import { scoreCamFacts } from "../methods/score-cam";
import { placesOfShape } from "../model/input-size";
import { hasPlaces, inputsSeen } from "../model/inputs-seen";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import type { NetworkInput } from "../model/network-inputs";
import { probabilities } from "../model/output";
import { note } from "../notes";
import { showShape } from "../tensor";

/**
 * Score-CAM: a layer's maps, each weighed by the score that the network gives to what the map lets through of the input. One
 * pass per map, no gradient.
 *
 *   attribution = Σ_k w_k · A_k,   w = softmax over k of s(x ⊙ M_k),   M_k = (U_k − min U_k) / (max U_k − min U_k + 1e-8)
 *
 * with U_k the map enlarged bilinearly to the input's size, corners on corners. Wang et al. 2019,
 * https://arxiv.org/abs/1910.01279, algorithm 1. Matches pytorch-grad-cam's `ScoreCAM` before ReLU and scaling: the softmax is
 * over the scores themselves, and what is masked becomes zero in the network's input space, the mean colour of many networks. Of several
 * inputs those are masked that the layer sees, while the others stay as they are. A
 * softmax over large scores chooses rather than weighs: a few of the maps may have all the weight. Of a `{ detection }` the map is zero
 * where its score is not computed from.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, negative only where activations are; of `layers`
 *   `[1, H, W, 1]`, 0 to 1
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 * @throws {OptionError} if `layers` is no list of names, `layer` is given too, or `batchSize` is out of range
 * @throws {ShapeError} if the input has no places to mask, like a generator's latent
 * @example
 * const attribution = await scoreCam(model, image, { target: "cat", onProgress: (done, total) => console.log(done, total) });
 */
export const scoreCam: ExplainsInSteps<PerturbedCamOptions> = /* @__PURE__ */ perTargetInSteps(
  /* @__PURE__ */ byPasses(beginScoreCam),
);

/** A pass per map. */
async function beginScoreCam(given: Model, input: Input, options: PerturbedCamOptions): Promise<Passes<number>> {
  const model = loaded(given);
  if (!model.parts.inputs.some(hasPlaces)) {
    const { name, shape } = model.input;
    throw new ShapeError(
      `Score-CAM masks places of the input, and "${name}" (${showShape(shape)}) has none. ablationCam changes the maps instead.`,
    );
  }
  return beginPerturbedCam(given, input, options, {
    facts: scoreCamFacts,
    alike: (least, most) => least === most,
    passes: maskedPasses,
    unasked: "mean",
    weights: (scores) => probabilities(scores, "softmax"),
    notes: () => [note("hardly-about-the-target")],
  });
}

/** The input as each channel's map lets it through. */
async function maskedPasses(
  { model, data, target, options }: CamRun,
  layer: PerturbedLayer,
  channels: readonly number[],
): Promise<Float32Array> {
  const picked = new Float32Array(layer.height * layer.width * channels.length);
  for (let i = 0; i < picked.length; i++) {
    const pixel = Math.floor(i / channels.length);
    picked[i] = layer.activation[pixel * layer.channels + channels[i % channels.length]];
  }
  const depth = layer.extents.length > 2 ? layer.extents[0] : 1;
  const maps = { data: picked, width: layer.width, height: layer.height / depth, depth, channels: channels.length };
  const batch = new Float32Array(channels.length * data.length);
  // What the layer does not see of several inputs stays as it is.
  const several = model.parts.inputs.length > 1;
  for (let sample = 0; several && sample < channels.length; sample++) batch.set(data, sample * data.length);
  const inputs = inputsSeen(model, layer.value).filter(hasPlaces);
  for (const input of inputs) maskInput(batch, data, input, maps);
  const pass = { batch: channels.length, data: batch, keep: [target.value] };
  const { values } = await model.watchedPass(pass, options.signal);
  return entryOf(values, target.value);
}

/** Writes one input as each map lets it through to its place in every sample. */
function maskInput(batch: Float32Array, data: Float32Array, input: NetworkInput, maps: Maps): void {
  const to = placesOfShape(input.shape);
  const places = to.depth * to.height * to.width;
  const depth = input.size / places;
  const { channels } = maps;
  const enlarged = enlargedMaps(maps, to);
  for (let sample = 0; sample < channels; sample++) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let place = 0; place < places; place++) {
      const value = enlarged[place * channels + sample];
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
    const start = sample * data.length + input.start;
    for (let i = 0; i < input.size; i++) {
      const value = enlarged[Math.floor(i / depth) * channels + sample];
      batch[start + i] = data[input.start + i] * ((value - least) / (most - least + 1e-8));
    }
  }
}

interface Size {
  readonly height: number;
  readonly width: number;
}

/** Maps of one slice, or of several. */
interface Maps extends Pixels {
  readonly data: Float32Array;
  readonly depth: number;
}

/** Maps at the input's size, corners on corners: bilinear inside the slices, then linear between them. */
function enlargedMaps(maps: Maps, to: Size & { readonly depth: number }): Float32Array {
  const { depth, width, height, channels } = maps;
  const size = width * height * channels;
  const source = cornersOnCorners(maps, to);
  const slices = Array.from({ length: depth }, (_, slice) => {
    const data = maps.data.subarray(slice * size, (slice + 1) * size);
    return resizeBilinear({ data, width, height, channels }, to.width, to.height, { source, antialias: false });
  });
  if (depth === 1 && to.depth === 1) return slices[0];
  const row = to.width * to.height * channels;
  const data = new Float32Array(depth * row);
  for (const [slice, values] of slices.entries()) data.set(values, slice * row);
  const across = cornersOnCorners({ height: depth, width: 1 }, { height: to.depth, width: 1 });
  return resizeBilinear({ data, width: row, height: depth, channels: 1 }, row, to.depth, {
    source: { ...across, x: 0, width: row },
    antialias: false,
  });
}

/** The rectangle of a map with which half-pixel centres put the centres of its corner pixels on those of the input. */
function cornersOnCorners(map: Size, input: Size): { x: number; y: number; width: number; height: number } {
  const scale = (from: number, to: number): number => (to > 1 ? (from - 1) / (to - 1) : 0);
  const [x, y] = [scale(map.width, input.width), scale(map.height, input.height)];
  return { x: (1 - x) / 2, y: (1 - y) / 2, width: x * input.width, height: y * input.height };
}
