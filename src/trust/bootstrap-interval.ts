import { checkOptions, kindOf, show, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { Random } from "../random/random";

export interface BootstrapOptions {
  /** How many times as many values are drawn; default 2000. */
  readonly resamples?: number;
  /** Share of the resamples' means that lie inside, above 0 and below 1; default 0.95. */
  readonly level?: number;
  /** Default 0. */
  readonly seed?: number;
}

/** A mean and how far it can be trusted. */
export interface MeanInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of a measure over images, and an interval for it: as many values are drawn from them with replacement, again and again; the
 * interval is what lies between the percentiles of those means.
 *
 * Efron 1979, https://doi.org/10.1214/aos/1176344552; Efron & Tibshirani 1993, section 13.3 (percentile interval), percentiles interpolated linearly.
 * It says what other images of the same kind would give, and is too narrow of fewer than about twenty. Lists of one length are drawn
 * from alike where the seed is the same, so that methods judged on the same images can be compared.
 *
 * @param values  one number per image
 * @throws {OptionError} unless there are two values or more, and options in range; {InputError} if a value is not finite
 * @example
 * const { mean, low, high } = bootstrapInterval([0.1, 0.4, 0.2, 0.3], { seed: 1 });
 */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions = {}): MeanInterval {
  return guarded("bootstrapInterval", () => {
    checkOptions("bootstrapInterval", options, ["resamples", "level", "seed"]);
    const { resamples = 2000, level = 0.95, seed = 0 } = options;
    if (!Array.isArray(values) || values.length < 2) {
      throw new OptionError(`bootstrapInterval takes a list of at least two numbers, got ${kindOf(values)}.`);
    }
    const broken = values.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0)
      throw new InputError(`The values are not finite numbers: number ${broken} is ${show(values[broken])}.`);
    wholeNumber("resamples", resamples, 1, 1e6);
    if (!(typeof level === "number" && level > 0 && level < 1)) {
      throw new OptionError(`level must be above 0 and below 1, got ${show(level)}.`);
    }
    const random = new Random(seed);
    const means = Float64Array.from({ length: resamples }, () => {
      let sum = 0;
      for (let i = 0; i < values.length; i++) sum += values[Math.floor(random.uniform() * values.length)];
      return sum / values.length;
    }).sort();
    const at = (share: number): number => {
      const place = share * (resamples - 1);
      const [below, above] = [means[Math.floor(place)], means[Math.ceil(place)]];
      return below + (place - Math.floor(place)) * (above - below);
    };
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, low: at((1 - level) / 2), high: at((1 + level) / 2) };
  });
}
