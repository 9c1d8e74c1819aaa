/** A detection as a target: its score before sigmoid and softmax, or one edge of its box. */
import { kindOf, oneOf, show } from "../../checks";
import { joinedOutputs } from "../../compile/join-outputs";
import { TargetError } from "../../errors";
import { unravel } from "../../graph/regions";
import { isPlacement } from "../../image/placement";
import { memoryStrides } from "../../operation/layout";
import type { Detection, DetectionPart } from "../detection";
import { misfit } from "../misfit";
import type { ModelValues } from "../model-values";
import { producerOf } from "../output";
import type { Curve, Score, ScoredAt, ScoredTarget, Term } from "../score";
import type { Target } from "../target";
import type { Head } from "./head";
import { inputToPicture } from "./in-picture";
import { startOf } from "./joined-channels";
import { pointInPicture } from "./keypoints";
import { masksOf, placesInBox } from "./masks";
import { movedFrom, type Origin, originsOf } from "./origin";
import { readHead } from "./read-head";

export const edges = ["left", "top", "right", "bottom"] as const;

/** @throws {TargetError} if it is no detection, or none of this model */
export function detectionTarget(model: ModelValues, detection: Detection, of: DetectionPart = "score"): ScoredTarget {
  if (typeof detection !== "object" || detection === null || !("anchor" in detection && "head" in detection)) {
    throw new TargetError(
      `A target { detection } takes what detect(model, image) found, one of the list, got ${kindOf(detection)}.`,
    );
  }
  checkGeometry(detection);
  const head = headOf(model, detection);
  checkPart(head, of);
  const { anchor, index } = detection;
  if (!Number.isInteger(anchor) || anchor < 0 || anchor >= head.anchors) {
    throw new TargetError(
      `The detection is candidate ${anchor}, the model "${model.name}" has 0 to ${head.anchors - 1}: it was found by another model.`,
    );
  }
  const isNumbered = head.option.classNumber !== undefined;
  if (!Number.isInteger(index) || index < 0 || (!isNumbered && index >= head.classes)) {
    throw new TargetError(
      `The detection is of class ${index}, the model "${model.name}" has 0 to ${head.classes - 1}: it was found by another model.`,
    );
  }
  const chosen = (): Target => ({ detection, ...(of !== "score" && { of }) });
  const found =
    of === "score"
      ? scoreTerms(model, head, detection)
      : of === "mask"
        ? maskTerm(model, head, detection)
        : typeof of === "string"
          ? edgeTerm(head, detection, of)
          : keypointTerm(head, detection, of);
  const label = labelOf(detection, of);
  const score: Score = { index, ...(label !== undefined && { label }), terms: found.terms, chosen };
  return {
    value: found.value,
    ...(found.madeBy !== undefined && { madeBy: found.madeBy }),
    // Prototypes of masks are maps of their own.
    ...(of !== "mask" && { scoredAt: scoredAt(model, head, detection) }),
    choose: () => score,
  };
}

/** @throws {TargetError} if its head names what the model does not have */
function headOf(model: ModelValues, { head }: Detection): Head {
  try {
    return readHead(model, head);
  } catch (error) {
    throw typeof head === "object" && head !== null ? misfit(model.name, error) : error;
  }
}

/** The layers that made the score of the class, and the box. */
function scoredAt(model: ModelValues, head: Head, { anchor, index }: Detection): ScoredAt {
  const { graph } = model.parts;
  const { scores, boxes, classAt, boxAt, option } = head;
  const channel = classAt + (option.classNumber === undefined ? index : 0);
  const element = { value: scores.output.value, index: scores.index(anchor, channel) };
  const origins = originsOf(graph, element);
  const at = movedFrom(graph, origins[origins.length - 1]);
  const box = movedFrom(graph, { value: boxes.output.value, index: boxes.index(anchor, boxAt) });
  return { value: at.value, index: at.index, beside: box.value };
}

