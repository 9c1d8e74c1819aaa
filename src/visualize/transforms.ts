import { checkOptions, oneOf, show, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import type { Random } from "../random/random";
import type { SamplingPadding, View } from "./sampling";

/** Random changes of the picture before every step: what survives them is no noise that only one pixel grid shows. */
export interface Transforms {
  /** Shifts by up to this many whole pixels either way along each axis. Default 0. */
  readonly jitter?: number;
  /** Turns by up to this many degrees either way. Default 0. */
  readonly rotate?: number;
  /** Range of the enlargement; default [1, 1]. */
  readonly scale?: readonly [smallest: number, largest: number];
  /** What is seen beyond the picture: mid-grey (default), or the picture reflected at its border. */
  readonly padding?: SamplingPadding;
}

const none: Required<Transforms> = { jitter: 0, rotate: 0, scale: [1, 1], padding: "grey" };

/**
 * Sets of transforms by name: 'standard' has the ranges of Lucid's `standard_transforms`; inputs of fewer than 64 pixels
 * are shifted by an eighth of their side instead of 8 pixels.
 */
export const transformSets = {
  none,
  standard: { jitter: 8, rotate: 10, scale: [0.9, 1.1], padding: "grey" },
} as const satisfies Record<string, Required<Transforms>>;

/**
 * @param side  the shorter side of the input
 * @throws {OptionError} if a name is unknown or a range is none
 */
export function settleTransforms(given: Transforms | keyof typeof transformSets, side: number): Required<Transforms> {
  if (typeof given === "string" && Object.hasOwn(transformSets, given)) {
    const set = transformSets[given];
    return { ...set, jitter: Math.min(set.jitter, Math.floor(side / 8)) };
  }
  if (typeof given !== "object" || given === null) {
    throw new OptionError(
      `transforms "${String(given)}" is none of ${Object.keys(transformSets).join(", ")}; ` +
        "or give your own: { jitter, rotate, scale, padding }.",
    );
  }
  checkOptions("transforms", given, Object.keys(none));
  const settled = { ...none, ...given };
  const { jitter, rotate, scale, padding } = settled;
  wholeNumber("transforms.jitter", jitter, 0);
  if (!(typeof rotate === "number" && rotate >= 0 && rotate <= 180))
    throw new OptionError(`transforms.rotate must lie between 0 and 180 degrees, got ${show(rotate)}.`);
  if (
    !(Array.isArray(scale) && scale.length === 2 && scale[0] > 0 && scale[1] >= scale[0] && Number.isFinite(scale[1]))
  ) {
    throw new OptionError(`transforms.scale must be two numbers [smallest, largest] above 0, got ${show(scale)}.`);
  }
  oneOf("transforms.padding", padding, ["grey", "reflect"]);
  return settled;
}

/** True where every view is the picture as it is. */
export const changesNothing = ({ jitter, rotate, scale }: Required<Transforms>): boolean =>
  jitter === 0 && rotate === 0 && scale[0] === 1 && scale[1] === 1;

/** A random view: whole pixels of shift, any angle and any scale of the ranges with the same chance. */
export function drawView({ jitter, rotate, scale: [smallest, largest] }: Required<Transforms>, random: Random): View {
  const shift = (): number => Math.floor(random.uniform() * (2 * jitter + 1)) - jitter;
  return {
    shift: [shift(), shift()],
    degrees: (2 * random.uniform() - 1) * rotate,
    scale: smallest + random.uniform() * (largest - smallest),
  };
}
