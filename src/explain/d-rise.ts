import { blackBoxInput } from "../attribution/black-box";
import { maskPasses } from "../attribution/covering/random-masks";
import { joinPasses } from "../attribution/input-by-input";
import { byPasses, type Passes } from "../attribution/passes";
import type { Refining } from "../attribution/refinement";
import { inputsScoredBy } from "../attribution/score-inputs";
import type { PassesOptions, ScoredInput } from "../attribution/scored-input";
import { isFloat32Array } from "../bytes";
import { kindOf, show } from "../checks";
import { byNumbers, openHead, placementIn } from "../detect/detect";
import { OptionError, ShapeError } from "../errors";
import { entryOf, theirsAsync } from "../guard";
import { isPlacement, type Placement } from "../image/placement";
import type { Rectangle } from "../image/resize";
import { dRiseFacts } from "../methods/d-rise";
import { settledOptions } from "../methods/settled-options";
import type { DetectorHeadOption } from "../model/detection";
import { cosine } from "../model/heads/class-likeness";
import { overlap } from "../model/heads/find-boxes";
import { edgesOf } from "../model/heads/in-picture";
import { type LoadedModel, loaded } from "../model/loaded-model";
import { misfit } from "../model/misfit";
import type { Input, Model } from "../model/model";
import type { Target } from "../model/target";
import type { Tensor } from "../tensor";

/** A box that a detector found, or that is asked about. */
export interface FoundObject {
  /** In pixels of the input, of a model's picture in its pixels. */
  readonly box: Rectangle;
  /** The class; not needed where there are `probabilities`. */
  readonly index?: number;
  readonly label?: string;
  /** Its probability, 0 to 1; default 1. */
  readonly score?: number;
  /** The probability of every class, in place of `index` and `score`. */
  readonly probabilities?: ArrayLike<number>;
  /** That anything is there, 0 to 1; default: `score`, or the best of the `probabilities`. */
  readonly objectness?: number;
}

/**
 * A detector that runs elsewhere: any function from a batch of inputs, `[N, H, W, C]`, to a list of what was found in each of them,
 * boxes in pixels of the input. Whether it suppressed doubles or left out what is unlikely makes no difference to the sense of the map.
 */
export type BoxFinder = (batch: Tensor) => Promise<readonly (readonly FoundObject[])[]>;

export interface DRiseOptions extends PassesOptions {
  /** The box: one that `detect` found, or any box with the index of a class. */
  readonly detection: FoundObject;
  /** How a model's outputs are read; default: as those of the detection, or as they are recognised. */
  readonly head?: Partial<DetectorHeadOption>;
  /** Number of masks, a pass each; default 5000. */
  readonly masks?: number;
  /** Cells of a mask along each axis; default 16. */
  readonly grid?: number;
  /** Probability that a cell lets the input through; default 0.5. */
  readonly probability?: number;
}

/**
 * D-RISE: the mean of random masks, each weighed by how well the detector finds the box in what the mask lets through.
 *
 *   attribution(pixel) = 1/(N p) Σ_i (w_i − w̄) · M_i(pixel),   w_i = max over found boxes of IoU × cosine of the class vectors × objectness
 *
 * Petsiuk et al. 2021, https://arxiv.org/abs/2006.03204, equations 1 to 5 and section 4.1 (5000 masks of 16×16 cells); masks as of
 * `rise`. The mean weight w̄ is taken off, as https://github.com/microsoft/vision-explanation-methods does unless told otherwise: it is
 * the same everywhere, and without it the map of a small box is above zero all over the picture. Of a model all candidates of its head count, before doubles are suppressed; of a head without an objectness (YOLOv8, SSD,
 * DETR) the best class's probability stands for it, of one that names a class by its number the class vectors are the same or
 * not. The box may also be one that nobody found: why is there no box here?
 *
 * @function
 * @param model  a loaded detector, or a function that finds boxes in a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input; all channels of a pixel have the same value; `target.score` is w of the whole input
 * @throws {OptionError} if the detection is none, or masks, grid, probability or batchSize is out of range
 * @throws {TargetError} if the model is not recognised as a detector, or has no such class
 * @example
 * const [dog] = await detect(model, photo);
 * const why = await dRise(model, photo, { detection: dog, masks: 1000, seed: 1 });
 */
export const dRise: (model: Model | BoxFinder, input: Input, options: DRiseOptions) => Refining =
  /* @__PURE__ */ byPasses(beginDRise);

/** A pass per mask. */
async function beginDRise(model: Model | BoxFinder, input: Input, unsettled: DRiseOptions): Promise<Passes<number>> {
  const options = settledOptions(dRiseFacts, unsettled);
  const sought = soughtBox(options);
  const scored =
    typeof model === "function"
      ? [await foundByFunction(model, input, options, sought)]
      : await foundByModel(loaded(model), input, options, sought);
  return joinPasses(scored, input, { ...options, target: undefined, detection: sought }, (each, used) =>
    maskPasses("d-rise", each, used, "mean"),
  );
}

/** The box, from its own option or as every method takes it. */
function soughtBox({ detection, target }: Partial<DRiseOptions>): FoundObject {
  const asked = detection ?? detectionIn(target);
  checkFound(asked, "detection");
  if (asked.index === undefined && asked.probabilities === undefined) {
    throw new OptionError("detection must name its class, by index or by the probabilities of all classes.");
  }
  return asked;
}

