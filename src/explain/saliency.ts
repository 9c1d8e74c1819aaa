import type { ExplainOptions, LayerOptions } from "../attribution/attribution";
import { byGradient } from "../attribution/gradients/by-gradient";
import type { Explains } from "../attribution/several-targets";
import { saliencyFacts } from "../methods/saliency";

/**
 * Saliency: how the target's score answers to each input value.
 *
 *   attribution = ∂s/∂x
 *
 * Simonyan, Vedaldi & Zisserman 2013, https://arxiv.org/abs/1312.6034, section 3. Matches Captum's `Saliency` with
 * `abs=False`; the heatmap takes the maximum over channels of the absolute value, as the paper does.
 *
 * @function
 * @returns attribution, same shape as the input, signed, in score units per input unit
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const saliency: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ byGradient({ facts: saliencyFacts });
