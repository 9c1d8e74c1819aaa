import type { ExplainOptions, LayerOptions } from "../attribution/attribution";
import { byGradient } from "../attribution/gradients/by-gradient";
import { rectifiedNotes } from "../attribution/rectified-notes";
import type { Explains } from "../attribution/several-targets";
import { guidedBackpropFacts } from "../methods/guided-backprop";

/**
 * Guided backpropagation: a gradient that passes a rectifier only where both the signal and the activation are positive.
 *
 *   ReLU backward:  dx = max(dy, 0) · 1[x > 0]
 *
 * Springenberg et al. 2014, https://arxiv.org/abs/1412.6806, section 3.4. Matches Captum's `GuidedBackprop`, which leaves
 * every activation other than `nn.ReLU` alone; here leaky, parametric and clipped ReLUs are rectifiers too.
 *
 * @function
 * @returns attribution, same shape as the input, signed, unnormalised
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const guidedBackprop: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ byGradient({
  facts: guidedBackpropFacts,
  rules: { rectifier: "guided" },
  notes: rectifiedNotes,
});
