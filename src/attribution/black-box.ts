import { isFloat32Array } from "../bytes";
import { kindOf, show } from "../checks";
import { InputError, OptionError, ShapeError, TargetError } from "../errors";
import { theirsAsync } from "../guard";
import { type Input, isTensor } from "../model/model";
import { toMemoryOrder, toRowMajor } from "../operation/layout";
import { batchOf } from "../pace/batch";
import { showShape, Tensor } from "../tensor";
import type { Baseline } from "./baseline";
import type { Frame } from "./covering/patches";
import type { PassesOptions, ScoredInput } from "./scored-input";

/**
 * Any function from a batch of inputs, `[N, H, W, C]` or signals `[N, C, L]`, to one score per input (or N rows of scores, of
 * which `target` picks a column): a model that runs elsewhere.
 */
export type BlackBox = (batch: Tensor) => Promise<Float32Array>;

/** An input that somebody else's model scores. */
export async function blackBoxInput(blackBox: BlackBox, input: Input, options: PassesOptions): Promise<ScoredInput> {
  const batchSize = batchOf(undefined, options.batchSize);
  const given = tensorOf(input);
  const [x, frame] = [inMemoryOrder(given), tensorFrame(given)];
  const rows = async (batch: Float32Array, count: number): Promise<{ scores: Float32Array; classes: number }> => {
    // Of its own: the function may change the tensor, or keep it.
    const handed = asTensor(batch.slice(), batchShape(frame, count));
    const answer: unknown = await theirsAsync(() => blackBox(handed), options.signal);
    // And it may change the scores later.
    const scores = isFloat32Array(answer) ? answer.slice() : answer;
    if (!isFloat32Array(scores) || scores.length === 0 || scores.length % count !== 0) {
      const got = isFloat32Array(scores) ? `${scores.length} values` : typeof scores;
      throw new ShapeError(
        `The black box must return a Float32Array of one score (or one row of scores) per input: ${count} inputs went in, ${got} came out.`,
      );
    }
    if (!scores.every(Number.isFinite)) throw new InputError("The black box returned a score that is not finite.");
    return { scores, classes: scores.length / count };
  };
  const plain = await rows(x, 1);
  const { target = "top" } = options;
  const index = target === "top" ? indexOfLargest(plain.scores) : target;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= plain.classes) {
    throw new TargetError(
      `A black box with ${plain.classes} scores per input takes a target index from 0 to ${plain.classes - 1} or 'top', got ${show(target)}.`,
    );
  }
  return {
    input: given,
    x,
    frame,
    isVector: false,
    target: { index, score: plain.scores[index] },
    notes: [],
    batchSize,
    fill: (baseline) => plainFill(x, baseline),
    score: async (copies, count) => {
      const { scores, classes } = await rows(copies, count);
      return Float64Array.from({ length: count }, (_, sample) => scores[sample * classes + index]);
    },
    tensor: (values) => asTensor(values, given.shape),
  };
}

function indexOfLargest(scores: Float32Array): number {
  return scores.reduce((best, score, i) => (score > scores[best] ? i : best), 0);
}

function tensorOf(input: Input): Tensor {
  if (isTensor(input) && [3, 4].includes(input.shape.length) && input.shape[0] === 1)
    return new Tensor(input.data, input.shape);
  const got = isTensor(input) ? showShape(input.shape) : kindOf(input);
  throw new ShapeError(
    `A black box takes a Tensor [1, H, W, C] or [1, C, L] as its input, because only you know how it is normalised; got ${got}.`,
  );
}

const tensorFrame = ({ shape }: Tensor): Frame =>
  shape.length === 3
    ? { depth: 1, height: 1, width: shape[2], channels: shape[1], line: true }
    : { depth: 1, height: shape[1], width: shape[2], channels: shape[3], line: false };

const batchShape = ({ height, width, channels, line }: Frame, count: number): number[] =>
  line ? [count, channels, width] : [count, height, width, channels];

/** Signals lie in memory sample by sample, in tensors channel by channel; images are the same in both. */
const inMemoryOrder = ({ data, shape }: Tensor): Float32Array =>
  shape.length === 3 ? toMemoryOrder(data, shape) : data.slice();
const asTensor = (data: Float32Array, shape: readonly number[]): Tensor =>
  new Tensor(shape.length === 3 ? toRowMajor(data, shape) : data, shape);

function plainFill(x: Float32Array, value: Baseline): Float32Array {
  if (value === "zero") return new Float32Array(x.length);
  if (typeof value === "number") return new Float32Array(x.length).fill(value);
  if (value instanceof Tensor && value.data.length === x.length) return inMemoryOrder(value);
  throw new OptionError(
    "What stands for nothing in the input of a black box is 'zero', a number or a Tensor of the input's shape.",
  );
}
