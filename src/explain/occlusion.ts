import type { Baseline } from "../attribution/baseline";
import type { BlackBox } from "../attribution/black-box";
import { type Engine, scorePatches } from "../attribution/covering/occluded-scores";
import { coarseFirst, eachRow, type Frame, type Patch, patchesOf } from "../attribution/covering/patches";
import { type InputPasses, inputByInput, ownOption } from "../attribution/input-by-input";
import { byPasses, type Passes } from "../attribution/passes";
import { isByName, type PerInput } from "../attribution/per-input";
import type { Refining } from "../attribution/refinement";
import { foundAtPlaces, type PassesOptions, type ScoredInput } from "../attribution/scored-input";
import { show } from "../checks";
import { MemoryError, OptionError } from "../errors";
import { occlusionFacts } from "../methods/occlusion";
import { settledOptions } from "../methods/settled-options";
import type { Input, Model } from "../model/model";

export interface OcclusionOptions extends PassesOptions {
  /**
   * Height and width of the patch in input pixels, or one number for both; of a signal or vector its length. Default a seventh of
   * the input, of a vector 1. Of several inputs each may have its own: `{ photo: 8, age: 1 }`.
   */
  readonly window?: PerInput<Extents>;
  /** Step between patches; default half the window. */
  readonly stride?: PerInput<readonly [y: number, x: number] | number>;
  /** What the patch shows; default 'zero', in the network's input space. */
  readonly value?: Baseline;
  /**
   * 'incremental' keeps the maps of every layer and computes for each patch only what it changes, as far as that is less work;
   * 'full' computes whole passes. Their values differ by rounding; each has the same bits everywhere, and the recipe says which it
   * was. Default: 'incremental' where the maps fit in memory, with `memory: 'low'` 'full'. Of several inputs each may have its own, as
   * recipes say it where they differ.
   */
  readonly engine?: PerInput<Engine>;
}

/**
 * Occlusion: by how much the score drops where a patch covers the input.
 *
 *   attribution(pixel) = mean over the patches that cover it of s(x) − s(x with the patch replaced)
 *
 * Zeiler & Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901, section 2.2. Matches Captum's `Occlusion`: per axis there
 * are ⌈(D − window)/stride⌉ + 1 positions, the last patch is clipped at the border, every pixel is covered. The patch
 * spans all channels, so all channels of a pixel have the same value; of an input without places, such as the latent of a
 * generator, it covers one number (with `window` [1, n]: n neighbours), as Captum's `FeatureAblation` does. Of several inputs one is
 * covered after the other, while the others stay as they are.
 *
 * @function
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, signed, in score units; positive where covering lowers the score
 * @throws {OptionError} if window, stride, value, engine or batchSize is out of range
 * @throws {MemoryError} if the maps of `engine: 'incremental'` do not fit
 * @throws {TargetError} if `target` names no class of the model
 */
export const occlusion: (model: Model | BlackBox, input: Input, options?: OcclusionOptions) => Refining =
  /* @__PURE__ */ byPasses(beginOcclusion);

/** A pass per position of the patch. */
async function beginOcclusion(
  model: Model | BlackBox,
  input: Input,
  unsettled: OcclusionOptions,
): Promise<Passes<number>> {
  return inputByInput(model, input, settledOptions(occlusionFacts, unsettled), patchPasses);
}

