import { deconvnetFacts } from "../methods/deconvnet";
import type { Input, Model } from "../model/model";
import type { Attribution, ExplainOptions, LayerOptions } from "./attribution";
import { attributeByGradient } from "./gradient";
import { rectifiedNotes } from "./rectified-notes";

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
 * @returns attribution, same shape as the input, signed, unnormalised
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if `layer` is unknown
 */
export const deconvnet = (
  model: Model,
  input: Input,
  options: ExplainOptions & LayerOptions = {},
): Promise<Attribution> =>
  attributeByGradient(model, input, options, {
    facts: deconvnetFacts,
    rules: { rectifier: "deconvnet" },
    notes: rectifiedNotes,
  });
