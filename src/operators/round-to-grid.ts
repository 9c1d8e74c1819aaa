/** The grid of numbers that integers stand for, as quantised networks compute. */
import { type Node, numberAttribute } from "../graph/ir";
import { inputShape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { imageShape, withRank } from "../operation/layout";
import { type BuildContext, type Builder, oneToOne, type Run } from "../operation/operation";
import { placeOnce } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import { computed, valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";

/** Which halves go where, whether factors divide, and whether nothing is rounded: bits, as the kernel reads them. */
const away = 1;
const divides = 2;
const unrounded = 4;

interface Grid {
  readonly lo: number;
  readonly hi: number;
  /** What is added before the rounding and taken off behind it. */
  readonly zero: number;
  readonly mode: number;
}

const gridOf = (node: Node): Grid => ({
  lo: numberAttribute(node, "low", Number.NEGATIVE_INFINITY),
  hi: numberAttribute(node, "high", Number.POSITIVE_INFINITY),
  zero: numberAttribute(node, "zero", 0),
  mode:
    (numberAttribute(node, "away", 0) && away) |
    (numberAttribute(node, "divide", 0) && divides) |
    (numberAttribute(node, "unrounded", 0) && unrounded),
});

const gridShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const channels = withRank(x, 2)[1];
  for (const index of [1, 2]) {
    const size = sizeOf(inputShape(node, inputs, index));
    if (size !== 1 && size !== channels)
      shapeError(node, `it has ${size} factors or steps for the ${channels} channels of ${showShape(x)}.`);
  }
  return [x];
};

/** A number for every channel. */
function perChannel(context: BuildContext, name: string, channels: number): Float32Array {
  const constant = context.constant(name) ?? context.refuse(`its grid "${name}" is not a constant`);
  const values = constant.floats();
  return values.length === channels ? values : new Float32Array(channels).fill(values[0]);
}

const build: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input, factorName, stepName] = node.inputs;
  const { n, h, w, c } = imageShape(withRank(context.shape(input), 2));
  const [factors, steps] = [perChannel(context, factorName, c), perChannel(context, stepName, c)];
  const table = new Float32Array([...factors, ...steps]);
  const place = placeOnce(memory, table, "grid of a quantised value");
  const { lo, hi, zero, mode } = gridOf(node);
  const modeOf = ({ rounds }: Run): number => (rounds ? mode : mode | unrounded);
  const pixels = n * h * w;
  const same = (values: Float32Array): number | undefined =>
    values.every((value) => value === values[0]) ? values[0] : undefined;
  // Of one factor and step, four numbers in a row are a pixel, however many channels there are.
  const isPlain = same(factors) !== undefined && same(steps) !== undefined && (pixels * c) % 4 === 0;
  const [rows, width] = isPlain ? [(pixels * c) / 4, 4] : [pixels, c];
  const four = [...new Array<number>(4).fill(factors[0]), ...new Array<number>(4).fill(steps[0])];
  const own = isPlain ? placeOnce(memory, new Float32Array(four), "grid of a quantised value") : place;
  const onlyDivides =
    same(steps) === 1 &&
    zero === 0 &&
    (mode & divides) !== 0 &&
    (mode & unrounded) === 0 &&
    hi - lo === Number.POSITIVE_INFINITY;
  return oneToOne(context, {
    saved: [input],
    linear: true,
    inPlace: true,
    grid: {
      ...{ channels: c, lo, hi, zero, mode, table: place, step: same(steps) },
      divisor: onlyDivides ? same(factors) : undefined,
    },
    forward: (run, x, y) => kernels.roundToGrid(x, own(), y, rows * run.batch, width, lo, hi, zero, modeOf(run)),
    backward: (run, dy, dx) =>
      kernels.roundToGridBackward(run.value(input), place(), dy, dx, pixels * run.batch, c, lo, hi, zero, modeOf(run)),
    weightBytes: { forward: table.byteLength + (isPlain ? 32 : 0), backward: 0 },
    prepare: () => {
      place();
      own();
    },
  });
};

/** Halves go to the even neighbour, or away from zero. */
export function roundedHalf(value: number, isAway: boolean): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  if (isAway) return value < 0 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

const folded: Fold = ({ node, inputs: [x, factor, step], out }) => {
  if (!x || !factor || !step) return undefined;
  const { lo, hi, zero, mode } = gridOf(node);
  const [values, factors, steps] = [valuesOf(x), valuesOf(factor), valuesOf(step)];
  const shape = withRank(x.shape, 2);
  const inner = sizeOf(shape.slice(2));
  const at = (list: ArrayLike<number>, i: number): number =>
    list[list.length === 1 ? 0 : Math.floor(i / inner) % shape[1]];
  return computed("float", out, (i) => {
    const place = Math.fround(mode & divides ? values[i] / at(factors, i) : values[i] * at(factors, i));
    const shifted = Math.fround(place + zero);
    const whole = (mode & unrounded ? shifted : roundedHalf(shifted, (mode & away) !== 0)) - zero;
    return Math.min(Math.max(whole, lo), hi) * at(steps, i);
  });
};

/**
 * y = step · clamp(round(x · factor + zero) − zero, low, high), with one factor and step, or one for each channel. The derivative is that of the line
 * through the steps, and zero where the grid ends (straight-through, Bengio et al. 2013, https://arxiv.org/abs/1308.3432).
 */
export const roundToGrid: Operator = {
  nature: "rounding",
  internal: true,
  shape: gridShape,
  reach: "same",
  build,
  fold: folded,
  settings: 1,
};
