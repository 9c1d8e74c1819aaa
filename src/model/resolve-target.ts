/** Which elements of which value a target is about. */

import { isFloat32Array, isUint8Array } from "../bytes";
import { kindOf, show } from "../checks";
import { TargetError } from "../errors";
import type { Shape } from "../graph/shape-rule";
import { suggest } from "../nearest";
import { memoryStrides } from "../operation/layout";
import { showShape, sizeOf, Tensor } from "../tensor";
import { type ClassAxis, classElements, classScores, elementOffsets } from "./class-axis";
import type { Detection } from "./detection";
import { LikelyClass } from "./likely-class";
import type { LoadedModel } from "./loaded-model";
import { type Input, isTensor } from "./model";
import { rankedClasses } from "./output";
import { elementsOf, type Score, type ScoredTarget, type Term } from "./score";
import type { Position, Target, UnitPosition } from "./target";

/**
 * Resolves a target against a model.
 *
 * @throws {TargetError} if it names no class, unit or position of the model
 * @throws {LayerError} if it names an unknown layer
 */
export function resolveTarget(model: LoadedModel, target: Target = "top", depth = 0): ScoredTarget {
  if (target instanceof LikelyClass) return chosenClass(model, (data) => target.indexIn(model, data));
  if (typeof target === "object" && target !== null) {
    const kind = Object.keys(targetKeys).find((key) => Object.hasOwn(target, key)) as
      | keyof typeof targetKeys
      | undefined;
    if (kind) checkKeys(target, targetKeys[kind]);
    if ("layer" in target) return unitTarget(model, target);
    if ("position" in target || "mask" in target) return regionTarget(model, target);
    if ("contrast" in target) return contrastTarget(model, target.contrast, depth);
    if ("sum" in target) return sumTarget(model, target.sum, depth);
    if ("weights" in target) return weightsTarget(model, target.weights);
    if ("similarTo" in target) return likenessTarget(model, target.similarTo);
    if ("detection" in target) return headsOf(model).detectionTarget(model, target.detection, target.of);
  }
  if (typeof target !== "number" && typeof target !== "string") {
    throw new TargetError(
      "A target is a class index, a label, 'top', { position, channel }, { mask, channel }, { layer, unit, position? }, " +
        "{ contrast: [a, b] }, { sum: [a, b, …] }, { weights }, { similarTo } or { detection, of? }; " +
        `got ${typeof target === "object" ? show(target) : String(target)}.`,
    );
  }
  if (target === "top") {
    const { classAxis, outputKind } = model.parts;
    const best = (data: Float32Array): number =>
      rankedClasses(classScores(classAxis, data), outputKind, classAxis.mirrored)[0];
    return chosenClass(model, best);
  }
  const index = classIndex(model, target);
  return { value: model.parts.explained, choose: () => classScore(model, index) };
}

/** A class that only a pass tells. @throws {TargetError} if the network has boxes to choose from, and no classes */
function chosenClass(model: LoadedModel, indexIn: (data: Float32Array) => number): ScoredTarget {
  const { explained: value, detector } = model.parts;
  if (detector?.targets) throw new TargetError(`${detector.what} ${detector.targets}`);
  return { value, choose: (data) => classScore(model, indexIn(data)) };
}

const classScore = (model: LoadedModel, index: number): Score => ({
  index,
  label: model.labelOf(index),
  terms: [classElements(model.parts.classAxis, index)],
  ofClass: true,
  chosen: () => index,
});

/** What stands beside what tells one target from another, which is looked for in this order. */
const targetKeys = {
  layer: ["layer", "unit", "position"],
  mask: ["mask", "channel"],
  position: ["position", "channel"],
  contrast: ["contrast"],
  sum: ["sum"],
  weights: ["weights"],
  similarTo: ["similarTo"],
  detection: ["detection", "of"],
} as const;

/** True of a target that is one box. */
export const asksForBox = (target: Target | undefined): target is Extract<Target, { readonly detection: Detection }> =>
  typeof target === "object" && target !== null && "detection" in target;

/** What is known of detectors. @throws {TargetError} if the model is none as far as is known */
export function headsOf(model: LoadedModel): NonNullable<LoadedModel["heads"]> {
  if (model.heads) return model.heads;
  throw new TargetError(
    `A target { detection } is of a detector, and the model "${model.name}" was not recognised as one. ` +
      "Call detect(model, image, { head }) first, which takes how its outputs are read.",
  );
}

