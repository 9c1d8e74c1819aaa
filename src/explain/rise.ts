import type { BlackBox } from "../attribution/black-box";
import { fewestCells, gridFor } from "../attribution/covering/box-grid";
import { maskPasses } from "../attribution/covering/random-masks";
import { inputByInput } from "../attribution/input-by-input";
import { byPasses, type Passes } from "../attribution/passes";
import type { Refining } from "../attribution/refinement";
import type { PassesOptions } from "../attribution/scored-input";
import { riseFacts } from "../methods/rise";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";
import { asksForBox } from "../model/resolve-target";
import { note } from "../notes";

export interface RiseOptions extends PassesOptions {
  /** Number of masks, a pass each; default 4000. */
  readonly masks?: number;
  /** Cells of a mask along each axis; default 7, of a `{ detection }` up to 16, one and a half to a box. */
  readonly grid?: number;
  /** Probability that a cell lets the input through; default 0.5. */
  readonly probability?: number;
}

/**
 * RISE: the mean of random masks, each weighed by the score of the input behind it. Needs only scores.
 *
 *   attribution(pixel) = 1/(N p) Σ_i s(x ⊙ M_i) · M_i(pixel)
 *
 * Petsiuk, Das & Saenko 2018, https://arxiv.org/abs/1806.07421, equation 6 and section 3.2: a mask is a grid of cells that are 1 with
 * probability p, enlarged bilinearly to one cell more than the input and cropped at random. Enlarged with half-pixel centres and
 * mirrored edges, as the authors' code does (https://github.com/eclique/RISE). Scores are those before the softmax; hidden pixels
 * are zero in the network's input space. Of a `{ detection }` the mean score s̄ is taken from each, Σ (s − s̄) M: a small box is hidden
 * by hardly any mask, and what every place then gets alike is no evidence (https://github.com/microsoft/vision-explanation-methods
 * does the same). The sum converges slowly: its error falls with 1/√masks. Of several
 * inputs one is masked after the other, while the others stay as they are.
 *
 * @function
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, in score units; all channels of a pixel have the same value
 * @throws {OptionError} if masks, grid, probability or batchSize is out of range
 * @throws {TargetError} if `target` names no class of the model
 * @example
 * const attribution = await rise(model, image, { target: "cat", masks: 500, seed: 1 });
 */
export const rise: (model: Model | BlackBox, input: Input, options?: RiseOptions) => Refining =
  /* @__PURE__ */ byPasses(beginRise);

/** A pass per mask. */
async function beginRise(model: Model | BlackBox, input: Input, unsettled: RiseOptions): Promise<Passes<number>> {
  return inputByInput(model, input, settledOptions(riseFacts, unsettled), (scored, options) => {
    const grid = options.grid ?? gridFor(options.target, scored.frame);
    const isFiner = options.grid === undefined && grid > fewestCells;
    const notes = isFiner ? [...scored.notes, note("grid-of-box", String(grid))] : scored.notes;
    const level = asksForBox(options.target) ? "mean" : "zero";
    return maskPasses("rise", { ...scored, notes }, { ...options, grid }, level);
  });
}
