/** What a head's numbers come to: boxes and scores, and of those that overlap the best. */

import type { Corners } from "./family";
import type { Head, HeadValues } from "./head";

export interface FoundBox {
  readonly corners: Corners;
  readonly index: number;
  readonly score: number;
  readonly anchor: number;
}

/** The best class of every candidate that reaches the threshold, or each that does where the head says so, best first. */
export function candidatesAbove(head: Head, values: HeadValues, threshold: number): FoundBox[] {
  const found: FoundBox[] = [];
  const { everyClass = false, score: least = Number.NEGATIVE_INFINITY } = head.option.selection ?? {};
  for (let anchor = 0; anchor < head.anchors; anchor++) {
    const classes = everyClass ? classesOf(head, values, anchor) : [bestClass(head, values, anchor)];
    // What is no number is found too, so that it can be refused.
    const reaching = classes.filter(({ score }) => !(score < threshold || score <= least));
    if (reaching.length === 0) continue;
    const corners = cornersOf(head, values, anchor);
    for (const { index, score } of reaching) found.push({ corners, index, score, anchor });
  }
  return found.sort((a, b) => b.score - a.score || a.anchor - b.anchor);
}

/** The numbers that a candidate's box is worked out from. */
export function boxNumbers({ boxes, boxAt, numbers }: Head, values: HeadValues, anchor: number): Float64Array {
  const data = values(boxes.output.value);
  return Float64Array.from({ length: numbers }, (_, i) => data[boxes.offset(anchor, boxAt + i)]);
}

/** A candidate's box in pixels of the network's input. */
export const cornersOf = (head: Head, values: HeadValues, anchor: number): Corners =>
  head.corners(boxNumbers(head, values, anchor), anchor);

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The probability of every class of a candidate, of a background too. */
export function classProbabilities(head: Head, values: HeadValues, anchor: number): Float64Array {
  const { scores, classAt, classes, activation, option } = head;
  const data = values(scores.output.value);
  const own = Float64Array.from({ length: classes }, (_, i) => data[scores.offset(anchor, classAt + i)]);
  const probabilities = activation === "softmax" ? softmax(own) : activation === "sigmoid" ? own.map(sigmoid) : own;
  const first = objectnessOf(head, values, anchor);
  if (first === undefined) return probabilities;
  const [, ownPower] = option.powers ?? [1, 1];
  return probabilities.map((each) => first * each ** ownPower);
}

/** The probability that there is anything; undefined where the head has none. */
export function objectnessOf(
  { scores, activation, option }: Head,
  values: HeadValues,
  anchor: number,
): number | undefined {
  if (option.objectness === undefined) return undefined;
  const object = values(scores.output.value)[scores.offset(anchor, option.objectness)];
  const [power] = option.powers ?? [1, 1];
  return (activation === "none" ? object : sigmoid(object)) ** power;
}

/** The probability of one class of a candidate; 0 where the candidate names another one. */
export function probabilityOf(head: Head, values: HeadValues, anchor: number, index: number): number {
  if (head.option.classNumber === undefined) return classProbabilities(head, values, anchor)[index];
  const found = bestClass(head, values, anchor);
  return found.index === index ? found.score : 0;
}

function softmax(scores: Float64Array): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** Every class but nothing. */
function classesOf(
  head: Head,
  values: HeadValues,
  anchor: number,
): readonly { readonly index: number; readonly score: number }[] {
  const { background } = head.option;
  const scores = classProbabilities(head, values, anchor);
  const own = Array.from(scores, (score, index) => ({ index, score }));
  return background === undefined
    ? own
    : own.filter(({ index }) => index !== (background === "first" ? 0 : scores.length - 1));
}

export function bestClass(
  head: Head,
  values: HeadValues,
  anchor: number,
): { readonly index: number; readonly score: number } {
  const { scores, option } = head;
  const probabilities = classProbabilities(head, values, anchor);
  if (option.classNumber !== undefined) {
    const number = values(scores.output.value)[scores.offset(anchor, option.classNumber)];
    return { index: Math.round(number), score: probabilities[0] };
  }
  const first = option.background === "first" ? 1 : 0;
  const end = probabilities.length - (option.background === "last" ? 1 : 0);
  let index = first;
  for (let i = first + 1; i < end; i++) if (probabilities[i] > probabilities[index]) index = i;
  return { index, score: probabilities[index] };
}

/** Intersection over union; 0 of boxes without area. */
export function overlap(a: Corners, b: Corners): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (!(width > 0 && height > 0)) return 0;
  const area = ([left, top, right, bottom]: Corners): number => (right - left) * (bottom - top);
  const both = width * height;
  return both / (area(a) + area(b) - both);
}

/** Leaves out every box that overlaps a better one of its class, or of any where the head says so, by more than `iou`. */
export function withoutDoubles(
  { option: { selection } }: Head,
  boxes: readonly FoundBox[],
  iou: number,
  top: number,
): FoundBox[] {
  const { acrossClasses = false, perClass = Number.POSITIVE_INFINITY } = selection ?? {};
  const kept: FoundBox[] = [];
  const counts = new Map<number, number>();
  for (const box of boxes) {
    if (kept.length === top) break;
    const count = counts.get(box.index) ?? 0;
    const isDouble = kept.some(
      (better) => (acrossClasses || better.index === box.index) && overlap(better.corners, box.corners) > iou,
    );
    if (isDouble || count >= perClass) continue;
    kept.push(box);
    counts.set(box.index, count + 1);
  }
  return kept;
}