/** A misspelt key would leave out what it says, and another score would be explained. */
function checkKeys(target: object, known: readonly string[]): void {
  const odd = Object.keys(target).find((key) => !known.includes(key));
  if (odd !== undefined) {
    throw new TargetError(`A target { ${known.join(", ")} } has no "${odd}".${suggest(odd, known)}`);
  }
}

/**
 * The index of a class given by index or label.
 *
 * @throws {TargetError} if the model has no such class
 */
export function classIndex(model: LoadedModel, target: number | string): number {
  const index = typeof target === "number" ? target : indexOfLabel(model, target);
  const classes = classCount(model);
  if (!Number.isInteger(index) || index < 0 || index >= classes) {
    throw new TargetError(
      `Target ${show(index)}: the model "${model.name}" has ${classes} classes, 0 to ${classes - 1}.`,
    );
  }
  return index;
}

/** How many classes there are to choose from. */
export const classCount = (model: LoadedModel): number => model.parts.classAxis.classes;

/**
 * The place of a name in the list of labels.
 *
 * @throws {TargetError} if the model has no labels, or not this one
 */
export function labelIndex(model: LoadedModel, label: string): number {
  const { labels } = model;
  if (!labels) {
    throw new TargetError(
      `Target "${label}": the model "${model.name}" has no labels. Pass labels to loadModel, or give the class index.`,
    );
  }
  const exact = indicesOf(labels, (candidate) => candidate === label);
  const found = exact.length > 0 ? exact : indicesOf(labels, (candidate) => matches(candidate, label));
  if (found.length > 1) {
    throw new TargetError(
      `Target "${label}" is the name of ${found.length} classes: ${found.map((each) => `${each} (${labels[each]})`).join(", ")}. Give the index.`,
    );
  }
  const [index = -1] = found;
  if (index < 0)
    throw new TargetError(
      `Target "${label}" is none of the model's ${labels.length} labels.${suggest(label, labels)}${shortList(labels)}`,
    );
  return index;
}

function indexOfLabel(model: LoadedModel, label: string): number {
  const index = labelIndex(model, label);
  const { firstLabel, detector } = model.parts;
  if (firstLabel === undefined) {
    throw new TargetError(
      `Target "${label}": the labels name none of the channels. ${detector?.what} ${detector?.targets}`,
    );
  }
  return index + firstLabel;
}

const indicesOf = (labels: readonly string[], fits: (label: string) => boolean): number[] =>
  labels.flatMap((label, index) => (fits(label) ? [index] : []));

/** All labels, where they are few enough to read. */
const shortList = (labels: readonly string[]): string => (labels.length <= 20 ? ` Labels: ${labels.join(", ")}.` : "");

/** ImageNet labels list synonyms: "tabby, tabby cat". */
const matches = (candidate: string, label: string): boolean =>
  candidate.split(",").some((synonym) => synonym.trim().toLowerCase() === label.trim().toLowerCase());

/** The place of an element, as row and column. */
export function placeOf({ places, offsets, columns }: ClassAxis, element: number): readonly [number, number] {
  const within = new Set(offsets);
  const place = places.findIndex((start) => within.has(element - start));
  return [Math.floor(place / columns), place % columns];
}

function regionTarget(
  model: LoadedModel,
  target: { readonly channel: number } & ({ readonly position: Position } | { readonly mask: Uint8Array }),
): ScoredTarget {
  const { explained: value, classAxis } = model.parts;
  const { rows: h, columns: w, classes: c, places } = classAxis;
  const shape = model.output.shape;
  const { channel } = target;
  if (!Number.isInteger(channel) || channel < 0 || channel >= c) {
    throw new TargetError(
      `Target channel ${show(channel)}: the output ${showShape(shape)} has channels 0 to ${c - 1}.`,
    );
  }
  let pixels: number[];
  if ("position" in target) {
    pixels = [pixelAt(target.position, h, w, `the output ${showShape(shape)}`)];
  } else {
    if (!isUint8Array(target.mask) || target.mask.length !== h * w) {
      const got = isUint8Array(target.mask) ? `${target.mask.length} bytes` : typeof target.mask;
      throw new TargetError(
        `Target mask: the output map is ${h}×${w}, so the mask takes ${h * w} bytes (row-major), got ${got}.`,
      );
    }
    pixels = Array.from(target.mask.keys()).filter((pixel) => target.mask[pixel] !== 0);
    if (pixels.length === 0) throw new TargetError("Target mask: no element is set, so there is nothing to explain.");
  }
  const at = pixels.map((pixel) => places[pixel]);
  const score: Score = {
    index: channel,
    label: model.labelOf(channel),
    terms: [classElements(classAxis, channel, at)],
    ofClass: true,
    chosen: () => target,
  };
  return { value, choose: () => score };
}

