import type { Attribution } from "../attribution/attribution";
import { finishAttribution } from "../attribution/finish";
import { gradientPass, targetNotes } from "../attribution/gradients/gradient";
import {
  type AttentionOptions,
  discardSmallest,
  headMean,
  identityMatrix,
  placed,
  startAttention,
  tokenProduct,
} from "../attribution/maps/attention-run";
import { type Explains, perTarget } from "../attribution/several-targets";
import { throwIfAborted } from "../checks";
import { entryOf } from "../guard";
import { attentionRelevanceFacts } from "../methods/attention-relevance";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { toRowMajor } from "../operation/layout";

/**
 * Attention relevance: attention that the score grows by, followed from block to block.
 *
 *   Ā = mean_heads (∇A ⊙ A)⁺     R ← R + Ā·R, from R = I     its row of the class token, or the mean of its rows where there is none
 *
 * Chefer, Gur & Wolf 2021, https://arxiv.org/abs/2103.15679, equations 5 and 6 (self-attention).
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the grid of the tokens, not negative
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if the network has no attention, or attends in windows, over fewer tokens from block to block, or between two sets of tokens
 * @throws {OptionError} if `discard` is not at least 0 and below 1
 * @example
 * const { values } = await attentionRelevance(model, image, { target: "cat" });
 */
export const attentionRelevance: Explains<AttentionOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: AttentionOptions): Promise<Attribution> {
  const options = settledOptions(attentionRelevanceFacts, unsettled);
  throwIfAborted(options.signal);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const run = startAttention(model, "attentionRelevance", target, options.discard);
  const { layers, tokens, grid } = run;
  const at = layers.map(({ value }) => value);
  const { signal } = options;
  const pass = await gradientPass(model, { data: model.prepare(input), target, at, keep: at, signal });
  let relevance = identityMatrix(tokens);
  for (const { value, heads } of layers) {
    const [maps, slopes] = [pass.values, pass.gradients].map((found) =>
      toRowMajor(entryOf(found, value), model.shape(value)),
    );
    const mean = headMean(tokens, heads, (i) => Math.max(maps[i] * slopes[i], 0));
    discardSmallest(mean, options.discard, grid);
    relevance = tokenProduct(tokens, mean, relevance, relevance);
  }
  return finishAttribution(model, input, {
    method: "attention-relevance",
    target: pass.report,
    ...placed(model, relevance, run),
    effect: "flow",
    relative: true,
    notes: targetNotes(model, options, pass.score, target.value),
    options: { ...options },
  });
}
