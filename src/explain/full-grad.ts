import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { finishAttribution } from "../attribution/finish";
import { attributedValue, gradientPass, targetNotes } from "../attribution/gradients/gradient";
import { type Explains, perTarget } from "../attribution/several-targets";
import { throwIfAborted } from "../checks";
import { ShapeError } from "../errors";
import type { Shape } from "../graph/shape-rule";
import { entryOf } from "../guard";
import { fullGradFacts } from "../methods/full-grad";
import { settledOptions } from "../methods/settled-options";
import { placesOfShape } from "../model/input-size";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { note } from "../notes";
import { imageShape } from "../operation/layout";
import type { Operation, ValueName } from "../operation/operation";
import { showShape, Tensor } from "../tensor";
import { resizePlaces } from "../view/volume-slices";

/**
 * FullGrad: the score of a rectifier network is exactly what its inputs and its biases give, so the biases get maps too.
 *
 *   s(x) = Σ x ⊙ ∂s/∂x + Σ_l Σ b_l ⊙ ∂s/∂y_l            y_l = linear(…) + b_l
 *   attribution = ψ(x ⊙ ∂s/∂x) + Σ_l ψ(b_l ⊙ ∂s/∂y_l)   ψ: |·|, each channel scaled to 0..1, their sum, enlarged bilinearly
 *
 * Srinivas & Fleuret 2019, https://arxiv.org/abs/1905.00780, equations 2 and 5. Matches pytorch-grad-cam's `FullGrad` before its
 * last scaling, which is that of `heatmap`. `convergenceDelta` is by how much the first line misses: what activations other than
 * ReLU, leaky ReLU and max pooling keep for themselves.
 *
 * Of several inputs each that has places gets a map: its own share, and the biases of the layers that see it. The biases are those of convolutions, dense layers, constants that are added, and batch norms. pytorch-grad-cam takes the bias
 * of every Conv2d and of every BatchNorm2d. Here a batch norm is folded into the convolution before it, as it is computed: the
 * two have one bias, s·(b − mean) + shift. Where the convolution has none of its own (the rule) that is the batch norm's, and the
 * values are equal. Dense layers have no places: their biases count in the first line, not in the picture.
 *
 * @function
 * @param options.layer  starts at this layer's activation in place of the input: biases after it, at its grid
 * @returns attribution `[1, H, W, 1]` at the input's size (or the layer's), at least 0, without unit
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown or paths lead around it; {ShapeError} if the input or layer has no places
 * @example
 * const { values, convergenceDelta } = await fullGrad(model, image, { target: "cat" });
 */
export const fullGrad: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: ExplainOptions & LayerOptions): Promise<Attribution> {
  const options = settledOptions(fullGradFacts, unsettled);
  throwIfAborted(options.signal);
  const { signal } = options;
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const start = attributedValue(model, options, target);
  const frames = framesOf(model, start);
  if (frames.length === 0) {
    throw new ShapeError(
      `FullGrad adds maps at the places of "${options.layer ?? model.input.name}" (${showShape(model.shape(start))}), which has none. ` +
        "inputXGradient works without.",
    );
  }
  const image = model.prepare(input);
  const data =
    start === model.fast.input
      ? image
      : entryOf((await model.watchedPass({ data: image, keep: [start] }, signal)).values, start);
  const biased = biasedOperations(model, start, target.value);
  const at = [...new Set([start, ...biased.map(({ outputs }) => outputs[0])])];
  const { score, report, gradients } = await gradientPass(model, { data, start, target, at, signal });

  let [total, effect] = [0, 0];
  const add = (shares: Float32Array, shape: Shape, wanted: readonly Frame[]): void => {
    const { h, w, c } = imageShape(shape);
    for (let i = 0; i < shares.length; i++) total += shares[i];
    if (h * w === 1) return;
    for (const share of shares) effect += Math.abs(share);
    const map = sumOfScaled(shares, c);
    const from = placesOfShape(shape);
    for (const { sum, width, height, depth } of wanted) {
      const enlarged = resizePlaces(map, from, { depth, height: height / depth, width });
      for (let pixel = 0; pixel < sum.length; pixel++) sum[pixel] += enlarged[pixel];
    }
  };
  const sharesOf = (value: ValueName, factor: Float32Array): Float32Array =>
    entryOf(gradients, value).map((each, i) => each * factor[i]);
  const own = sharesOf(start, data);
  if (start !== model.fast.input) add(own, model.shape(start), frames);
  else {
    for (const { name, shape, start: from, size } of model.parts.inputs) {
      add(
        own.subarray(from, from + size),
        shape,
        frames.filter((frame) => frame.name === name),
      );
    }
  }
  for (const operation of biased) {
    const [output] = operation.outputs;
    const below = frames.length > 1 ? model.dependencies(output) : undefined;
    add(
      sharesOf(output, await biasOf(model, operation, signal)),
      model.shape(output),
      frames.filter(({ name }) => below?.has(name) ?? true),
    );
  }
  const maps = frames.map(({ sum, shape }) => new Tensor(Float32Array.from(sum), shape));
  return finishAttribution(model, input, {
    method: "full-grad",
    target: report,
    values: maps[0],
    ...(model.parts.inputs.length > 1 &&
      options.layer === undefined && { byInput: Object.fromEntries(frames.map(({ name }, i) => [name, maps[i]])) }),
    ...(options.layer !== undefined && { layer: options.layer }),
    effect,
    convergenceDelta: total - report.score,
    notes: [...targetNotes(model, options, score, target.value), note("hardly-about-the-target")],
    options: { ...options },
  });
}