/** @throws {TargetError} unless its box is one, and its placement too where it has one */
function checkGeometry({ box, placement }: { readonly [K in "box" | "placement"]?: unknown }): void {
  const { x, y, width, height } = (box ?? {}) as Partial<Record<"x" | "y" | "width" | "height", unknown>>;
  if (![x, y, width, height].every(Number.isFinite)) {
    throw new TargetError(
      `The detection's box must be { x, y, width, height } in pixels, as detect(model, image) finds it, got ${show(box)}.`,
    );
  }
  if (placement === undefined || isPlacement(placement)) return;
  throw new TargetError(
    "The detection's placement must have picture, input and region, as detect(model, image) has it, or be left out where the box " +
      `is in pixels of the network's input; got ${show(placement)}.`,
  );
}

/** What a part of a detection is called. */
export function labelOf({ label }: Detection, of: DetectionPart): string | undefined {
  const words = [
    label,
    of === "score"
      ? undefined
      : of === "mask"
        ? of
        : typeof of === "string"
          ? `${of} edge`
          : `key point ${of.keypoint}, ${of.axis}`,
  ].filter(Boolean);
  return words.length > 0 ? words.join(", ") : undefined;
}

interface Terms {
  readonly value: string;
  /** The layer of its own scale: what the other scales of a pyramid compute is not on the way to it. */
  readonly madeBy?: string;
  readonly terms: readonly Term[];
}

/**
 * Σ power · score over objectness and class, each before its sigmoid or softmax: where one layer has them both, its elements; where
 * they come from several, the same numbers worked out from the probabilities in the output, ln p/(1 − p).
 */
function scoreTerms(model: ModelValues, head: Head, { anchor, index }: Detection): Terms {
  const { scores, classAt, option, activation } = head;
  const { graph } = model.parts;
  const { value } = scores.output;
  const [power, ownPower] = option.powers ?? [1, 1];
  const channel = classAt + (option.classNumber === undefined ? index : 0);
  const factors = [
    ...(option.objectness === undefined ? [] : [{ channel: option.objectness, power }]),
    { channel, power: ownPower },
  ];
  const traced = factors.flatMap(({ channel: at, power: weight }) => {
    const element = { value, index: scores.index(anchor, at) };
    const origins: readonly Origin[] =
      activation === "none" ? originsOf(graph, element) : [{ ...element, finish: activation }];
    return origins.map((origin) => ({ origin, weight }));
  });
  const [first] = traced;
  const isOne = traced.every(({ origin }) => origin.value === first.origin.value && origin.finish !== "none");
  if (isOne || traced.length === 1) {
    return {
      value: first.origin.value,
      madeBy: movedFrom(graph, first.origin).value,
      terms: traced.map(({ origin, weight }) => ({ offsets: [offsetOf(model, origin)], weight })),
    };
  }
  return {
    value,
    terms: factors.map(({ channel: at, power: weight }) => ({
      offsets: [scores.offset(anchor, at)],
      weight,
      curve: logOdds,
    })),
  };
}

function offsetOf(model: ModelValues, { value, index }: { readonly value: string; readonly index: number }): number {
  const shape = model.shape(value);
  const strides = memoryStrides(shape);
  return unravel(index, shape).reduce((sum, at, axis) => sum + at * strides[axis], 0);
}

/** What float32 can tell from 0 and 1. */
const smallest = 2 ** -24;
const within = (p: number): number => Math.min(Math.max(p, smallest), 1 - smallest);

const logOdds: Curve = {
  of: ({ 0: p }) => Math.log(within(p) / (1 - within(p))),
  slopes: ({ 0: p }) => [1 / (within(p) * (1 - within(p)))],
};

function edgeTerm(head: Head, { anchor, placement }: Detection, edge: (typeof edges)[number]): Terms {
  const side = edges.indexOf(edge);
  const of = (numbers: ArrayLike<number>): number => inputToPicture(head.corners(numbers, anchor), placement)[side];
  const { boxes, boxAt, numbers } = head;
  return {
    value: boxes.output.value,
    terms: [
      {
        offsets: Array.from({ length: numbers }, (_, i) => boxes.offset(anchor, boxAt + i)),
        weight: 1,
        curve: { of, slopes: (at) => slopesOf(of, at) },
      },
    ],
  };
}

