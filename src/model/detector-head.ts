/**
 * Whether an output is a detector's. Its rows are candidates, not places of a picture, and boxes are no classes: whoever reads
 * "class 3, 77 %" off the height of a box is misled. Recognised by the layers (a sigmoid over some of the channels), by other
 * outputs with as many rows, and by shapes that only detectors have.
 */

import type { StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { type ChannelPart, channelParts } from "./channel-parts";
import { stridesOf } from "./heads/family";
import type { OutputKind } from "./output";

/** An output of the file, read as channels at places. */
export interface OutputView {
  /** As the file calls it. */
  readonly name: string;
  readonly graph: StaticGraph;
  readonly value: string;
  readonly shape: Shape;
  /** The axis of its channels. */
  readonly axis: number;
  readonly channels: number;
  readonly places: number;
  readonly kind: OutputKind;
  /** What to name as `output` to explain it: the value before its softmax or sigmoid. */
  readonly explained: string;
}

export interface DetectorHead {
  /** What the explained output holds; 'scales': channels that cannot be compared, but no boxes. */
  readonly holds: "boxes-and-scores" | "boxes" | "scores" | "scales";
  /** The axis of its channels, where the layers tell it. */
  readonly axis?: number;
  /** Its channels by what they went through, where they differ. */
  readonly parts: readonly ChannelPart[];
  /** The output to explain in its place. */
  readonly scores?: string;
  /** The output with the boxes. */
  readonly boxes?: string;
}

export interface DetectorClues {
  readonly own: OutputView;
  readonly others: readonly OutputView[];
  /** Height and width of the network's picture. */
  readonly picture?: readonly [number, number];
  /** How many class names there are. */
  readonly labels?: number;
}

export function detectorHead(clues: DetectorClues): DetectorHead | undefined {
  return mixedChannels(clues.own) ?? besideAnother(clues) ?? splitScales(clues) ?? byShape(clues);
}

/** Whether some of a file's outputs are a detector's, or may be said to be: candidates in one, or boxes beside what is of the same ones. */
export function mayBeDetector(outputs: readonly Pick<OutputView, "graph" | "value">[]): boolean {
  if (outputs.length < 2) return false;
  const shapes = outputs.map(({ graph, value }) => graph.shapes.get(value) ?? []);
  const isBeside = (a: Shape, b: Shape): boolean =>
    a !== b && a.length === 3 && b.length === 3 && a[1] > 1 && a[1] === b[1] && b[2] === 4;
  const isHalf = (a: Shape, b: Shape): boolean =>
    a.length === 4 && b.length === 4 && a[1] === b[1] && a[1] >= 12 && a[2] === 2 * b[2] && a[3] === 2 * b[3];
  const isPair = (map: Shape, other: Shape): boolean =>
    other.length === 4 && other[1] === 2 && other[2] * other[3] > 1 && other[2] === map[2] && other[3] === map[3];
  return (
    shapes.some((a) => shapes.some((b) => isBeside(a, b) || isHalf(a, b))) ||
    (outputs.length > 2 &&
      shapes.some((map) => shapes.filter((other) => other !== map && isPair(map, other)).length > 1)) ||
    outputs.some(({ graph, value }, i) => isCandidates(graph, value, shapes[i]))
  );
}

/** Four numbers as they are beside a sigmoid or a softmax. */
const isCandidates = (graph: StaticGraph, value: string, shape: Shape): boolean =>
  (shape.length === 3 || shape.length === 4) &&
  [...shape.keys()].some((axis) => {
    const parts = shape[axis] > 4 ? merged(channelParts(graph, value, axis)) : [];
    return parts.length > 1 && parts.some(({ finish, size }) => finish === "none" && size >= 4);
  });

/** Maps `[1, A, h, w, C]` of several scales, one half as high as the next, whatever their channels went through. */
function splitScales({ own, others, picture }: DetectorClues): DetectorHead | undefined {
  const { shape } = own;
  if (!picture || shape.length !== 5 || shape[4] < 6 || shape[1] > 9 || picture[0] < 4 * shape[2]) return undefined;
  const hasScales = others.some(({ name, shape: [, priors, h, , channels] }) => {
    const ratio = Math.max(h / shape[2], shape[2] / h);
    return name !== own.name && priors === shape[1] && channels === shape[4] && (ratio === 2 || ratio === 4);
  });
  return hasScales ? { holds: "boxes-and-scores", axis: 4, parts: [] } : undefined;
}

/** Channels of which some went through a sigmoid or softmax and others did not. */
function mixedChannels({ graph, value, shape, axis, places }: OutputView): DetectorHead | undefined {
  const axes = [axis, ...shape.keys()].filter((each) => shape[each] > 1);
  for (const each of new Set(axes)) {
    const parts = merged(channelParts(graph, value, each));
    const finishes = new Set(parts.map(({ finish }) => finish));
    if (finishes.size < 2) continue;
    const plain = parts.reduce((sum, { finish, size }) => sum + (finish === "none" ? size : 0), 0);
    const hasBoxes = plain >= 4 || (plain > 0 && places > 1);
    return { holds: hasBoxes ? "boxes-and-scores" : "scales", axis: each, parts };
  }
  return undefined;
}

/** Neighbours that were finished alike are one part, but an objectness score stays apart from the classes. */
function merged(parts: readonly ChannelPart[]): ChannelPart[] {
  const found: ChannelPart[] = [];
  for (const part of parts) {
    const before = found.at(-1);
    const joins = before?.finish === part.finish && part.finish === "none";
    if (before && joins) found[found.length - 1] = { size: before.size + part.size, finish: part.finish };
    else found.push(part);
  }
  return found;
}

const boxWords = /box|loc|reg|coord|delta|offset|land|kps|keypoint/i;
const scoreWords = /score|conf|cls|class|prob|logit/i;

/** Scores and boxes of the same candidates in two outputs. */
function besideAnother({ own, others, picture }: DetectorClues): DetectorHead | undefined {
  if (own.places < 2 || !picture) return undefined;
  const isMap = own.shape.length === 4;
  // A segmenter has several outputs too, but at the picture's size or nearly.
  if (isMap && own.places * 16 > picture[0] * picture[1]) return undefined;
  const peers = others.filter(
    ({ name, places, shape }) => name !== own.name && places === own.places && shape.length === own.shape.length,
  );
  const ownBoxes = holdsBoxes(own);
  const boxes = peers.find((peer) => holdsBoxes(peer) && !(ownBoxes && !scoreWords.test(own.name)));
  const scores = peers.find((peer) => !holdsBoxes(peer) || scoreWords.test(peer.name));
  if (ownBoxes && scores) return { holds: "boxes", parts: [], scores: scores.explained, boxes: own.name };
  if (!ownBoxes && boxes) return { holds: "scores", parts: [], boxes: boxes.name };
  if (isMap) {
    // Centre points: a heat map of classes beside the sizes and the offsets.
    const pairs = peers.filter(({ channels }) => channels === 2);
    return own.channels !== 2 && pairs.length >= 2 ? { holds: "scores", parts: [], boxes: pairs[0].name } : undefined;
  }
  // One score a candidate beside its box and key points.
  const single = peers.find(({ channels }) => channels === 1);
  const isEven = (channels: number): boolean => channels >= 4 && channels % 2 === 0;
  if (own.kind === "logits" && isEven(own.channels) && single) {
    return { holds: "boxes", parts: [], scores: single.explained, boxes: own.name };
  }
  const points = peers.find(({ kind, channels }) => kind === "logits" && isEven(channels));
  return own.channels === 1 && points ? { holds: "scores", parts: [], boxes: points.name } : undefined;
}

/** Four numbers a candidate, and no softmax; names decide where there are more. */
const holdsBoxes = ({ name, channels, kind }: OutputView): boolean =>
  kind !== "softmax" && !scoreWords.test(name) && (channels === 4 || boxWords.test(name));

/** Anchors a place of the usual heads. */
const anchors = [1, 2, 3, 4, 5, 6, 9] as const;

/** One output whose shape only a detector has: nothing in the layers says what its channels are. */
function byShape({ own, others, picture, labels }: DetectorClues): DetectorHead | undefined {
  const { channels, places, shape, kind, axis } = own;
  if (!picture || places < 2 || kind !== "logits" || labels === channels) return undefined;
  const both: DetectorHead = { holds: "boxes-and-scores", parts: [] };
  const [height, width] = picture;
  if (labels !== undefined && hasBoxesFor(channels, labels)) return both;
  if (shape.length === 3) {
    // After the suppression of doubles: box, score and class.
    const joined = channelParts(own.graph, own.value, axis).length > 1;
    if ((channels === 6 || channels === 7) && places >= 10 && (joined || places % 50 === 0)) return both;
    if (places >= 100 && channels >= 4 && rowsOfPyramid(places, height, width)) {
      return channels === 4 ? { holds: "boxes", parts: [], boxes: own.name } : both;
    }
    return undefined;
  }
  const grid = gridOf(own);
  if (!grid || height < 8 * grid[0]) return undefined;
  // 3 or 5 anchors for the 80 or 20 classes of the usual data sets.
  if (shape.length === 4 && [255, 425, 75, 125].includes(channels)) return both;
  // The same channels at halving sizes.
  const scales = others.filter((other) => {
    const [h, w] = gridOf(other) ?? [0, 0];
    const ratio = Math.max(h / grid[0], grid[0] / h);
    return (
      other.name !== own.name && other.channels === channels && (ratio === 2 || ratio === 4) && height >= 8 * h && w > 0
    );
  });
  return channels >= 6 && scales.length > 0 ? both : undefined;
}

/** Whether channels are boxes, with or without an objectness, beside so many classes, for one or several anchors. */
const hasBoxesFor = (channels: number, labels: number): boolean =>
  channels > labels && anchors.some((each) => channels === each * (5 + labels) || channels === each * (4 + labels));

const rowsOfPyramid = (places: number, height: number, width: number): boolean =>
  anchors.some((each) => stridesOf([height, width], places / each) !== undefined);

/** Height and width of a map, or of one of several anchors ([1, A, h, w, C]). */
function gridOf({ shape, axis }: OutputView): readonly [number, number] | undefined {
  if (shape.length === 4) {
    const [h, w] = shape.filter((_, each) => each !== 0 && each !== axis);
    return [h, w];
  }
  return shape.length === 5 && axis === 4 ? [shape[2], shape[3]] : undefined;
}

/** Which names of labels stand at which channels: the number of the first one's; undefined where there is none for all anchors. */
export function firstLabelled({ holds, parts }: DetectorHead, channels: number, labels: number): number | undefined {
  if (holds === "scores" || channels === labels) return 0;
  if (holds === "boxes") return undefined;
  let end = 0;
  for (const { size, finish } of parts) {
    end += size;
    if (finish !== "none" && (size === labels || size === labels + 1)) return end - labels;
  }
  return channels === 5 + labels || channels === 4 + labels ? channels - labels : undefined;
}

/** What the output is, in a sentence or two. */
export function describeDetector(
  { holds, parts, boxes }: DetectorHead,
  { name, shown, rows, columns }: { name: string; shown: string; rows: number; columns: number },
): string {
  const places = rows * columns;
  const what = `The output "${name}" (${shown})`;
  if (holds === "scores") {
    return (
      `The network is a detector: its output "${name}" has a row of class scores for each of ${places} candidates, whose boxes are in ` +
      `"${boxes}". A class without a position is its mean over all of them.`
    );
  }
  if (holds === "boxes") {
    return `${what} is a detector's boxes: numbers of a box for each of ${places} candidates, no classes.`;
  }
  const ranges = parts.map(({ size, finish }, i) => {
    const from = parts.slice(0, i).reduce((sum, part) => sum + part.size, 0);
    const channels = size === 1 ? `${from}` : `${from} to ${from + size - 1}`;
    return `${channels} ${finish === "none" ? "as they are" : `through a ${finish}`}`;
  });
  const kinds = ranges.length > 0 ? ` (channels ${ranges.join(", ")})` : "";
  return holds === "scales"
    ? `${what} has channels on different scales side by side${kinds}.`
    : `${what} is a detector's: each of its ${places} rows is a candidate, a box beside its scores${kinds}, on different scales.`;
}

/** How to ask for something of it that has a meaning. */
export function detectorTargets(
  { scores, parts }: DetectorHead,
  { rows, columns }: { rows: number; columns: number },
): string {
  const position = rows === 1 ? `n (0 to ${columns - 1})` : `[y, x] (${rows}×${columns})`;
  const one = rows * columns > 1 ? `one candidate's with { position: ${position}, channel }, ` : "";
  const widest = [...parts].sort((a, b) => b.size - a.size).find(({ finish }) => finish !== "none");
  const output = scores ?? widest?.value;
  const load = output === undefined ? "" : `, or load the model with output: "${output}"`;
  const all = rows * columns > 1 ? "the mean of a channel over all of them" : "a channel";
  return `So there is no best class and no probability. Say which score is meant by a target: ${one}${all} by its number${load}.`;
}
