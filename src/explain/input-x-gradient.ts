import type { ExplainOptions, LayerOptions } from "../attribution/attribution";
import { byGradient } from "../attribution/gradients/by-gradient";
import type { Explains } from "../attribution/several-targets";
import { inputXGradientFacts } from "../methods/input-x-gradient";

/**
 * Input × gradient: the first-order share of each input value in the score.
 *
 *   attribution = x ⊙ ∂s/∂x
 *
 * Shrikumar et al. 2016, https://arxiv.org/abs/1605.01713. Matches Captum's `InputXGradient`. On a bias-free ReLU network
 * the values sum to the score. `x` is the network's own input: after normalisation, zero is not black.
 *
 * @function
 * @returns attribution, same shape as the input, signed, in score units
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const inputXGradient: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ byGradient({
  facts: inputXGradientFacts,
  combine: (gradient, value) => gradient.map((derivative, i) => derivative * value[i]),
});
