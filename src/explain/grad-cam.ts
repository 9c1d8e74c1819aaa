import { camLayer } from "../model/cam-layer";
import { type Input, loaded, type Model } from "../model/model";
import { resolveTarget } from "../model/target";
import { imageShape } from "../ops/layout";
import { Tensor } from "../tensor";
import type { Attribution, ExplainOptions } from "./attribution";
import { gradientPass, inputSize, targetNotes } from "./gradient";
import { type Note, note } from "./notes";
import { makeRecipe } from "./recipe";

export interface CamOptions extends ExplainOptions {
  /** The layer whose maps are weighed; default: the last one with maps larger than 1×1 (`inspect` ranks them). */
  readonly layer?: string;
  /** Keeps only positive values, as the papers' pictures do; default false: raw and signed. */
  readonly relu?: boolean;
}

/**
 * Grad-CAM: a layer's maps, each weighed by how much the score gains from it on average.
 *
 *   attribution = Σ_k mean(∂s/∂A_k) · A_k
 *
 * Selvaraju et al. 2016, https://arxiv.org/abs/1610.02391, equations 1 and 2 (the ReLU of equation 2 only with `relu`).
 * Matches Captum's `LayerGradCam` and, with `relu`, jacobgil/pytorch-grad-cam before scaling.
 *
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or has no maps
 */
export async function gradCam(given: Model, input: Input, options: CamOptions = {}): Promise<Attribution> {
  options.signal?.throwIfAborted();
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const { layer, value } = camLayer(model, options.layer, target.value);
  const pass = gradientPass(model, { data: model.prepare(input), target, at: [value], keep: [value] });
  const gradient = pass.gradients.get(value) as Float32Array;
  const activation = pass.values.get(value) as Float32Array;
  const { h, w, c } = imageShape(model.shape(value));
  const weights = channelMeans(gradient, c);
  const map = weighedMap(activation, weights);
  return {
    method: "grad-cam",
    target: pass.report,
    values: mapTensor(map, h, w, options.relu),
    inputSize: inputSize(model),
    layer,
    notes: [
      ...targetNotes(model, options, pass.score, target.value),
      ...mapNotes(map),
      ...averagingNotes(map, activation, gradient, c),
    ],
    recipe: await makeRecipe(model, "grad-cam", { ...options, layer }),
  };
}

/** Mean of each channel over all pixels of `[pixels][channels]`. */
export function channelMeans(data: Float32Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < data.length; i += channels) for (let c = 0; c < channels; c++) sums[c] += data[i + c];
  return sums.map((sum) => (sum * channels) / data.length);
}

/** Σ_k weight_k · A_k per pixel. */
export function weighedMap(activation: Float32Array, weights: Float64Array): Float32Array {
  const channels = weights.length;
  return Float32Array.from({ length: activation.length / channels }, (_, pixel) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c] * activation[pixel * channels + c];
    return sum;
  });
}

export const mapTensor = (map: Float32Array, height: number, width: number, relu = false): Tensor =>
  new Tensor(relu ? map.map((value) => Math.max(value, 0)) : map, [1, height, width, 1]);

/** The note about a map that has nothing to show. */
export const mapNotes = (map: Float32Array): Note[] =>
  map.every((value) => value <= 0) ? [note("all-negative-map")] : [];

/** Says when averaging the gradient moves the evidence: the positive parts of both maps hardly overlap. */
function averagingNotes(map: Float32Array, activation: Float32Array, gradient: Float32Array, channels: number): Note[] {
  const elementwise = map.map((_, pixel) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += gradient[pixel * channels + c] * activation[pixel * channels + c];
    return sum;
  });
  return cosineOfPositive(map, elementwise) < 0.5 ? [note("gradient-averaging")] : [];
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