function detectionIn(target: Target | undefined): FoundObject | undefined {
  if (target === undefined) return undefined;
  const isBox = typeof target === "object" && target !== null && "detection" in target;
  if (isBox && (target.of ?? "score") === "score") return target.detection;
  throw new OptionError(
    "dRise looks for a whole box: its option is detection, one of those that detect found, or { box, index }; a target of it may be " +
      "{ detection } alone.",
  );
}

async function foundByModel(
  model: LoadedModel,
  input: Input,
  options: DRiseOptions,
  sought: FoundObject,
): Promise<readonly ScoredInput[]> {
  const own = (sought as { readonly head?: DetectorHeadOption }).head;
  const opened = await openHead(model, options.head ?? own).catch((error: unknown) => {
    throw options.head === undefined && own ? misfit(model.name, error) : error;
  });
  const { heads } = opened;
  const data = model.prepare(input);
  const plain = async (keep: readonly string[]) => {
    const { values } = await model.watchedPass({ data, keep }, options.signal);
    return (value: string) => entryOf(values, value);
  };
  const head =
    opened.open.units || opened.open.decode ? byNumbers(model, opened, await plain(opened.head.values)) : opened.head;
  const { probabilities } = sought;
  const index = sought.index ?? bestOf(probabilities as ArrayLike<number>);
  // In a Tensor there is no picture; what was found in one knows how that became the network's input.
  const placement = placementIn(model, input) ?? placementOfFound(sought);
  const score = await heads.boxSimilarity(model, head, { ...sought, index }, plain, placement);
  const label = sought.label ?? model.labels?.[index];
  return inputsScoredBy(model, input, options, score, { index, ...(label !== undefined && { label }) });
}

function placementOfFound(found: object): Placement | undefined {
  const placement: unknown = "placement" in found ? found.placement : undefined;
  if (placement === undefined || isPlacement(placement)) return placement;
  throw new OptionError(`detection.placement must be what detect found, or left out, got ${show(placement)}.`);
}

async function foundByFunction(
  find: BoxFinder,
  input: Input,
  options: DRiseOptions,
  sought: FoundObject,
): Promise<ScoredInput> {
  const weights = async (batch: Tensor): Promise<Float32Array> => {
    const lists: unknown = await theirsAsync(() => find(batch), options.signal);
    const [count] = batch.shape;
    if (!Array.isArray(lists) || lists.length !== count || !lists.every((list) => Array.isArray(list))) {
      const got = Array.isArray(lists) ? `${lists.length} of ${kindOf(lists[0])}` : kindOf(lists);
      throw new ShapeError(
        `The detector must return a list of what it found for each input, [[{ box, index, score }, …], …]: ${count} inputs went in, ${got} came out.`,
      );
    }
    return Float32Array.from(lists, (list: readonly FoundObject[]) => weightOf(list, sought));
  };
  const { signal: _, ...others } = options;
  const scored = await blackBoxInput(weights, input, { ...others, signal: options.signal, target: 0 });
  const index = sought.index ?? bestOf(sought.probabilities as ArrayLike<number>);
  const { label } = sought;
  return { ...scored, target: { index, ...(label !== undefined && { label }), score: scored.target.score } };
}

/** max over what was found of IoU × cosine of the class vectors × objectness */
function weightOf(found: readonly FoundObject[], sought: FoundObject): number {
  return found.reduce((best, each) => {
    checkFound(each, "What the detector found");
    const { score = 1, probabilities } = each;
    const object = each.objectness ?? (probabilities ? probabilities[bestOf(probabilities)] : score);
    return Math.max(best, overlap(edgesOf(each.box), edgesOf(sought.box)) * cosineOf(each, sought) * object);
  }, 0);
}

/** An index alone is the vector with a one at that place. */
function cosineOf(a: FoundObject, b: FoundObject): number {
  const [first, second] = [a.probabilities, b.probabilities];
  if (first && second) return cosine(first, second);
  const vector = first ?? second;
  if (!vector) return Number(a.index === b.index);
  const { index = -1 } = first ? b : a;
  return cosine(
    vector,
    Array.from(vector, (_, i) => Number(i === index)),
  );
}

const bestOf = (list: ArrayLike<number>): number =>
  Array.from(list).reduce((best, each, i, all) => (each > all[best] ? i : best), 0);

/** @throws {OptionError} unless it is a box with numbers that can be compared */
function checkFound(found: unknown, what: string): asserts found is FoundObject {
  const { box, index, score, probabilities, objectness } = (found ?? {}) as Partial<FoundObject>;
  const sides = [box?.x, box?.y, box?.width, box?.height];
  const isShare = (each: unknown): boolean =>
    each === undefined || (typeof each === "number" && each >= 0 && each <= 1.001);
  const isList = probabilities === undefined || Array.isArray(probabilities) || isFloat32Array(probabilities);
  const whole =
    sides.every(Number.isFinite) &&
    [score, objectness].every(isShare) &&
    isList &&
    (probabilities === undefined || (probabilities.length > 0 && Array.from(probabilities).every(isShare))) &&
    (index === undefined || (Number.isInteger(index) && index >= 0));
  if (whole) return;
  throw new OptionError(
    `${what} must be { box: { x, y, width, height }, index, score } or { box, probabilities, objectness }, scores from 0 to 1, ` +
      `got ${describe(found)}.`,
  );
}

function describe(found: unknown): string {
  try {
    return (typeof found === "object" && JSON.stringify(found)) || kindOf(found);
  } catch {
    return kindOf(found);
  }
}
