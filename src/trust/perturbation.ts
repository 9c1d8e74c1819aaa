import { kindOf, show } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { theirs } from "../guard";
import { inputSize } from "../model/input-size";
import type { LoadedModel } from "../model/loaded-model";
import { isTensor } from "../model/model";
import type { Random } from "../random/random";
import { showShape, type Tensor } from "../tensor";

/**
 * How infidelity changes an input: 'square' puts the baseline into a square of random size and place (of a signal a stretch),
 * 'noise' subtracts Gaussian noise; or a function from the input to the changed one, `random` being uniform in [0, 1).
 */
export type Perturbation = "square" | "noise" | ((input: Tensor, random: () => number) => Tensor);

/** @returns the changed input, memory order */
export type Perturb = (random: Random) => Float32Array;

interface PerturbationSettings {
  readonly perturbation: Perturbation;
  readonly baseline: Float32Array;
  readonly stdev: number;
}

/** @throws {OptionError} if the perturbation is none */
export function perturbationOf(model: LoadedModel, x: Float32Array, settings: PerturbationSettings): Perturb {
  const { perturbation, baseline, stdev } = settings;
  if (perturbation === "square") return (random) => squareOf(model, x, baseline, random);
  if (perturbation === "noise") return (random) => x.map((value) => value - stdev * random.normal());
  if (typeof perturbation !== "function") {
    throw new OptionError(`perturbation ${show(perturbation)} is neither square, noise nor a function.`);
  }
  return (random) => {
    const changed = theirs(() => perturbation(model.tensor(model.fast.input, x.slice()), () => random.uniform()));
    const expected = showShape(model.input.shape);
    if (!isTensor(changed) || showShape(changed.shape) !== expected) {
      const got = isTensor(changed) ? showShape(changed.shape) : kindOf(changed);
      throw new ShapeError(`The perturbation must return a Tensor of the input's shape, ${expected}, got ${got}.`);
    }
    return model.fromTensor(model.fast.input, changed);
  };
}

/** A vector is a row of places with one number each. */
function squareOf(model: LoadedModel, x: Float32Array, baseline: Float32Array, random: Random): Float32Array {
  const size = inputSize(model);
  const [height, width] = size.width * size.height === 1 ? [1, x.length] : [size.height, size.width];
  const channels = x.length / (height * width);
  const whole = (below: number): number => Math.floor(random.uniform() * below);
  // Up to half the side, as far as it takes to hide an object.
  const side = 1 + whole(Math.max(1, Math.floor((height === 1 ? width : Math.min(height, width)) / 2)));
  const rows = Math.min(side, height);
  const [top, left] = [whole(height - rows + 1), whole(width - side + 1)];
  const changed = x.slice();
  for (let row = top; row < top + rows; row++) {
    const [start, end] = [(row * width + left) * channels, (row * width + left + side) * channels];
    changed.set(baseline.subarray(start, end), start);
  }
  return changed;
}
