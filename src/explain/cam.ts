import type { Attribution } from "../attribution/attribution";
import { gradientPass } from "../attribution/gradients/gradient";
import { type CamOptions, finishCam, startCam } from "../attribution/maps/cam-run";
import { channelMeans, weighedMap } from "../attribution/maps/weighed-cam";
import { type Explains, perTarget } from "../attribution/several-targets";
import { LayerError, TargetError } from "../errors";
import { entryOf } from "../guard";
import { camFacts } from "../methods/cam";
import { settledOptions } from "../methods/settled-options";
import { type CamCandidate, linearHead } from "../model/cam-layer";
import type { LoadedModel } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { isLinear, scoreOf } from "../model/score";
import type { ValueName } from "../operation/operation";

/**
 * Class activation map: for a network that ends in global average pooling and a linear layer, the exact share of each
 * place in the logit.
 *
 *   attribution = Σ_k w_kc · A_k        mean(attribution) + bias_c = logit_c
 *
 * Zhou et al. 2015, https://arxiv.org/abs/1512.04150, equation 2. Where the pooled maps are the logits themselves
 * (SqueezeNet, network-in-network), the map of the class is its own channel. `convergenceDelta` is by how much the
 * identity on the right is missed, with the bias measured by running the head on empty maps.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the layer's own grid, signed, in score units
 * @throws {LayerError} if the head after the layer is anything but average pooling and linear layers
 * @throws {TargetError} if `target` names no class of the model
 */
export const cam: Explains<CamOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, options: CamOptions): Promise<Attribution> {
  const run = startCam(given, input, settledOptions(camFacts, options), pooledLayer);
  const { model, data, target, layers } = run;
  const [{ value, height, width, channels, read }] = layers;
  const { signal } = options;
  const pass = await gradientPass(model, { data, target, at: [value], keep: [value], signal });
  if (!isLinear(pass.score)) {
    throw new TargetError(
      "CAM shows what a linear head adds up, and a similarity is no sum of its outputs. gradCam explains it.",
    );
  }
  // The head is linear and treats all places alike, so its gradient is w_kc / (h·w) everywhere.
  const places = height * width;
  const weights = channelMeans(read(entryOf(pass.gradients, value)), channels).map((mean) => mean * places);
  const map = weighedMap(read(entryOf(pass.values, value)), weights);
  const nothing = { data: new Float32Array(places * channels), start: value, keep: [target.value] };
  const empty = await model.watchedPass(nothing, signal);
  const bias = scoreOf(pass.score, entryOf(empty.values, target.value));
  const mean = map.reduce((total, element) => total + element, 0) / map.length;
  // Only the pooled layer can have been asked for, so the maps of several layers are one and the same.
  const attribution = await finishCam(
    run,
    "cam",
    pass,
    layers.map(() => map),
  );
  // What an attribution can do would be lost in a copy.
  return Object.assign(attribution, { convergenceDelta: mean + bias - pass.report.score });
}

/** The maps that the head pools. */
function pooledLayer(model: LoadedModel, asked: string | undefined, score: ValueName): CamCandidate {
  const { pooled, before } = linearHead(model, score);
  if (!pooled) {
    const found = before ? `${before.node.op} "${before.node.name}"` : "the network's input";
    throw new LayerError(
      `CAM needs a network that ends in global average pooling and linear layers; before the score stands ${found}. ` +
        "Use gradCam, which needs no such head, or toCamModel, which gives the network one.",
    );
  }
  const { layer, value, maps } = pooled;
  if (asked !== undefined && model.valueOf(asked) !== value) {
    throw new LayerError(
      `CAM is defined at the layer that is pooled, "${layer}", not at "${asked}". gradCam works at any layer.`,
    );
  }
  return { layer: asked ?? layer, value, maps };
}
