import { atLeastZero, mostPasses, nonEmptyList, wholeNumber } from "../../checks";
import { InputError, OptionError, ShapeError } from "../../errors";
import type { LoadedModel } from "../../model/loaded-model";
import { isTensor } from "../../model/model";
import type { Random } from "../../random/random";
import type { Tensor } from "../../tensor";
import { shapedAsInput } from "../baseline";
import { isByName, ofInputNamed, type PerInput } from "../per-input";

export interface NoiseOptions {
  /** How many noisy inputs; default 50, or as many as there are draws in `noise`. */
  readonly samples?: number;
  /**
   * Standard deviation of the noise, in units of the network's input; default 0.15 times the range of the input, its largest
   * value minus its smallest. Of several inputs each has its own range, and may have its own deviation: `{ photo: 0.1, age: 0 }`.
   */
  readonly stdev?: PerInput<number>;
  /**
   * Standard-normal draws in place of seeded ones, tensors of the input's shape (of several inputs `{ name: tensor, … }`); the first
   * `samples` are used.
   */
  readonly noise?: readonly PerInput<Tensor>[];
}

/** Inputs with noise on them, one after the other. */
export interface NoisyInputs {
  readonly stdev: PerInput<number>;
  next(): Float32Array;
}

/**
 * How many samples there are: `asked`, or the length of the shortest list that was handed in with one item per sample.
 *
 * @throws {OptionError} if it is no whole number of at least 1, or a list is none or too short
 */
export function sampleCount(
  asked: number | undefined,
  usual: number,
  lists: Readonly<Record<string, readonly unknown[] | undefined>>,
): number {
  let least = asked ?? Number.POSITIVE_INFINITY;
  if (asked !== undefined) wholeNumber("samples", asked, 1, mostPasses);
  for (const [name, list] of Object.entries(lists)) {
    if (list === undefined) continue;
    nonEmptyList(name, list, "item, one per sample");
    if (asked !== undefined && list.length < asked) {
      throw new OptionError(
        `${name} has ${list.length} items for ${asked} samples: hand in one per sample, or leave samples out.`,
      );
    }
    least = Math.min(least, list.length);
  }
  return Number.isFinite(least) ? least : usual;
}

/**
 * @param data  the input, memory order
 * @throws {OptionError} if the standard deviation is out of range; {ShapeError} or {InputError} if a draw does not fit
 */
export function noisyInputs(
  model: LoadedModel,
  data: Float32Array,
  { stdev = usualDeviation(model, data), noise }: NoiseOptions,
  random: Random,
): NoisyInputs {
  const deviations = deviationsOf(model, stdev);
  const draws = noise?.map((tensor, k) => {
    if (!isTensor(tensor) && !isByName(tensor))
      throw new ShapeError(`noise[${k}] must be a Tensor of the input's shape, got ${typeof tensor}.`);
    const draw = shapedAsInput(model, `draw noise[${k}]`, tensor);
    if (!draw.every(Number.isFinite)) throw new InputError(`noise[${k}] has values that are not finite.`);
    return draw;
  });
  let sample = 0;
  return {
    stdev,
    next() {
      if (stdev === 0) return data.slice();
      const draw = draws?.[sample++];
      const noisy = new Float32Array(data.length);
      for (const { start, end, deviation } of deviations) {
        for (let i = start; i < end; i++) noisy[i] = data[i] + deviation * (draw ? draw[i] : random.normal());
      }
      return noisy;
    },
  };
}

/** 0.15 times the range of the input, or of each. */
function usualDeviation({ parts: { inputs } }: LoadedModel, data: Float32Array): PerInput<number> {
  if (inputs.length === 1) return 0.15 * rangeOf(data);
  return Object.fromEntries(
    inputs.map(({ name, start, size }) => [name, 0.15 * rangeOf(data.subarray(start, start + size))]),
  );
}

/** The deviation of every input; of one that is not named none. */
function deviationsOf({ parts: { inputs } }: LoadedModel, stdev: PerInput<number>) {
  const names = inputs.map(({ name }) => name);
  return inputs.map(({ name, start, size }) => {
    const deviation = ofInputNamed("stdev", stdev, name, names) ?? 0;
    atLeastZero("stdev", deviation);
    return { start, end: start + size, deviation };
  });
}

const rangeOf = (data: Float32Array): number =>
  data.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) -
  data.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
