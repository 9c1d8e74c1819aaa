import { guidedBackpropFacts } from "../methods/guided-backprop";
import type { Input, Model } from "../model/model";
import type { Attribution, ExplainOptions, LayerOptions } from "./attribution";
import { attributeByGradient } from "./gradient";
import { rectifiedNotes } from "./rectified-notes";

/**
 * Guided backpropagation: a gradient that passes a rectifier only where both the signal and the activation are positive.
 *
 *   ReLU backward:  dx = max(dy, 0) · 1[x > 0]
 *
 * Springenberg et al. 2014, https://arxiv.org/abs/1412.6806, section 3.4. Matches Captum's `GuidedBackprop`, which leaves
 * every activation other than `nn.ReLU` alone; here leaky, parametric and clipped ReLUs are rectifiers too.
 *
 * @returns attribution, same shape as the input, signed, unnormalised
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const guidedBackprop = (
  model: Model,
  input: Input,
  options: ExplainOptions & LayerOptions = {},
): Promise<Attribution> =>
  attributeByGradient(model, input, options, {
    facts: guidedBackpropFacts,
    rules: { rectifier: "guided" },
    notes: rectifiedNotes,
  });
