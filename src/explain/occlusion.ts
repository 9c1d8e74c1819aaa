import { MemoryError, OptionError } from "../errors";
import type { Input, Model } from "../model/model";
import type { Attribution } from "./attribution";
import type { Baseline } from "./baseline";
import type { BlackBox } from "./black-box";
import { type Engine, scorePatches } from "./occluded-scores";
import { createPace } from "./pace";
import { eachRow, type Frame, patchesOf } from "./patches";
import { attributeToPlaces, type PassesOptions, scoreInput } from "./scored-input";

export interface OcclusionOptions extends PassesOptions {
  /**
   * Height and width of the patch in input pixels, of a signal or vector one number; default a seventh of the input, of a
   * vector 1.
   */
  readonly window?: readonly [height: number, width: number] | number;
  /** Step between patches; default half the window. */
  readonly stride?: readonly [y: number, x: number] | number;
  /** What the patch shows; default 'zero', in the network's input space. */
  readonly value?: Baseline;
  /**
   * 'incremental' keeps the maps of every layer and computes for each patch only what it changes, as far as that is less work;
   * 'full' computes whole passes. Their values differ by rounding; each has the same bits everywhere, and the recipe says which it
   * was. Default: 'incremental' where the maps fit in memory, with `memory: 'low'` 'full'.
   */
  readonly engine?: "incremental" | "full";
}

/**
 * Occlusion: by how much the score drops where a patch covers the input.
 *
 *   attribution(pixel) = mean over the patches that cover it of s(x) − s(x with the patch replaced)
 *
 * Zeiler & Fergus, ECCV 2014, https://arxiv.org/abs/1311.2901, section 2.2. Matches Captum's `Occlusion`: per axis there
 * are ⌈(D − window)/stride⌉ + 1 positions, the last patch is clipped at the border, every pixel is covered. The patch
 * spans all channels, so all channels of a pixel have the same value; of an input without places, such as the latent of a
 * generator, it covers one number (with `window` [1, n]: n neighbours), as Captum's `FeatureAblation` does.
 *
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, signed, in score units; positive where covering lowers the score
 * @throws {OptionError} if window, stride, value, engine or batchSize is out of range
 * @throws {MemoryError} if the maps of `engine: 'incremental'` do not fit
 * @throws {TargetError} if `target` names no class of the model
 */
export function occlusion(model: Model | BlackBox, input: Input, options: OcclusionOptions = {}): Promise<Attribution> {
  return occlusionBy((passes) => passes.scores(0, passes.count), model, input, options);
}

/** Scores of some positions of the patch. */
export interface OccludedScores {
  readonly scores: Float64Array;
  readonly engine: Engine;
}

/** The occluded passes of one explanation. They are independent: whoever computes them by one engine, their scores have the same bits. */
export interface OccludedPasses {
  /** One per position of the patch. */
  readonly count: number;
  /** The scores of the positions from `from` up to but without `to`; progress is reported out of `count`. */
  scores(from: number, to: number): Promise<OccludedScores>;
}

/** Scores of a part of the positions, to be computed by one of several instances. */
export async function occlusionPart(
  model: Model,
  input: Input,
  options: OcclusionOptions,
  [part, parts]: readonly [part: number, parts: number],
): Promise<OccludedScores> {
  const { passes } = await occlude(model, input, options);
  const start = (index: number): number => Math.floor((index * passes.count) / parts);
  return passes.scores(start(part), start(part + 1));
}

/** Occlusion with the passes made as `scoresOf` says: here, or by several instances that each took a part. */
export async function occlusionBy(
  scoresOf: (passes: OccludedPasses) => Promise<OccludedScores>,
  model: Model | BlackBox,
  input: Input,
  options: OcclusionOptions,
): Promise<Attribution> {
  const { passes, attribution } = await occlude(model, input, options);
  return attribution(await scoresOf(passes));
}

/** One occlusion: its passes, and the result that their scores make. */
async function occlude(
  model: Model | BlackBox,
  input: Input,
  options: OcclusionOptions,
): Promise<{
  readonly passes: OccludedPasses;
  readonly attribution: (found: OccludedScores) => Promise<Attribution>;
}> {
  const scored = await scoreInput(model, input, options);
  const { frame } = scored;
  const { height, width } = frame;
  const usual: readonly [number, number] = scored.isVector ? [1, 1] : [Math.ceil(height / 7), Math.ceil(width / 7)];
  const window = extents("window", options.window ?? usual, frame);
  const stride = extents("stride", options.stride ?? [Math.ceil(window[0] / 2), Math.ceil(window[1] / 2)], frame);
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
  const { value = "zero" } = options;
  const fill = scored.fill(value);
  const patches = patchesOf(frame, window, stride);
  const count = patches.all.length;
  const pace = createPace(options, count);
  const scorer = scorePatches(scored, fill, patches, options);

  const scores = async (from: number, to: number): Promise<OccludedScores> => {
    const found = new Float64Array(to - from);
    try {
      for (let first = from; first < to; first += scorer.batchSize) {
        const group = patches.all.slice(first, Math.min(first + scorer.batchSize, to));
        found.set(await scorer.score(group), first - from);
        await pace.step(first - from + group.length);
      }
    } catch (error) {
      if (!(error instanceof MemoryError) || !scorer.fallBack()) throw error;
      return scores(from, to);
    } finally {
      scorer.close();
    }
    return { scores: found, engine: scorer.engine };
  };

  const attribution = async ({ scores: occluded, engine }: OccludedScores): Promise<Attribution> => {
    // Position by position in one order, however the passes were divided.
    const drop = new Float64Array(height * width);
    const cover = new Float64Array(height * width);
    patches.all.forEach((patch, position) => {
      eachRow(patch, (row) => {
        for (let column = patch.left; column < patch.right; column++) {
          drop[row * width + column] += scored.target.score - occluded[position];
          cover[row * width + column] += 1;
        }
      });
    });
    const values = drop.map((total, place) => total / cover[place]);
    return attributeToPlaces(scored, "occlusion", values, { ...options, window, stride, value, engine });
  };
  return { passes: { count, scores }, attribution };
}

/** Rows and columns; where there is one row, one number will do. */
function extents(name: string, value: readonly [number, number] | number, { line }: Frame): readonly [number, number] {
  const pair = line && typeof value === "number" ? [1, value] : value;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((size) => Number.isInteger(size) && size >= 1))
    return [pair[0], pair[1]];
  const expected = line ? "a whole number of at least 1" : "two whole numbers of at least 1 (rows, columns)";
  throw new OptionError(`${name} must be ${expected}, got ${JSON.stringify(value)}.`);
}