function patchPasses(scored: ScoredInput, options: OcclusionOptions & { readonly value: Baseline }): InputPasses {
  const { frame } = scored;
  const { height, width } = frame;
  const usual: readonly [number, number] = scored.isVector ? [1, 1] : [Math.ceil(height / 7), Math.ceil(width / 7)];
  const window = extents("window", sizeFor("window", options.window, scored) ?? usual, frame);
  const half = [Math.ceil(window[0] / 2), Math.ceil(window[1] / 2)] as const;
  const stride = extents("stride", sizeFor("stride", options.stride, scored) ?? half, frame);
  const shown = (pair: readonly [number, number]): string => (frame.line ? `${pair[1]}` : pair.join("×"));
  if (window[0] > height || window[1] > width) {
    throw new OptionError(`window ${shown(window)} is larger than the input, ${shown([height, width])}.`);
  }
  if (stride[0] > window[0] || stride[1] > window[1]) {
    const between = frame.line ? "samples" : "pixels";
    throw new OptionError(
      `stride ${shown(stride)} is larger than the window, ${shown(window)}: ${between} between the patches would never be covered.`,
    );
  }
  const { value } = options;
  const fill = scored.fill(value);
  const patches = patchesOf(frame, window, stride);
  const count = patches.all.length;
  const scorer = scorePatches(scored, fill, patches, {
    ...options,
    engine: ownOption("engine", options.engine, scored),
  });
  const occluded = new Float64Array(count);
  const taken = new Set<number>();

  return {
    count,
    ...coarseFirst(patches),
    get batchSize() {
      return scorer.batchSize;
    },
    get engine() {
      return scorer.engine;
    },
    resultBytes: occluded.BYTES_PER_ELEMENT,
    async make(passes) {
      try {
        return await scorer.score(passes.map((pass) => patches.all[pass]));
      } catch (error) {
        if (!(error instanceof MemoryError && scorer.fallBack())) throw error;
        return undefined;
      }
    },
    take(scores, passes) {
      passes.forEach((pass, i) => {
        occluded[pass] = scores[i];
        taken.add(pass);
      });
    },
    restart: () => taken.clear(),
    close: () => scorer.close(),
    found() {
      const drop = new Float64Array(height * width);
      const cover = new Float64Array(height * width);
      const known = [...taken].sort((a, b) => a - b);
      for (const position of known) {
        const patch = patches.all[position];
        eachRow(patch, (row) => {
          for (let column = patch.left; column < patch.right; column++) {
            drop[row * width + column] += scored.target.score - occluded[position];
            cover[row * width + column] += 1;
          }
        });
      }
      const dropAt = (place: number): number => {
        const nearest = nearestPatch(known, patches.all, Math.floor(place / width), place % width);
        return scored.target.score - occluded[nearest];
      };
      // While patches are missing, a place that none has covered yet has what its nearest one found.
      const values = drop.map((total, place) => (cover[place] > 0 ? total / cover[place] : dropAt(place)));
      const { engine: _, ...others } = options;
      const used = { ...others, window, stride, value, engine: scorer.engine };
      return foundAtPlaces(
        scored,
        "occlusion",
        values,
        used,
        known.map((position) => occluded[position]),
      );
    },
  };
}

/** Of some patches the one whose middle is nearest to a place; of several the first. */
function nearestPatch(known: readonly number[], all: readonly Patch[], row: number, column: number): number {
  let [best, least] = [known[0], Number.POSITIVE_INFINITY];
  for (const position of known) {
    const { top, bottom, left, right } = all[position];
    const distance = ((top + bottom - 1) / 2 - row) ** 2 + ((left + right - 1) / 2 - column) ** 2;
    if (distance < least) [best, least] = [position, distance];
  }
  return best;
}

type Extents = readonly [height: number, width: number] | number;

/** Beside inputs with places, the numbers of a vector are covered one by one, unless they are named. */
function sizeFor(option: string, given: PerInput<Extents> | undefined, scored: ScoredInput): Extents | undefined {
  const own = ownOption(option, given, scored);
  const beside = scored.inner && scored.inner.model.parts.inputs.length > 1;
  return beside && scored.isVector && !isByName(given) ? undefined : own;
}

/** Rows and columns; one number is both, where there is one row the columns. */
function extents(name: string, value: readonly [number, number] | number, { line }: Frame): readonly [number, number] {
  const pair = typeof value === "number" ? [line ? 1 : value, value] : value;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((size) => Number.isInteger(size) && size >= 1))
    return [pair[0], pair[1]];
  const expected = line ? "a whole number of at least 1" : "a whole number of at least 1, or two (rows, columns)";
  throw new OptionError(`${name} must be ${expected}, got ${show(value)}.`);
}
