import type { Attribution } from "../attribution/attribution";
import { finishAttribution } from "../attribution/finish";
import { forwardPass, targetNotes } from "../attribution/gradients/gradient";
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
import { attentionRolloutFacts } from "../methods/attention-rollout";
import { settledOptions } from "../methods/settled-options";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { note } from "../notes";
import { toRowMajor } from "../operation/layout";

/**
 * Attention rollout: how much each place of the picture is mixed into the class token, attention taken for a flow from block to block.
 *
 *   R = Π_blocks (½·I + ½·mean_heads A)     its row of the class token, or the mean of its rows where there is none
 *
 * Abnar & Zuidema 2020, https://arxiv.org/abs/2005.00928, section 3.2. Rows are normalised again where `discard` took something away.
 * It does not look at the target, only at what attends to what; a note says so.
 *
 * @function
 * @returns attribution `[1, h, w, 1]` at the grid of the tokens, not negative; its sum is at most 1, the rest is what tokens in front keep
 * @throws {TargetError} if `target` names no class of the model
 * @throws {LayerError} if the network has no attention, or attends in windows, over fewer tokens from block to block, or between two sets of tokens
 * @throws {OptionError} if `discard` is not at least 0 and below 1
 * @example
 * const { values } = await attentionRollout(model, image, { discard: 0.9 });
 */
export const attentionRollout: Explains<AttentionOptions> = /* @__PURE__ */ perTarget(attribute);

async function attribute(given: Model, input: Input, unsettled: AttentionOptions): Promise<Attribution> {
  const options = settledOptions(attentionRolloutFacts, unsettled);
  throwIfAborted(options.signal);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const run = startAttention(model, "attentionRollout", target, options.discard);
  const { layers, tokens, grid } = run;
  const kept = layers.map(({ value }) => value);
  const pass = await forwardPass(model, model.prepare(input), target, kept, options.signal);
  let rolled = identityMatrix(tokens);
  for (const { value, heads } of layers) {
    const maps = toRowMajor(entryOf(pass.values, value), model.shape(value));
    const mixed = headMean(tokens, heads, (i) => maps[i]);
    discardSmallest(mixed, options.discard, grid);
    for (let row = 0; row < tokens; row++) {
      let sum = 0;
      for (let k = 0; k < tokens; k++) {
        const i = row * tokens + k;
        mixed[i] = mixed[i] / 2 + Number(k === row) / 2;
        sum += mixed[i];
      }
      if (options.discard > 0) for (let k = 0; k < tokens; k++) mixed[row * tokens + k] /= sum;
    }
    rolled = tokenProduct(tokens, mixed, rolled);
  }
  return finishAttribution(model, input, {
    method: "attention-rollout",
    target: pass.report,
    ...placed(model, rolled, run),
    effect: Number.POSITIVE_INFINITY,
    relative: true,
    notes: [...targetNotes(model, options, pass.score, target.value), note("hardly-about-the-target")],
    options: { ...options },
  });
}
