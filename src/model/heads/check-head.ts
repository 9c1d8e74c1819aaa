/** What somebody says of a head, checked before anything is read by it. */
import { kindOf, nonEmptyList, oneOf, show, wholeNumber } from "../../checks";
import { OptionError } from "../../errors";
import { suggest } from "../../nearest";
import type { BoxDecoding, DetectorHeadOption, KeypointChannels, MaskOption, SelectionOption } from "../detection";
import { placeCount } from "./family";
import { decoders } from "./table";

const keys: Readonly<Record<keyof DetectorHeadOption, true>> = {
  ...{
    boxes: true,
    scores: true,
    layout: true,
    decode: true,
    units: true,
    boxAt: true,
    objectness: true,
    classAt: true,
  },
  ...{ classes: true, background: true, activation: true, classNumber: true, suppressed: true, powers: true },
  ...{ scoresLayout: true, selection: true },
  ...{ strides: true, sizes: true, variances: true, anchors: true, keypoints: true, masks: true },
};

/** @throws {OptionError} naming the option that is none, or has another kind of value */
export function checkHead(option: DetectorHeadOption): void {
  if (typeof option !== "object" || option === null || Array.isArray(option) || !namesOutputs(option.boxes)) {
    throw new OptionError(
      `head must say how the outputs are read, at least { boxes: "the name of the output with the boxes" }, got ${kindOf(option)}.`,
    );
  }
  const known = Object.keys(keys);
  const odd = Object.keys(option).find((key) => !known.includes(key));
  if (odd !== undefined) {
    throw new OptionError(`head has no "${odd}".${suggest(odd, known)} It takes ${known.join(", ")}.`);
  }
  const { layout = "rows", decode = "center", units = "pixels", activation = "none", background = "first" } = option;
  oneOf("head.layout", layout, ["rows", "columns", "map"]);
  if (option.scoresLayout !== undefined) oneOf("head.scoresLayout", option.scoresLayout, ["rows", "columns", "map"]);
  oneOf("head.decode", decode, Object.keys(decoders));
  oneOf("head.units", units, ["pixels", "relative"]);
  oneOf("head.activation", activation, ["none", "sigmoid", "softmax"]);
  oneOf("head.background", background, ["first", "last"]);
  for (const name of ["boxAt", "objectness", "classAt", "classNumber"] as const) {
    if (option[name] !== undefined) wholeNumber(`head.${name}`, option[name], 0);
  }
  if (option.classes !== undefined) wholeNumber("head.classes", option.classes, 1);
  const { scores, suppressed, powers, variances } = option;
  if (scores !== undefined && typeof scores !== "string") {
    throw new OptionError(`head.scores must be the name of the output with the scores, got ${kindOf(scores)}.`);
  }
  if (suppressed !== undefined && typeof suppressed !== "boolean") {
    throw new OptionError(`head.suppressed must be true or false, got ${show(suppressed)}.`);
  }
  twoNumbers("head.powers", powers);
  twoNumbers("head.variances", variances);
  checkPyramid(option);
  checkKeypoints(option.keypoints);
  checkMasks(option.masks);
  checkSelection(option.selection);
  if (option.anchors !== undefined && decode !== "yolo" && decode !== "yolo-v3") {
    throw new OptionError(
      `head.anchors are of the maps of a YOLO that is not decoded, decode: "yolo" or "yolo-v3", and "${decode}" reads none: leave them out.`,
    );
  }
}

const namesOutputs = (boxes: unknown): boolean =>
  typeof boxes === "string" ||
  (Array.isArray(boxes) && boxes.length > 0 && boxes.every((each) => typeof each === "string"));

function twoNumbers(name: string, value: unknown): void {
  const isPair = Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);
  if (value !== undefined && !isPair) throw new OptionError(`${name} must be two numbers, got ${kindOf(value)}.`);
}

const isPositive = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value > 0;

function checkPyramid({ strides, sizes }: DetectorHeadOption): void {
  if (strides !== undefined) {
    nonEmptyList("head.strides", strides, "number of pixels");
    if (!strides.every(isPositive))
      throw new OptionError(`head.strides must be numbers above 0, got ${show(strides)}.`);
  }
  if (sizes === undefined) return;
  const isList = Array.isArray(sizes) && sizes.every((each) => Array.isArray(each) && each.every(isPositive));
  if (!isList || sizes.length !== strides?.length) {
    throw new OptionError(
      `head.sizes must have a list of sides above 0 for each of the ${strides?.length ?? 0} strides, for example [[16, 32], [64, 128]]; ` +
        `got ${show(sizes)}.`,
    );
  }
}

