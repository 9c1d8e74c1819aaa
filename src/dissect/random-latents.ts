import { above, checkOptions, show, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import { Random } from "../random/random";
import { Tensor } from "../tensor";

export interface LatentOptions {
  /** How many; default 16. */
  readonly samples?: number;
  /** Standard deviation of each number; default 1. */
  readonly stdev?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Inputs for a generator: tensors of the input's shape, every number drawn from a normal distribution with mean 0. The same
 * seed gives the same latents on every runtime, and more samples begin with the same ones.
 *
 * @throws {OptionError} if an option is out of range
 * @example
 * const [latent] = randomLatents(generator, { seed: 7 });
 */
export function randomLatents(model: Model, options: LatentOptions = {}): Tensor[] {
  return guarded("randomLatents", () => {
    checkOptions("randomLatents", options, ["samples", "stdev", "seed"]);
    const { samples = 16, stdev = 1, seed = 0 } = options;
    wholeNumber("samples", samples, 1, 2 ** 20);
    above("stdev", stdev);
    if (typeof seed !== "number") throw new OptionError(`seed must be a number, got ${show(seed)}.`);
    const random = new Random(seed);
    const { shape } = loadedAlone(model, "randomLatents").input;
    const size = shape.reduce((product, extent) => product * extent, 1);
    return Array.from({ length: samples }, () => {
      return new Tensor(
        Float32Array.from({ length: size }, () => stdev * random.normal()),
        shape,
      );
    });
  });
}
