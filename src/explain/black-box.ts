import { InputError, OptionError, ShapeError, TargetError } from "../errors";
import { type Input, isTensor } from "../model/model";
import { toMemoryOrder, toRowMajor } from "../ops/layout";
import { showShape, Tensor } from "../tensor";
import type { Baseline } from "./baseline";
import { batchOf } from "./batch";
import type { Occluded, Scorer } from "./occluded-scores";
import type { OcclusionOptions } from "./occlusion";
import { type Frame, occluded } from "./patches";

/**
 * Any function from a batch of inputs, `[N, H, W, C]` or signals `[N, C, L]`, to one score per input (or N rows of scores, of
 * which `target` picks a column): a model that runs elsewhere.
 */
export type BlackBox = (batch: Tensor) => Promise<Float32Array>;

/** Scores by somebody else's model. */
export async function blackBoxScorer(
  blackBox: BlackBox,
  { x, fill, frame }: Occluded,
  options: OcclusionOptions,
): Promise<Scorer> {
  if (options.engine !== undefined && options.engine !== "full") {
    throw new OptionError(
      `engine ${JSON.stringify(options.engine)} needs a model of loadModel: of a black box nothing but its scores is known. Leave the option out.`,
    );
  }
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
    engine: "full",
    batchSize: batchOf(undefined, options.batchSize),
    score: async (group) => {
      const { scores, classes } = await rows(occluded(x, fill, frame, group), group.length);
      return Float64Array.from(group, (_, sample) => scores[sample * classes + index]);
    },
    fallBack: () => false,
    close: () => {},
  };
}

export function tensorOf(input: Input): Tensor {
  if (isTensor(input) && [3, 4].includes(input.shape.length) && input.shape[0] === 1) return input;
  const got = isTensor(input) ? showShape(input.shape) : "an image";
  throw new ShapeError(
    `Occlusion of a black box takes a Tensor [1, H, W, C] or [1, C, L] as its input, because only you know how it is normalised; got ${got}.`,
  );
}

export const tensorFrame = ({ shape }: Tensor): Frame =>
  shape.length === 3
    ? { height: 1, width: shape[2], channels: shape[1], line: true }
    : { height: shape[1], width: shape[2], channels: shape[3], line: false };

const batchShape = ({ height, width, channels, line }: Frame, count: number): number[] =>
  line ? [count, channels, width] : [count, height, width, channels];

/** Signals lie in memory sample by sample, in tensors channel by channel; images are the same in both. */
export const inMemoryOrder = ({ data, shape }: Tensor): Float32Array =>
  shape.length === 3 ? toMemoryOrder(data, shape) : data;
export const asTensor = (data: Float32Array, shape: readonly number[]): Tensor =>
  new Tensor(shape.length === 3 ? toRowMajor(data, shape) : data, shape);

export function plainFill(x: Float32Array, value: Baseline): Float32Array {
  if (value === "zero") return new Float32Array(x.length);
  if (typeof value === "number") return new Float32Array(x.length).fill(value);
  if (value instanceof Tensor && value.data.length === x.length) return inMemoryOrder(value);
  throw new OptionError("Occlusion of a black box takes the value 'zero', a number or a Tensor of the input's shape.");
}