/** @throws {TargetError} if a layer of that shape, with that many channels, has no such unit */
export function checkUnit(unit: number, layer: string, shape: Shape, channels: number): void {
  if (!Number.isInteger(unit) || unit < 0 || unit >= channels) {
    throw new TargetError(
      `Target unit ${show(unit)}: layer "${layer}" (${showShape(shape)}) has units 0 to ${channels - 1}.`,
    );
  }
}

function unitTarget(
  model: LoadedModel,
  target: { readonly layer: string; readonly unit: number; readonly position?: UnitPosition },
): ScoredTarget {
  const { layer, unit, position = "max" } = target;
  const value = model.valueOf(layer);
  const shape = model.shape(value);
  const axis = model.unitAxis(value);
  const { rows: h, columns: w, channels, places, offsets: units } = axis;
  checkUnit(unit, layer, shape, channels);
  const over = (pixels: ArrayLike<number>, chosen: () => Target = () => target): Score => {
    const offsets = Array.from(pixels, (place) => place + units[unit]);
    return { index: unit, terms: [{ offsets, weight: 1 / offsets.length }], chosen };
  };
  if (position === "max") {
    return {
      value,
      choose: (data) => {
        const pixel = indexOfMaximum(Float32Array.from(places, (place) => data[place + units[unit]]));
        const score = over([places[pixel]], () => ({ ...target, position: placeOf(axis, elementsOf(score)[0]) }));
        return score;
      },
    };
  }
  if (position === "mean") return { value, choose: () => over(places) };
  const place = position === "centre" ? ([h >> 1, w >> 1] as const) : position;
  const pixel = pixelAt(place, h, w, `layer "${layer}"`, "'max', 'centre', 'mean' or ");
  return { value, choose: () => over([places[pixel]]) };
}

function contrastTarget(model: LoadedModel, pair: readonly [Target, Target], depth: number): ScoredTarget {
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new TargetError(
      `A target { contrast: [a, b] } takes two targets, why a and not b, got ${Array.isArray(pair) ? pair.length : kindOf(pair)}.`,
    );
  }
  return combined(model, { kind: "contrast", targets: pair, signs: [1, -1], depth }, (scores) => ({
    label: scores.map(nameOf).join(" − "),
    chosen: () => ({ contrast: [scores[0].chosen(), scores[1].chosen()] }),
  }));
}

function sumTarget(model: LoadedModel, all: readonly Target[], depth: number): ScoredTarget {
  if (!Array.isArray(all) || all.length === 0) {
    throw new TargetError(
      `A target { sum: [a, b, …] } takes a list of targets, got ${Array.isArray(all) ? "an empty one" : kindOf(all)}.`,
    );
  }
  return combined(model, { kind: "sum", targets: all, signs: all.map(() => 1), depth }, (scores) => ({
    label: scores.map(nameOf).join(" + "),
    chosen: () => ({ sum: scores.map((score) => score.chosen()) }),
  }));
}

/** Sums within sums: nobody means more, and an object may hold itself. */
const deepest = 8;

/** A linear combination of scores of one value. */
function combined(
  model: LoadedModel,
  combination: {
    readonly kind: string;
    readonly targets: readonly Target[];
    readonly signs: readonly number[];
    readonly depth: number;
  },
  words: (scores: readonly Score[]) => { readonly label: string; readonly chosen: () => Target },
): ScoredTarget {
  const { kind, targets, signs, depth } = combination;
  if (depth >= deepest)
    throw new TargetError(`A target { ${kind} } has more than ${deepest} others within each other.`);
  const resolved = Array.from(targets, (target) => {
    if (target === undefined || target === null) {
      throw new TargetError(`A target { ${kind} } has ${target} among its targets.`);
    }
    return resolveTarget(model, target, depth + 1);
  });
  const [{ value }] = resolved;
  const other = resolved.find((each) => each.value !== value);
  if (other) {
    throw new TargetError(
      `The targets of { ${kind} } belong to "${value}" and "${other.value}". They have to belong to one value: classes and places ` +
        "of the output, or units of one layer.",
    );
  }
  return {
    value,
    choose: (data) => {
      const scores = resolved.map((each) => each.choose(data));
      const terms = scores.flatMap((score, i) =>
        score.terms.map((term): Term => ({ ...term, weight: signs[i] * term.weight })),
      );
      return { index: scores[0].index, terms, of: scores, ...words(scores) };
    },
  };
}

