import type { Baseline } from "../attribution/baseline";
import type { BlackBox } from "../attribution/black-box";
import { type Engine, scorePatches } from "../attribution/covering/occluded-scores";
import {
  type Cuboid,
  coarseFirst,
  cuboidOf,
  eachRow,
  type Frame,
  type Patch,
  patchesOf,
} from "../attribution/covering/patches";
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
   * Height and width of the patch in input pixels, or one number for both; of a signal or vector its length, of a volume its depth, height
   * and width, or one number for all three. Default a seventh of the input along each axis, of a vector 1. Of several inputs each may have its own: `{ photo: 8, age: 1 }`.
   */
  readonly window?: PerInput<Extents>;
  /** Step between patches; default half the window. */
  readonly stride?: PerInput<Extents>;
  /** What the patch shows; default 'zero', in the network's input space. */
  readonly value?: Baseline;
  /**
   * 'incremental' keeps the maps of every layer and computes for each patch only what it changes, as far as that is less work;
   * 'full' computes whole passes. Their values differ by rounding; each has the same bits everywhere, and the recipe says which it
   * was. Default: 'incremental' where the maps fit in memory, with `memory: 'low'` and of volumes 'full'. Of several inputs each may have its own, as
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
  const whole = cuboidOf(frame);
  const usual: Cuboid = scored.isVector ? [1, 1, 1] : seventh(whole);
  const window = extents("window", sizeFor("window", options.window, scored), frame) ?? usual;
  const half: Cuboid = [Math.ceil(window[0] / 2), Math.ceil(window[1] / 2), Math.ceil(window[2] / 2)];
  const stride = extents("stride", sizeFor("stride", options.stride, scored), frame) ?? half;
  // As they are given: of a volume three numbers, of a picture two.
  const own = (sizes: Cuboid): readonly number[] => (frame.depth > 1 ? sizes : sizes.slice(1));
  const shown = (sizes: Cuboid): string => (frame.line ? `${sizes[2]}` : own(sizes).join("×"));
  if (window.some((size, axis) => size > whole[axis])) {
    throw new OptionError(`window ${shown(window)} is larger than the input, ${shown(whole)}.`);
  }
  if (stride.some((step, axis) => step > window[axis])) {
    const between = frame.line ? "samples" : frame.depth > 1 ? "voxels" : "pixels";
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
        eachRow(patch, frame, (row) => {
          for (let column = patch.left; column < patch.right; column++) {
            drop[row * width + column] += scored.target.score - occluded[position];
            cover[row * width + column] += 1;
          }
        });
      }
      const dropAt = (place: number): number => {
        const nearest = nearestPatch(known, patches.all, placeIn(frame, place));
        return scored.target.score - occluded[nearest];
      };
      // While patches are missing, a place that none has covered yet has what its nearest one found.
      const values = drop.map((total, place) => (cover[place] > 0 ? total / cover[place] : dropAt(place)));
      const { engine: _, ...others } = options;
      const used = { ...others, window: own(window), stride: own(stride), value, engine: scorer.engine };
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

const seventh = ([depth, height, width]: Cuboid): Cuboid => [
  Math.ceil(depth / 7),
  Math.ceil(height / 7),
  Math.ceil(width / 7),
];

/** Slice, row of the slice and column of a place. */
function placeIn(frame: Frame, place: number): Cuboid {
  const [, height, width] = cuboidOf(frame);
  const row = Math.floor(place / width);
  return [Math.floor(row / height), row % height, place % width];
}

/** Of some patches the one whose middle is nearest to a place; of several the first. */
function nearestPatch(known: readonly number[], all: readonly Patch[], [slice, row, column]: Cuboid): number {
  let [best, least] = [known[0], Number.POSITIVE_INFINITY];
  const away = (from: number, to: number, at: number): number => ((from + to - 1) / 2 - at) ** 2;
  for (const position of known) {
    const { front, back, top, bottom, left, right } = all[position];
    const distance = away(front, back, slice) + away(top, bottom, row) + away(left, right, column);
    if (distance < least) [best, least] = [position, distance];
  }
  return best;
}

type Extents = readonly [height: number, width: number] | Cuboid | number;

/** Beside inputs with places, the numbers of a vector are covered one by one, unless they are named. */
function sizeFor(option: string, given: PerInput<Extents> | undefined, scored: ScoredInput): Extents | undefined {
  const own = ownOption(option, given, scored);
  const beside = scored.inner && scored.inner.model.parts.inputs.length > 1;
  return beside && scored.isVector && !isByName(given) ? undefined : own;
}

/** Slices, rows and columns; one number is all of them, where there is one slice or row the others. */
function extents(name: string, value: Extents | undefined, { depth, line }: Frame): Cuboid | undefined {
  if (value === undefined) return undefined;
  const isVolume = depth > 1;
  const given: unknown =
    typeof value === "number" ? [isVolume ? value : 1, line ? 1 : value, value].slice(isVolume ? 0 : 1) : value;
  const isNatural = (size: unknown): size is number => Number.isInteger(size) && (size as number) >= 1;
  if (Array.isArray(given) && given.length === (isVolume ? 3 : 2) && given.every(isNatural)) {
    const [slices, rows, columns] = isVolume ? given : [1, ...given];
    return [slices, rows, columns];
  }
  const more = isVolume ? ", or three (slices, rows, columns)" : ", or two (rows, columns)";
  throw new OptionError(`${name} must be a whole number of at least 1${line ? "" : more}, got ${show(value)}.`);
}
