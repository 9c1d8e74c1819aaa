import { InputError, OptionError, ShapeError, TargetError } from "../errors";
import { type Input, isTensor, type LoadedModel, loaded, type Model } from "../model/model";
import { resolveTarget, scoreOf, type TargetReport } from "../model/target";
import { toMemoryOrder, toRowMajor } from "../ops/layout";
import { showShape, Tensor } from "../tensor";
import type { Attribution, ExplainOptions } from "./attribution";
import { type Baseline, baselineData } from "./baseline";
import { batchOf } from "./batch";
import { inputSize, report, targetNotes } from "./gradient";
import type { Note } from "./notes";
import { createPace } from "./pace";
import { makeRecipe } from "./recipe";

/**
 * Any function from a batch of inputs, `[N, H, W, C]` or signals `[N, C, L]`, to one score per input (or N rows of scores, of
 * which `target` picks a column): a model that runs elsewhere.
 */
export type BlackBox = (batch: Tensor) => Promise<Float32Array>;

export interface OcclusionOptions extends ExplainOptions {
  /**
   * Height and width of the patch in input pixels, of a signal or vector one number; default a seventh of the input, of a
   * vector 1.
   */
  readonly window?: readonly [height: number, width: number] | number;
  /** Step between patches; default half the window. */
  readonly stride?: readonly [y: number, x: number] | number;
  /** What the patch shows; default 'zero', in the network's input space. */
  readonly value?: Baseline;
  /** Patches per pass; default up to 8, as many as suit the cache. */
  readonly batchSize?: number;
}

interface Frame {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** True for signals and vectors, which have one row: extents are one number. */
  readonly line: boolean;
}