const nameOf = ({ label, index }: Score): string => label ?? String(index);

function weightsTarget(model: LoadedModel, weights: Float32Array): ScoredTarget {
  const { explained: value, fileOrder } = model.parts;
  const shape = model.shape(value);
  const count = sizeOf(shape);
  if (!isFloat32Array(weights) || weights.length !== count) {
    const got = isFloat32Array(weights) ? `${weights.length} numbers` : kindOf(weights);
    throw new TargetError(
      `A target { weights } takes a Float32Array of ${count} numbers, one for each element of the explained output ` +
        `"${value}" (${showShape(fileOrder.map((axis) => shape[axis]))} in the file), got ${got}.`,
    );
  }
  const odd = weights.findIndex((weight) => !Number.isFinite(weight));
  if (odd >= 0) throw new TargetError(`A target { weights } has ${weights[odd]} at ${odd}.`);
  const all = elementOffsets(shape, memoryStrides(shape), fileOrder);
  const used = Array.from(weights.keys()).filter((i) => weights[i] !== 0);
  if (used.length === 0) throw new TargetError("A target { weights } has zeros alone, so there is nothing to explain.");
  const term: Term = {
    offsets: Int32Array.from(used, (i) => all[i]),
    weight: 1,
    factors: Float32Array.from(used, (i) => weights[i]),
  };
  const chosen = (): Target => ({ weights });
  return { value, choose: () => ({ index: -1, label: "weighed outputs", terms: [term], chosen }) };
}

function likenessTarget(model: LoadedModel, other: Tensor): ScoredTarget {
  const { explained: value } = model.parts;
  const shown = model.shownShape(value);
  const count = sizeOf(shown);
  if (!isTensor(other as Input) || sizeOf(other.shape) !== count) {
    throw new TargetError(
      `A target { similarTo } takes a Tensor like the explained output "${value}", ${showShape(shown)}: the embedding of another ` +
        `input, as run(other, { capture: [${JSON.stringify(value)}] }) has it among its activations. ` +
        `Got ${isTensor(other as Input) ? showShape(other.shape) : kindOf(other)}.`,
    );
  }
  const embedding = model.fromTensor(value, new Tensor(other.data, shown));
  const length = Math.sqrt(embedding.reduce((sum, each) => sum + each * each, 0));
  if (!(length > 0 && Number.isFinite(length))) {
    throw new TargetError(
      `A target { similarTo } has ${length === 0 ? "zeros alone, which have no direction" : "values that are not finite"}.`,
    );
  }
  const term: Term = {
    offsets: Int32Array.from(embedding.keys()),
    weight: 1,
    factors: Float64Array.from(embedding, (each) => each / length),
    normalised: true,
  };
  const chosen = (): Target => ({ similarTo: other });
  return { value, choose: () => ({ index: -1, label: "similarity", terms: [term], chosen }) };
}

/** The pixel of a position, row-major; of a signal, which has one row, the position may be one number. @throws {TargetError} if it lies outside */
export function pixelAt(position: Position, h: number, w: number, where: string, words = ""): number {
  const isLine = h === 1 || w === 1;
  const place = isLine && typeof position === "number" ? (h === 1 ? [0, position] : [position, 0]) : position;
  if (!Array.isArray(place) || place.length !== 2) {
    const expected = isLine ? "a number or two numbers [y, x] are" : "two numbers [y, x] are";
    throw new TargetError(`Target position: ${words}${expected} expected, got ${show(position)}.`);
  }
  const [y, x] = place;
  if (![y, x].every(Number.isInteger) || y < 0 || x < 0 || y >= h || x >= w) {
    throw new TargetError(
      typeof position === "number"
        ? `Target position ${position}: ${where} has positions 0 to ${h * w - 1}.`
        : `Target position [${show(y)}, ${show(x)}]: ${where} has rows 0 to ${h - 1} and columns 0 to ${w - 1}.`,
    );
  }
  return y * w + x;
}

/** The first where several are the largest. */
export function indexOfMaximum(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}
