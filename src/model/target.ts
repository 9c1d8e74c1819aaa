import { isUint8Array } from "../bytes";
import { TargetError } from "../errors";
import { suggest } from "../nearest";
import type { Shape } from "../ops/layout";
import type { ValueName } from "../ops/operation";
import { showShape } from "../tensor";
import { type ClassAxis, classElements, classScores } from "./class-axis";
import type { LoadedModel } from "./model";
import { rankedClasses } from "./output";

/**
 * What to explain: a class by index or label, the best class, one position or a masked region of an output map, or a
 * unit (channel) of any layer: where it is strongest ('max', default), at its centre, at a position, or its mean over
 * all positions.
 */
export type Target =
  | number
  | string
  | { readonly position: Position; readonly channel: number }
  | { readonly mask: Uint8Array; readonly channel: number }
  | { readonly layer: string; readonly unit: number; readonly position?: UnitPosition };

/** A place of a map, of a signal one number. */
export type Position = readonly [y: number, x: number] | number;

/** Where a unit is looked at. */
export type UnitPosition = Position | "max" | "centre" | "mean";

/** A target as an attribution reports it. */
export interface TargetReport {
  readonly index: number;
  readonly label?: string;
  readonly score: number;
}

/** A linear functional of one value: the score is Σ weight · value[offset]. */
export interface Score {
  readonly index: number;
  readonly label?: string;
  readonly offsets: readonly number[];
  /** Weight of each offset; all are equal, and negative where the score is the negative of another class's. */
  readonly weight: number;
}

/** A target bound to a value; the offsets may depend on what the network computes (the best class, a unit's maximum). */
export interface ScoredTarget {
  readonly value: ValueName;
  /** @param data  the value of one sample, memory order */
  choose(data: Float32Array): Score;
}

/** The score of one sample, accumulated in float64. */
export const scoreOf = ({ offsets, weight }: Score, data: Float32Array, start = 0): number =>
  weight * offsets.reduce((total, offset) => total + data[start + offset], 0);

/**
 * Resolves a target against a model.
 *
 * @throws {TargetError} if it names no class, unit or position of the model
 * @throws {LayerError} if it names an unknown layer
 */
export function resolveTarget(model: LoadedModel, target: Target = "top"): ScoredTarget {
  if (typeof target === "object" && target !== null) {
    const kind = Object.keys(targetKeys).find((key) => key in target) as keyof typeof targetKeys | undefined;
    if (kind) checkKeys(target, targetKeys[kind]);
    if ("layer" in target) return unitTarget(model, target);
    if ("position" in target || "mask" in target) return regionTarget(model, target);
  }
  if (typeof target !== "number" && typeof target !== "string") {
    throw new TargetError(
      "A target is a class index, a label, 'top', { position, channel }, { mask, channel } or { layer, unit, position? }; " +
        `got ${typeof target === "object" ? JSON.stringify(target) : String(target)}.`,
    );
  }
  const { explained: value, classAxis, outputKind, detector } = model.parts;
  const score = (index: number): Score => ({ index, label: model.labelOf(index), ...classElements(classAxis, index) });
  if (target === "top") {
    if (detector?.targets) throw new TargetError(`${detector.what} ${detector.targets}`);
    const best = (data: Float32Array): number =>
      rankedClasses(classScores(classAxis, data), outputKind, classAxis.mirrored)[0];
    return { value, choose: (data) => score(best(data)) };
  }
  const index = classIndex(model, target);
  return { value, choose: () => score(index) };
}

/** What stands beside what tells one target from another, which is looked for in this order. */
const targetKeys = {
  layer: ["layer", "unit", "position"],
  mask: ["mask", "channel"],
  position: ["position", "channel"],
} as const;

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
    throw new TargetError(`Target ${index}: the model "${model.name}" has ${classes} classes, 0 to ${classes - 1}.`);
  }
  return index;
}

/** How many classes there are to choose from. */
export const classCount = (model: LoadedModel): number => model.parts.classAxis.classes;

function indexOfLabel(model: LoadedModel, label: string): number {
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

/**
 * A target that names what was chosen, so that it means the same of any other input: the best class by its index, the place
 * where a unit is strongest by its position.
 *
 * @param score  what the target chose
 */
export function chosenTarget(model: LoadedModel, target: Target | undefined, { index, offsets }: Score): Target {
  if (target === undefined || target === "top") return index;
  if (typeof target !== "object" || !("layer" in target)) return target;
  const { position = "max" } = target;
  if (position !== "max") return target;
  return { ...target, position: placeOf(model.unitAxis(model.valueOf(target.layer)), offsets[0]) };
}

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
    throw new TargetError(`Target channel ${channel}: the output ${showShape(shape)} has channels 0 to ${c - 1}.`);
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
  const score: Score = {
    index: channel,
    label: model.labelOf(channel),
    ...classElements(
      classAxis,
      channel,
      pixels.map((pixel) => places[pixel]),
    ),
  };
  return { value, choose: () => score };
}

/** @throws {TargetError} if a layer of that shape, with that many channels, has no such unit */
export function checkUnit(unit: number, layer: string, shape: Shape, channels: number): void {
  if (!Number.isInteger(unit) || unit < 0 || unit >= channels) {
    throw new TargetError(
      `Target unit ${unit}: layer "${layer}" (${showShape(shape)}) has units 0 to ${channels - 1}.`,
    );
  }
}

function unitTarget(
  model: LoadedModel,
  {
    layer,
    unit,
    position = "max",
  }: { readonly layer: string; readonly unit: number; readonly position?: UnitPosition },
): ScoredTarget {
  const value = model.valueOf(layer);
  const shape = model.shape(value);
  const { rows: h, columns: w, channels, places, offsets: units } = model.unitAxis(value);
  checkUnit(unit, layer, shape, channels);
  const at = (pixel: number): Score => ({ index: unit, offsets: [places[pixel] + units[unit]], weight: 1 });
  if (position === "max") {
    return {
      value,
      choose: (data) => at(indexOfMaximum(Float32Array.from(places, (place) => data[place + units[unit]]))),
    };
  }
  if (position === "mean") {
    const offsets = Array.from(places, (place) => place + units[unit]);
    return { value, choose: () => ({ index: unit, offsets, weight: 1 / places.length }) };
  }
  const place = position === "centre" ? ([h >> 1, w >> 1] as const) : position;
  const pixel = pixelAt(place, h, w, `layer "${layer}"`, "'max', 'centre', 'mean' or ");
  return { value, choose: () => at(pixel) };
}

/** The pixel of a position, row-major; of a signal, which has one row, the position may be one number. @throws {TargetError} if it lies outside */
export function pixelAt(position: Position, h: number, w: number, where: string, words = ""): number {
  const isLine = h === 1 || w === 1;
  const place = isLine && typeof position === "number" ? (h === 1 ? [0, position] : [position, 0]) : position;
  if (!Array.isArray(place) || place.length !== 2) {
    const expected = isLine ? "a number or two numbers [y, x] are" : "two numbers [y, x] are";
    throw new TargetError(`Target position: ${words}${expected} expected, got ${JSON.stringify(position)}.`);
  }
  const [y, x] = place;
  if (![y, x].every(Number.isInteger) || y < 0 || x < 0 || y >= h || x >= w) {
    throw new TargetError(
      typeof position === "number"
        ? `Target position ${position}: ${where} has positions 0 to ${h * w - 1}.`
        : `Target position [${y}, ${x}]: ${where} has rows 0 to ${h - 1} and columns 0 to ${w - 1}.`,
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
