import type { Attribution, ExplainOptions, LayerOptions } from "../attribution/attribution";
import { type Composite, type CompositeName, compositeOf } from "../attribution/rules/composite";
import type { Conditions } from "../attribution/rules/conditions";
import { inputBox } from "../attribution/rules/input-box";
import { propagate } from "../attribution/rules/propagate";
import { relevanceLens } from "../attribution/rules/relevance";
import { type Explains, perTarget } from "../attribution/several-targets";
import { lrpFacts } from "../methods/lrp";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { type Note, note } from "../notes";

export interface LrpOptions extends ExplainOptions, LayerOptions {
  /**
   * Which layer gets which rule: 'epsilonPlus' (default), 'epsilonPlusFlat', 'epsilonGammaBox', 'epsilonAlpha2Beta1',
   * 'epsilonAlpha2Beta1Flat', 'epsilon', or one of your own.
   */
  readonly composite?: CompositeName | Composite;
  /** ε of the epsilon rules that name none; default 1e-6. */
  readonly epsilon?: number;
  /**
   * Concept relevance propagation: of each layer named only these units hand relevance on, `{ conv4: [3, 5] }`; what goes down is the part
   * of the relevance that passed through them. Units are summed, layers all count.
   */
  readonly conditions?: Conditions;
}

/**
 * Layer-wise relevance propagation: the score is handed down from layer to layer, to each input in proportion to what it added.
 *
 *   epsilon:    R_i = Σ_j x_i w_ij / (z_j + ε·sign z_j) · R_j          z_j = Σ_i x_i w_ij + b_j
 *   zPlus:      the same over products above zero alone; gamma, alphaBeta, flat, wSquare, zBox weigh them in other ways
 *
 * Bach et al. 2015, https://doi.org/10.1371/journal.pone.0130140; Montavon et al. 2019, https://doi.org/10.1007/978-3-030-28954-6_10.
 * Rules and composites are Zennit's: batch normalisation is folded into the layer before it, sums of values and average pools share in
 * proportion (norm; a batch normalisation or a constant summand that could not be folded too, as a linear layer would), functions of one
 * value pass (activations; GELU, Mish and their like in any number of nodes) as local normalisation does, max-pools go through
 * their switches, everything that only moves numbers through its adjoint. Of a signal times its gate (squeeze and excitation), or
 * divided by a statistic, the signal gets all. The relevance that starts at the target is its score. With ε → 0 the composite
 * 'epsilon' is input × gradient on a ReLU network.
 *
 * Through attention it is AttnLRP (Achtibat et al. 2024, https://arxiv.org/abs/2402.05602):
 *
 *   softmax:             R_i = x_i·(R_i − s_i·Σ_j R_j)
 *   product of values:   half of it to each in proportion, products of matrices too
 *   layer, RMS, group and instance normalisation: the epsilon rule, with what they divide by constant
 *
 * Under `conditions` it is concept relevance propagation (Achtibat et al. 2023, https://doi.org/10.1038/s42256-023-00711-8): before a layer's step
 * the relevance of its other units is zero. The maps of all units by themselves sum to the whole one.
 *
 * Some countries have granted patents on layer-wise relevance propagation to Fraunhofer: look at that before you sell it.
 *
 * @function
 * @returns relevance, same shape as the input (or the layer), signed, in score units; it sums to the score but for what biases keep; a note says so where
 *   it strays by more than a tenth
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown, or merged with another one
 * @throws {OptionError} if `composite`, `epsilon` or `conditions` is none, or a layer of the conditions does not lie between `layer` and the target
 * @throws {UnsupportedOperatorError} if no rule is known for an operation, or that of the composite cannot pass it, naming every one
 * @example
 * const { values } = await lrp(model, image, { target: "cat", composite: "epsilonGammaBox" });
 */
export const lrp: Explains<LrpOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(model: Model, input: Input, given: LrpOptions): Promise<Attribution> {
  const options = settledOptions(lrpFacts, given);
  const { composite, epsilon, conditions } = options;
  const rules = { composite: compositeOf(composite), epsilon };
  return propagate(model, input, {
    method: "lrp",
    options: { ...options },
    lens: (inside, network) => relevanceLens(inside, network, { ...rules, box: inputBox(inside, network) }),
    start: (weight, value) => weight * value,
    conditions,
    // What other units had is meant to be missing.
    ...(conditions === undefined && { notes: keptNotes }),
  });
}

/** Beyond this share of the score a sum is no longer the score with what biases keep. */
const stray = 0.1;

/** Says where the relevance that arrives is not the score that was handed down. */
function keptNotes(values: Float32Array, score: number): Note[] {
  const sum = values.reduce((total, value) => total + value, 0);
  if (score < 0 && values.every((value) => value === 0)) return [note("negative-relevance", score.toPrecision(4))];
  if (Math.abs(sum - score) <= stray * Math.abs(score)) return [];
  return [note("relevance-strays", sum.toPrecision(4), score.toPrecision(4))];
}