/** Scores of a batch of inputs, for one fixed target. */
interface Scorer {
  readonly target: TargetReport;
  readonly notes: readonly Note[];
  score(batch: Float32Array, count: number): Promise<Float64Array>;
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
 * @throws {OptionError} if window, stride, value or batchSize is out of range
 * @throws {TargetError} if `target` names no class of the model
 */
export function occlusion(model: Model | BlackBox, input: Input, options: OcclusionOptions = {}): Promise<Attribution> {
  return occlusionBy(async (passes) => passes.scores(0, passes.count), model, input, options);
}

/** The occluded passes of one explanation. They are independent: whoever computes them, their scores have the same bits. */
export interface OccludedPasses {
  /** One per position of the patch. */
  readonly count: number;
  /** The scores of the positions from `from` up to but without `to`; progress is reported out of `count`. */
  scores(from: number, to: number): Promise<Float64Array>;
}

/** Scores of a part of the positions, to be computed by one of several instances. */
export async function occlusionPart(
  model: Model,
  input: Input,
  options: OcclusionOptions,
  [part, parts]: readonly [part: number, parts: number],
): Promise<Float64Array> {
  const { passes } = await occlude(model, input, options);
  const start = (index: number): number => Math.floor((index * passes.count) / parts);
  return passes.scores(start(part), start(part + 1));
}

/** Occlusion with the passes made as `scoresOf` says: here, or by several instances that each took a part. */
export async function occlusionBy(
  scoresOf: (passes: OccludedPasses) => Promise<Float64Array>,
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
  readonly attribution: (scores: Float64Array) => Promise<Attribution>;
}> {
  const inner = typeof model === "function" ? undefined : loaded(model);
  const x = inner ? inner.prepare(input) : inMemoryOrder(tensorOf(input));
  const frame = inner ? modelFrame(inner) : tensorFrame(tensorOf(input));
  const { height, width, channels } = frame;
  const isVector = inner !== undefined && inputSize(inner).width * inputSize(inner).height === 1;
  const usual: readonly [number, number] = isVector ? [1, 1] : [Math.ceil(height / 7), Math.ceil(width / 7)];
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
  const batchSize = batchOf(inner, options.batchSize);
  const fill = inner ? baselineData(inner, x, value) : plainFill(x, value);
  const patches = patchesOf(frame, window, stride);
  const pace = createPace(options, patches.length);
  const scorer = inner ? modelScorer(inner, x, options) : await blackBoxScorer(model as BlackBox, x, frame, options);

  const scores = async (from: number, to: number): Promise<Float64Array> => {
    const found = new Float64Array(to - from);
    for (let first = from; first < to; first += batchSize) {
      const group = patches.slice(first, Math.min(first + batchSize, to));
      const batch = new Float32Array(group.length * x.length);
      group.forEach((patch, sample) => {
        batch.set(x, sample * x.length);
        eachRow(patch, (row) => {
          const [left, right] = [(row * width + patch.left) * channels, (row * width + patch.right) * channels];
          batch.set(fill.subarray(left, right), sample * x.length + left);
        });
      });
      found.set(await scorer.score(batch, group.length), first - from);
      await pace.step(first - from + group.length);
    }
    return found;
  };

  const attribution = async (occluded: Float64Array): Promise<Attribution> => {
    // Position by position in one order, however the passes were divided.
    const drop = new Float64Array(height * width);
    const cover = new Float64Array(height * width);
    patches.forEach((patch, position) => {
      eachRow(patch, (row) => {
        for (let column = patch.left; column < patch.right; column++) {
          drop[row * width + column] += scorer.target.score - occluded[position];
          cover[row * width + column] += 1;
        }
      });
    });
    const values = x.map((_, i) => {
      const pixel = Math.floor(i / channels);
      return drop[pixel] / cover[pixel];
    });
    return {
      method: "occlusion",
      target: scorer.target,
      values: inner ? inner.tensor(inner.fast.input, values) : asTensor(values, tensorOf(input).shape),
      inputSize: inner ? inputSize(inner) : { width, height },
      notes: scorer.notes,
      recipe: await makeRecipe(inner, "occlusion", { ...options, window, stride, value }),
    };
  };
  return { passes: { count: patches.length, scores }, attribution };
}

interface Patch {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** All patch positions, row by row; the last of each axis is clipped. */
function patchesOf(
  { height, width }: Frame,
  window: readonly [number, number],
  stride: readonly [number, number],
): Patch[] {
  const starts = (extent: number, size: number, step: number): number[] =>
    Array.from({ length: Math.ceil((extent - size) / step) + 1 }, (_, k) => k * step).filter((start) => start < extent);
  return starts(height, window[0], stride[0]).flatMap((top) =>
    starts(width, window[1], stride[1]).map((left) => ({
      top,
      left,
      bottom: Math.min(top + window[0], height),
      right: Math.min(left + window[1], width),
    })),
  );
}

function eachRow({ top, bottom }: Patch, visit: (row: number) => void): void {
  for (let row = top; row < bottom; row++) visit(row);
}

function modelScorer(model: LoadedModel, x: Float32Array, options: ExplainOptions): Scorer {
  const target = resolveTarget(model, options.target);
  const size = model.sampleSize(target.value);
  const run = (data: Float32Array, batch: number): Float32Array =>
    model.pass({ batch, data, keep: [target.value] }).values.get(target.value) as Float32Array;
  const plain = run(x, 1);
  const score = target.choose(plain);
  return {
    target: report(score, plain),
    notes: targetNotes(model, options, score, target.value),
    score: async (batch, count) => {
      const value = run(batch, count);
      return Float64Array.from({ length: count }, (_, sample) => scoreOf(score, value, sample * size));
    },
  };
}

async function blackBoxScorer(
  blackBox: BlackBox,
  x: Float32Array,
  frame: Frame,
  options: ExplainOptions,
): Promise<Scorer> {
  const rows = async (batch: Float32Array, count: number): Promise<{ scores: Float32Array; classes: number }> => {
    const scores = await blackBox(asTensor(batch, batchShape(frame, count)));
    if (!(scores instanceof Float32Array) || scores.length === 0 || scores.length % count !== 0) {
      const got = scores instanceof Float32Array ? `${scores.length} values` : typeof scores;
      throw new ShapeError(
        `The black box must return a Float32Array of one score (or one row of scores) per input: ${count} inputs went in, ${got} came out.`,
      );
    }
    if (!scores.every(Number.isFinite)) throw new InputError("The black box returned a score that is not finite.");
    return { scores, classes: scores.length / count };
  };
  const plain = await rows(x.slice(), 1);
  const { target = "top" } = options;
  const index = target === "top" ? plain.scores.indexOf(Math.max(...plain.scores)) : target;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= plain.classes) {
    throw new TargetError(
      `A black box with ${plain.classes} scores per input takes a target index from 0 to ${plain.classes - 1} or 'top', got ${JSON.stringify(target)}.`,
    );
  }
  return {
    target: { index, score: plain.scores[index] },
    notes: [],
    score: async (batch, count) => {
      const { scores, classes } = await rows(batch, count);
      return Float64Array.from({ length: count }, (_, sample) => scores[sample * classes + index]);
    },
  };
}

function tensorOf(input: Input): Tensor {
  if (isTensor(input) && [3, 4].includes(input.shape.length) && input.shape[0] === 1) return input;
  const got = isTensor(input) ? showShape(input.shape) : "an image";
  throw new ShapeError(
    `Occlusion of a black box takes a Tensor [1, H, W, C] or [1, C, L] as its input, because only you know how it is normalised; got ${got}.`,
  );
}

const tensorFrame = ({ shape }: Tensor): Frame =>
  shape.length === 3
    ? { height: 1, width: shape[2], channels: shape[1], line: true }
    : { height: shape[1], width: shape[2], channels: shape[3], line: false };

const batchShape = ({ height, width, channels, line }: Frame, count: number): number[] =>
  line ? [count, channels, width] : [count, height, width, channels];

/** Signals lie in memory sample by sample, in tensors channel by channel; images are the same in both. */
const inMemoryOrder = ({ data, shape }: Tensor): Float32Array =>
  shape.length === 3 ? toMemoryOrder(data, shape) : data;
const asTensor = (data: Float32Array, shape: readonly number[]): Tensor =>
  new Tensor(shape.length === 3 ? toRowMajor(data, shape) : data, shape);

/** A vector (the latent of a generator) is a row of places with one number each: it is covered number by number. */
function modelFrame(model: LoadedModel): Frame {
  const { width, height } = inputSize(model);
  const channels = model.sampleSize(model.fast.input) / (width * height);
  return width * height === 1
    ? { width: channels, height: 1, channels: 1, line: true }
    : { width, height, channels, line: model.input.shape.length === 3 };
}

function plainFill(x: Float32Array, value: Baseline): Float32Array {
  if (value === "zero") return new Float32Array(x.length);
  if (typeof value === "number") return new Float32Array(x.length).fill(value);
  if (value instanceof Tensor && value.data.length === x.length) return inMemoryOrder(value);
  throw new OptionError("Occlusion of a black box takes the value 'zero', a number or a Tensor of the input's shape.");
}

/** Rows and columns; where there is one row, one number will do. */
function extents(name: string, value: readonly [number, number] | number, { line }: Frame): readonly [number, number] {
  const pair = line && typeof value === "number" ? [1, value] : value;
  if (Array.isArray(pair) && pair.length === 2 && pair.every((size) => Number.isInteger(size) && size >= 1))
    return [pair[0], pair[1]];
  const expected = line ? "a whole number of at least 1" : "two whole numbers of at least 1 (rows, columns)";
  throw new OptionError(`${name} must be ${expected}, got ${JSON.stringify(value)}.`);
}
