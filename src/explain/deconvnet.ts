import type { ExplainOptions, LayerOptions } from "../attribution/attribution";
import { byGradient } from "../attribution/gradients/by-gradient";
import { rectifiedNotes } from "../attribution/rectified-notes";
import type { Explains } from "../attribution/several-targets";
import { deconvnetFacts } from "../methods/deconvnet";

/**
 * Deconvolutional network attribution.
 *
 *   ReLU backward:      dx = max(dy, 0)            the forward mask is ignored
 *   max-pool backward:  dx[switches] += dy
 *   linear layers:      their adjoint
 *
 * Zeiler & Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901, section 2.1. Matches Captum's `Deconvolution`; leaky,
 * parametric and clipped ReLUs are rectifiers too.
 *
 * @function
 * @returns attribution, same shape as the input, signed, unnormalised
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const deconvnet: Explains<ExplainOptions & LayerOptions> = /* @__PURE__ */ byGradient({
  facts: deconvnetFacts,
  rules: { rectifier: "deconvnet" },
  notes: rectifiedNotes,
});
