/**
 * A box that is looked for again when the input changes: other candidates may hold it then. What methods score that change the
 * input, where the score of one candidate alone would fall as soon as its neighbour takes over.
 */
import { TargetError } from "../../errors";
import type { Placement } from "../../image/placement";
import type { Detection, DetectionPart } from "../detection";
import type { ModelValues } from "../model-values";
import { cosine } from "./class-likeness";
import { edges, labelOf } from "./detection-target";
import { bestClass, classProbabilities, cornersOf, objectnessOf, overlap, probabilityOf } from "./find-boxes";
import type { Head, HeadValues } from "./head";
import { edgesOf, inputToPicture, pictureToInput } from "./in-picture";
import { keypointsAt } from "./keypoints";
import { maskScore, masksOf, placesInBox } from "./masks";
import { readHead } from "./read-head";

/** A score of some values of the network. */
export interface FollowedScore {
  readonly values: readonly string[];
  of(value: HeadValues): number;
}

export interface FollowedBox {
  readonly score: FollowedScore;
  readonly index: number;
  readonly label?: string;
}

/**
 * The best match of a box: of all candidates, whatever else they are best at, the one with the greatest IoU × probability of its
 * class. Its score is that product, which of the unchanged input is the detection's own; or where one of its edges is.
 */
export function followedBox(model: ModelValues, detection: Detection, of: DetectionPart = "score"): FollowedBox {
  const head = readHead(model, detection.head);
  const { index, placement, anchor } = detection;
  const wanted = pictureToInput(edgesOf(detection.box), placement);
  const label = labelOf(detection, of);
  const match = (value: HeadValues) => {
    const best = { product: 0, candidate: anchor };
    for (let candidate = 0; candidate < head.anchors; candidate++) {
      const common = overlap(cornersOf(head, value, candidate), wanted);
      // A probability is at most 1.
      if (common <= best.product) continue;
      const product = common * probabilityOf(head, value, candidate, index);
      if (product > best.product) Object.assign(best, { product, candidate });
    }
    return best;
  };
  const masks = of === "mask" ? masksOf(head) : undefined;
  const places = masks && placesInBox(masks, detection, head.picture);
  return {
    index,
    ...(label !== undefined && { label }),
    score: {
      values: [
        ...new Set([...head.values, ...(masks ? [masks.coefficients.output.value, masks.prototypes.value] : [])]),
      ],
      of(value) {
        const { product, candidate } = match(value);
        if (of === "score") return product;
        if (masks && places) return maskScore(masks, value, candidate, places);
        if (typeof of === "object") {
          const { x, y } = keypointsAt(head, value, candidate, placement)[of.keypoint];
          return of.axis === "x" ? x : y;
        }
        return inputToPicture(cornersOf(head, value, candidate), placement)[(edges as readonly string[]).indexOf(of)];
      },
    },
  };
}

/** What D-RISE looks for: a box of a class, found by a detector or drawn by hand. */
export interface SoughtBox extends Pick<Detection, "box" | "index" | "label"> {
  /** The probability of every class, where it has more than one. */
  readonly probabilities?: ArrayLike<number>;
  readonly anchor?: number;
  readonly head?: Detection["head"];
}

/**
 * D-RISE's similarity of what a pass finds to a box: max over all candidates of IoU × cosine of the class probabilities × objectness.
 *
 * @param plain      what the unchanged input comes to, from which a found box has its class probabilities
 * @param placement  how the picture lies in the input
 * @throws {TargetError} if it is no box with a class of this model
 */
export async function boxSimilarity(
  model: ModelValues,
  head: Head,
  { box, index, anchor, probabilities, ...sought }: SoughtBox,
  plain: (values: readonly string[]) => Promise<HeadValues>,
  placement: Placement | undefined,
): Promise<FollowedScore> {
  const wanted = pictureToInput(edgesOf(box), placement);
  const isNumbered = head.option.classNumber !== undefined;
  if (!Number.isInteger(index) || index < 0 || (!isNumbered && index >= head.classes)) {
    throw new TargetError(
      `The detection is of class ${index}, the model "${model.name}" has 0 to ${head.classes - 1}: name one of them.`,
    );
  }
  if (sought.head && anchor !== undefined && !(Number.isInteger(anchor) && anchor >= 0 && anchor < head.anchors)) {
    throw new TargetError(
      `The detection is candidate ${anchor}, the model "${model.name}" has 0 to ${head.anchors - 1}: it was found by another model.`,
    );
  }
  const isFound = sought.head && anchor !== undefined;
  const classes = isNumbered
    ? []
    : probabilities
      ? givenVector(model, head, probabilities)
      : isFound
        ? classVector(head, await plain(head.values), anchor)
        : Float64Array.from({ length: head.classes }, (_, i) => Number(i === index));
  return {
    values: head.values,
    of(value) {
      let best = 0;
      for (let candidate = 0; candidate < head.anchors; candidate++) {
        const common = overlap(cornersOf(head, value, candidate), wanted);
        // Neither of the other two is above 1.
        if (common <= best) continue;
        best = Math.max(best, common * likeness(head, value, candidate, { classes, index }));
      }
      return best;
    },
  };
}

/** Cosine × objectness; of a head without an objectness that is the best class's probability. */
function likeness(
  head: Head,
  value: HeadValues,
  candidate: number,
  { classes, index }: { readonly classes: ArrayLike<number>; readonly index: number },
): number {
  const { option } = head;
  if (option.classNumber !== undefined) {
    const found = bestClass(head, value, candidate);
    return found.index === index ? found.score : 0;
  }
  const own = classVector(head, value, candidate);
  const object = objectnessOf(head, value, candidate) ?? own.reduce((a, b) => Math.max(a, b), 0);
  return cosine(own, classes) * object;
}

/** The probabilities of the classes, without that of nothing. */
function classVector(head: Head, value: HeadValues, candidate: number): Float64Array {
  const all = classProbabilities(head, value, candidate);
  const { background } = head.option;
  if (background !== undefined) all[background === "first" ? 0 : all.length - 1] = 0;
  return all;
}

/** The same from a list of all classes. @throws {TargetError} if there are more or fewer */
function givenVector(model: ModelValues, { classes, option }: Head, given: ArrayLike<number>): Float64Array {
  const { background } = option;
  const own = Float64Array.from(given);
  if (own.length === classes) {
    if (background !== undefined) own[background === "first" ? 0 : classes - 1] = 0;
    return own;
  }
  throw new TargetError(
    `The detection's probabilities are ${own.length}, the model "${model.name}" has ${classes} classes${background ? `, the ${background} of them nothing` : ""}: ` +
      "give one for each, or the index of one.",
  );
}
