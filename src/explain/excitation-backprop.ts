import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { propagate } from "../attribution/rules/propagate";
import { relevanceLens, stabiliser } from "../attribution/rules/relevance";
import { type Explains, perTarget } from "../attribution/several-targets";
import { excitationBackpropFacts } from "../methods/excitation-backprop";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { note } from "../notes";

/**
 * Excitation backprop: the probability that a top-down walk, which follows only positive evidence, ends at a value.
 *
 *   P_i = Σ_j x_i w⁺_ij / (Σ_k x_k w⁺_kj) · P_j
 *
 * Zhang et al. 2016, https://arxiv.org/abs/1608.00507, equation 8, without biases. It starts with 1 at the target. As Zennit's
 * `ExcitationBackprop`, inputs below zero count with the weights below zero; like TorchRay's, nothing in it is ever negative: of sums
 * and average pools the parts with the sum's sign share. Softmax and normalisations pass. The rest is as in `lrp`.
 *
 * @function
 * @returns attribution, same shape as the input (or the layer), not negative; it sums to 1 but for what meets no positive evidence
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown, or merged with another one
 * @throws {UnsupportedOperatorError} if the network multiplies matrices that are both computed (attention), naming every such operation
 * @example
 * const { values } = await excitationBackprop(model, image, { target: "cat", layer: "pool3" });
 */
export const excitationBackprop: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(model: Model, input: Input, options: ExplainOptions & LayerOptions): Promise<Attribution> {
  return propagate(model, input, {
    method: "excitation-backprop",
    options: { ...settledOptions(excitationBackpropFacts, options) },
    lens: (inside, network) =>
      relevanceLens(inside, network, {
        composite: { convolution: "zPlus", dense: "zPlus" },
        epsilon: stabiliser,
        excitation: true,
      }),
    start: (weight) => weight,
    notes: (values) => [
      note("hardly-about-the-target"),
      ...(values.some((value) => value !== 0) ? [] : [note("signal-died")]),
    ],
  });
}