/** @throws {OptionError} unless it says where in an output channels begin, with these words and no others */
function checkChannels<Part extends { readonly output?: string; readonly at: number }>(
  name: string,
  part: unknown,
  words: readonly (keyof Part & string)[],
): asserts part is Part {
  if (typeof part !== "object" || part === null || Array.isArray(part)) {
    throw new OptionError(`${name} must be { ${words.join(", ")} }, got ${kindOf(part)}.`);
  }
  const known = ["output", ...words];
  const odd = Object.keys(part).find((key) => !known.includes(key));
  if (odd !== undefined) throw new OptionError(`${name} has no "${odd}".${suggest(odd, known)}`);
  const { output, at } = part as Part;
  if (output !== undefined && typeof output !== "string") {
    throw new OptionError(`${name}.output must be the name of an output, got ${kindOf(output)}.`);
  }
  wholeNumber(`${name}.at`, at, 0);
}

const selectionKeys: Readonly<Record<keyof SelectionOption, true>> = {
  ...{ everyClass: true, iou: true, score: true, top: true, perClass: true, acrossClasses: true },
};

function checkSelection(selection: unknown): void {
  if (selection === undefined) return;
  const known = Object.keys(selectionKeys);
  if (typeof selection !== "object" || selection === null) {
    throw new OptionError(`head.selection must be { ${known.join(", ")} }, some of them, got ${kindOf(selection)}.`);
  }
  const odd = Object.keys(selection).find((key) => !known.includes(key));
  if (odd !== undefined) throw new OptionError(`head.selection has no "${odd}".${suggest(odd, known)}`);
  const said = selection as Readonly<Record<keyof SelectionOption, unknown>>;
  for (const name of ["everyClass", "acrossClasses"] as const) {
    if (said[name] === undefined || typeof said[name] === "boolean") continue;
    throw new OptionError(`head.selection.${name} must be true or false, got ${show(said[name])}.`);
  }
  for (const name of ["iou", "score"] as const) {
    if (said[name] === undefined || Number.isFinite(said[name])) continue;
    throw new OptionError(`head.selection.${name} must be a number, got ${show(said[name])}.`);
  }
  for (const name of ["top", "perClass"] as const) {
    const count = said[name];
    if (count !== undefined) wholeNumber(`head.selection.${name}`, count as number, 0);
  }
}

function checkMasks(masks: unknown): void {
  if (masks === undefined) return;
  checkChannels<MaskOption>("head.masks", masks, ["at", "prototypes"]);
  const { prototypes } = masks;
  if (typeof prototypes === "string") return;
  throw new OptionError(`head.masks.prototypes must be the name of the output with them, got ${kindOf(prototypes)}.`);
}

function checkKeypoints(keypoints: unknown): void {
  if (keypoints === undefined) return;
  checkChannels<KeypointChannels>("head.keypoints", keypoints, ["at", "count", "numbers"]);
  const { count, numbers } = keypoints;
  wholeNumber("head.keypoints.count", count, 1);
  if (numbers !== 2 && numbers !== 3) {
    throw new OptionError(`head.keypoints.numbers must be 2 or 3, got ${show(numbers)}.`);
  }
}

/** Priors at each place of a map, where there can be several. */
const withPriors: readonly BoxDecoding[] = ["ssd", "retina-face", "blaze-face"];
const inPyramid: readonly BoxDecoding[] = ["yolox", "nanodet", ...withPriors];

/**
 * How many candidates strides and sizes make, before any place is put down: there could be more than fit into memory.
 *
 * @returns undefined where they are not said, or not read
 */
export function candidatesMade(
  { decode = "center", strides, sizes = [] }: DetectorHeadOption,
  picture: readonly [number, number],
): number | undefined {
  if (strides === undefined || !inPyramid.includes(decode)) return undefined;
  const priors = (level: number): number => (withPriors.includes(decode) ? (sizes[level] ?? []).length : 1);
  return strides.reduce((sum, stride, level) => sum + placeCount(picture, stride) * priors(level), 0);
}

/** What makes them, in words. */
export const makersOf = ({ decode = "center" }: DetectorHeadOption): string =>
  withPriors.includes(decode) ? "strides and sizes" : "strides";