/** What maps are added at: an input's places, or a layer's. */
interface Frame {
  readonly name: ValueName;
  readonly width: number;
  /** Of a volume that of all slices together. */
  readonly height: number;
  readonly depth: number;
  /** Of the map: `[1, H, W, 1]`, of a volume `[1, D, H, W, 1]`. */
  readonly shape: readonly number[];
  readonly sum: Float64Array;
}

function framesOf(model: LoadedModel, start: ValueName): Frame[] {
  const values = start === model.fast.input ? model.parts.inputs.map(({ name }) => name) : [start];
  return values.flatMap((name) => {
    const { w: width, h: height } = imageShape(model.shape(name));
    const { depth } = placesOfShape(model.shape(name));
    const shape = depth > 1 ? [1, depth, height / depth, width, 1] : [1, height, width, 1];
    return width * height === 1 ? [] : [{ name, width, height, depth, shape, sum: new Float64Array(width * height) }];
  });
}

/**
 * The operations between two values that may add something of their own: linear up to a bias, with constants besides their one
 * input. A max-unpool has its max-pool's switches there, and no bias.
 */
function biasedOperations(model: LoadedModel, start: ValueName, end: ValueName): Operation[] {
  const before = model.dependencies(end);
  const after = new Set([start]);
  return model.networkFor([start, end]).operations.filter(({ node, inputs, outputs, linear, stateOf }) => {
    if (!inputs.some((name) => after.has(name))) return false;
    for (const name of outputs) after.add(name);
    const affine = linear && inputs.length === 1 && node.inputs.length > 1 && stateOf === undefined;
    return affine && outputs.length === 1 && before.has(outputs[0]);
  });
}

/** What a linear operation with a bias makes of zeros: the bias, at every place. */
async function biasOf(
  model: LoadedModel,
  { inputs: [input], outputs: [output] }: Operation,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const zeros = new Float32Array(model.sampleSize(input));
  const { values } = await model.watchedPass({ data: zeros, start: input, keep: [output] }, signal);
  return entryOf(values, output);
}

/** Σ over channels of their magnitudes, each channel scaled to 0..1 as pytorch-grad-cam does. */
function sumOfScaled(data: Float32Array, channels: number): Float64Array {
  const least = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
  const most = new Float64Array(channels);
  const sum = new Float64Array(data.length / channels);
  for (let pixel = 0, i = 0; pixel < sum.length; pixel++) {
    for (let c = 0; c < channels; c++, i++) {
      least[c] = Math.min(least[c], Math.abs(data[i]));
      most[c] = Math.max(most[c], Math.abs(data[i]));
    }
  }
  for (let pixel = 0, i = 0; pixel < sum.length; pixel++) {
    for (let c = 0; c < channels; c++, i++) {
      sum[pixel] += (Math.abs(data[i]) - least[c]) / (1e-7 + most[c] - least[c]);
    }
  }
  return sum;
}