/** @throws {TargetError} if the head has no such part */
function checkPart(head: Head, of: DetectionPart): void {
  const { keypoints } = head.option;
  if (typeof of !== "object" || of === null) {
    oneOf("of", of, ["score", ...edges, "mask"]);
    if (of === "mask") masksOf(head);
    return;
  }
  const odd = Object.keys(of).find((key) => key !== "keypoint" && key !== "axis");
  const { keypoint, axis } = of;
  const isOne = Number.isInteger(keypoint) && keypoint >= 0 && keypoint < (keypoints?.count ?? 0);
  if (odd === undefined && isOne && (axis === "x" || axis === "y")) return;
  throw new TargetError(
    keypoints
      ? `of: { keypoint, axis } takes a key point from 0 to ${keypoints.count - 1} and the axis "x" or "y", got ${show(of)}.`
      : "of: { keypoint, axis } is of detectors with key points, and this head has none.",
  );
}

/**
 * Σ over the places in the box of the mask's score before the sigmoid, Σ_k c_k · P_k, of the detection's own coefficients c and the prototypes
 * P: YOLACT, Bolya et al. 2019, https://arxiv.org/abs/1904.02689, equation 1. Which places those are takes no part in the gradient.
 *
 *   ∂s/∂c_k = Σ_p P_k(p)     ∂s/∂P_k(p) = c_k
 */
function maskTerm(model: ModelValues, head: Head, detection: Detection): Terms {
  const masks = masksOf(head);
  const { coefficients, at, prototypes, extents } = masks;
  const [count, rows, columns] = extents;
  const places = placesInBox(masks, detection, head.picture);
  const isJoined = coefficients.output.value === joinedOutputs;
  const own = isJoined ? 0 : startOf(model, coefficients.output);
  const maps = startOf(model, prototypes);
  const offsets = [
    ...Array.from({ length: count }, (_, k) => own + coefficients.index(detection.anchor, at + k)),
    ...Array.from({ length: count }, (_, k) => places.map((place) => maps + k * rows * columns + place)).flat(),
  ];
  const inside = (elements: ArrayLike<number>, k: number): number => {
    let sum = 0;
    for (let i = 0; i < places.length; i++) sum += elements[count + k * places.length + i];
    return sum;
  };
  const curve: Curve = {
    of: (elements) => {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += elements[k] * inside(elements, k);
      return sum;
    },
    slopes: (elements) =>
      Float64Array.from({ length: elements.length }, (_, i) =>
        i < count ? inside(elements, i) : elements[Math.floor((i - count) / places.length)],
      ),
  };
  return {
    value: joinedOutputs,
    madeBy: convolutionOf(model, prototypes.value),
    terms: [{ offsets, weight: 1, curve }],
  };
}

/** What an activation's steps, x · σ(x) or others, were applied to: before them the last maps are looked for. */
function convolutionOf(model: ModelValues, value: string): string {
  let at = value;
  for (let step = 0; step < 4; step++) {
    const node = producerOf(model.parts.graph, at);
    if (!node) return value;
    if (node.op === "Conv") return model.full.producer.has(at) ? at : value;
    at = node.inputs[0];
  }
  return value;
}

function keypointTerm(
  head: Head,
  { anchor, placement }: Detection,
  { keypoint, axis }: Extract<DetectionPart, object>,
): Terms {
  const { keypoints: channels = head.boxes, option } = head;
  const { at, numbers } = option.keypoints ?? { at: 0, numbers: 2 };
  const of = (own: ArrayLike<number>): number => pointInPicture(head, own, anchor, placement)[axis === "x" ? 0 : 1];
  const offsets = [0, 1].map((i) => channels.offset(anchor, at + numbers * keypoint + i));
  return {
    value: channels.output.value,
    terms: [{ offsets, weight: 1, curve: { of, slopes: (own) => slopesOf(of, own) } }],
  };
}

/**
 * Slopes by central differences in float64. Decoders are smooth and their numbers of the size of 1 to 1000, so this is exact to nine
 * digits, two more than the values have; and no decoder needs a derivative of its own.
 */
function slopesOf(of: (numbers: ArrayLike<number>) => number, at: ArrayLike<number>): number[] {
  return Array.from(at, (number, i) => {
    const step = 1e-5 * Math.max(1, Math.abs(number));
    const moved = (by: number): number => of(Float64Array.from(at, (each, k) => (k === i ? each + by : each)));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}
