import { above, atLeastZero, checkBag, checkOptions, mostPasses, oneOf, wholeNumber } from "../checks";
import type { Input } from "../model/model";
import type { Target } from "../model/target";
import type { LayerTarget } from "./objective";
import { defaultStepSizes, type OptimizerName } from "./optimizer";
import { settleTransforms, type Transforms, type transformSets } from "./transforms";

/** Several images that show different sides of the target. */
export interface Diversity {
  /** How many images to make; at least 2. */
  readonly images: number;
  /** What likeness costs, as a share δ of the mean score; default 0.5. */
  readonly weight?: number;
  /** The layer whose Gram matrices say how alike they are; default: halfway between input and target. */
  readonly layer?: string;
}

/** Everything that shapes an ascent. */
interface AscentOptions {
  /** Steps of ascent; default 128, with preset 'lucid' 256. */
  readonly steps: number;
  /** 'ascent' (default): x ← x + η∇; 'adam' makes every parameter move at a like pace. */
  readonly optimizer: OptimizerName;
  /** Length η of a step; default 1, with Adam 0.05. */
  readonly stepSize: number;
  /** Weight λ of the penalty on large inputs, ‖x‖²; default 0.01, with 'fourier' 0. */
  readonly l2: number;
  /** Weight of the penalty on total variation, the sum of the differences between neighbours; default 0. */
  readonly totalVariation: number;
  /** Random changes of the picture before every step: your own, or a set by name; default 'none'. */
  readonly transforms: Transforms | keyof typeof transformSets;
  /**
   * What the ascent changes: the pixels (default), or waves and decorrelated colours that stay within the range of
   * pictures.
   */
  readonly parameterization: "pixels" | "fourier";
  /** In so many first steps a rectifier that lets no gradient through at all gets a mended one; default 0. */
  readonly redirectedSteps: number;
}

export interface MaximizeOptions extends Partial<AscentOptions> {
  /**
   * What is to grow: a class, a unit (`{ layer, unit, position }`; position 'mean' is a whole channel), a region, or the
   * mean square of a whole layer (`{ layer }`: DeepDream).
   */
  readonly target: Target | LayerTarget;
  /** 'plain' (default): the objective a(x) − λ‖x‖² by plain ascent; 'lucid': the means of feature visualisation. Other options override it. */
  readonly preset?: keyof typeof presets;
  /**
   * Where the ascent starts: an image or a tensor of the input's shape (DeepDream), 'zero' (default for pixels: zero in
   * the network's input space), or seeded 'noise' (default for 'fourier').
   */
  readonly start?: Input | "zero" | "noise";
  /** Makes several images at once that differ from each other; default: one image. */
  readonly diversity?: Diversity;
  /** Seed of noise and transforms; default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Sets of options by name. */
const presets = {
  plain: {},
  lucid: {
    steps: 256,
    optimizer: "adam",
    parameterization: "fourier",
    transforms: "standard",
    redirectedSteps: 16,
  },
} as const satisfies Record<string, Partial<AscentOptions>>;

/** Options with nothing left open. */
export interface AscentSettings extends AscentOptions {
  readonly transforms: Required<Transforms>;
  readonly start: Input | "zero" | "noise";
  readonly diversity?: Required<Omit<Diversity, "layer">> & Pick<Diversity, "layer">;
}

/**
 * Fills in the preset and the defaults.
 *
 * @param side  the shorter side of the input
 * @throws {OptionError} naming the option that is out of range
 */
export function settleOptions(options: MaximizeOptions, side: number): AscentSettings {
  const { preset = "plain" } = options;
  oneOf("preset", preset, Object.keys(presets) as (keyof typeof presets)[]);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const chosen: Partial<AscentOptions> & MaximizeOptions = { ...presets[preset], ...(given as typeof options) };
  const { optimizer = "ascent", parameterization = "pixels", diversity } = chosen;
  oneOf("optimizer", optimizer, ["ascent", "adam"]);
  oneOf("parameterization", parameterization, ["pixels", "fourier"]);
  const waves = parameterization === "fourier";
  return {
    optimizer,
    parameterization,
    steps: wholeNumber("steps", chosen.steps ?? 128, 0, mostPasses),
    stepSize: above("stepSize", chosen.stepSize ?? defaultStepSizes[optimizer]),
    l2: atLeastZero("l2", chosen.l2 ?? (waves ? 0 : 0.01)),
    totalVariation: atLeastZero("totalVariation", chosen.totalVariation ?? 0),
    transforms: settleTransforms(chosen.transforms ?? "none", side),
    redirectedSteps: wholeNumber("redirectedSteps", chosen.redirectedSteps ?? 0, 0, mostPasses),
    start: chosen.start ?? (waves ? "noise" : "zero"),
    ...(diversity !== undefined && { diversity: settleDiversity(diversity) }),
  };
}

function settleDiversity(given: Diversity): NonNullable<AscentSettings["diversity"]> {
  checkBag("diversity", given, []);
  checkOptions("diversity", given, ["images", "weight", "layer"]);
  return {
    ...given,
    images: wholeNumber("diversity.images", given.images, 2),
    weight: atLeastZero("diversity.weight", given.weight ?? 0.5),
  };
}
