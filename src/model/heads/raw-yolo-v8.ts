import { OptionError } from "../../errors";
import type { DetectorHeadOption } from "../detection";
import { meanDistance } from "./distances";
import {
  type Decoder,
  type DecoderRequest,
  type HeadClues,
  type HeadFamily,
  type HeadOutput,
  joinedParts,
} from "./family";

/** Of each side sixteen distances, as all of these networks are published. */
export const usualDistances = 64;

interface Scale {
  readonly maps: readonly HeadOutput[];
  readonly classes: number;
  /** The scores. */
  readonly scores: HeadOutput;
}

/**
 * YOLOv8, v9, v11 and v12 without their decoding: of each scale a map `[1, 64 + C, h, w]`, or `[1, 64, h, w]` beside `[1, C, h, w]`, as
 * exports for accelerators have them; of -seg coefficients of masks in a third.
 */
export const rawYoloV8: HeadFamily = {
  name: "raw-yolo-v8",
  recognise(clues) {
    const maps = clues.outputs.filter(({ shape }) => shape.length === 4 && shape[0] === 1);
    const prototypes = prototypesAmong(maps);
    const scales = scalesAmong(
      maps.filter((map) => map !== prototypes),
      clues,
      prototypes?.shape[1],
    );
    const [first] = scales;
    if (!first || scales.length < 2) return undefined;
    const count = first.maps.length;
    if (scales.some(({ classes, maps: own }) => classes !== first.classes || own.length !== count)) return undefined;
    const heights = scales.map(({ maps: [{ shape }] }) => shape[2]);
    const isPyramid = heights.every((h, i) => i === 0 || heights[i - 1] === 2 * h || heights[i - 1] === 2 * h - 1);
    if (!isPyramid || heights[0] * 4 > clues.picture[0]) return undefined;
    const isDone = scales.every(({ scores }) => joinedParts(scores.parts(1)).at(-1)?.finish === "sigmoid");
    const { classes } = first;
    return {
      boxes: scales.flatMap(({ maps: own }) => own.map(({ name }) => name)),
      layout: "map",
      decode: "yolo-v8",
      classAt: usualDistances,
      classes,
      ...(prototypes && count === 3 && { masks: { at: usualDistances + classes, prototypes: prototypes.name } }),
      activation: isDone ? "none" : "sigmoid",
    } satisfies DetectorHeadOption;
  },
};

/** The largest of the maps, of which some smaller ones have as many channels. */
function prototypesAmong(maps: readonly HeadOutput[]): HeadOutput | undefined {
  const [largest] = [...maps].sort((a, b) => b.shape[2] - a.shape[2]);
  const isApart = maps.some(({ shape }) => shape[1] === usualDistances);
  const isAlone = maps.every((map) => map === largest || map.shape[2] < largest.shape[2]);
  const hasCoefficients = maps.filter((map) => map.shape[1] === largest?.shape[1]).length > 2;
  return isApart && isAlone && hasCoefficients ? largest : undefined;
}

/** The largest first. */
function scalesAmong(
  maps: readonly HeadOutput[],
  clues: HeadClues,
  coefficients: number | undefined,
): readonly Scale[] {
  const sizes = [...new Set(maps.map(({ shape }) => `${shape[2]}×${shape[3]}`))];
  const scales = sizes.flatMap((size) => {
    const own = maps.filter(({ shape }) => `${shape[2]}×${shape[3]}` === size);
    const found = own.length === 1 ? oneMap(own[0], clues) : mapsBeside(own, coefficients);
    return found ? [found] : [];
  });
  return scales.sort((a, b) => b.maps[0].shape[2] - a.maps[0].shape[2]);
}

/** A map of distances and scores: two layers wrote it, or the names of the classes or the caller say so. */
function oneMap(map: HeadOutput, { labels, said }: HeadClues): Scale | undefined {
  const classes = map.shape[1] - usualDistances;
  const isTwo = map.parts(1)[0].size === usualDistances;
  return classes > 0 && (isTwo || labels === classes || said?.decode === "yolo-v8")
    ? { maps: [map], classes, scores: map }
    : undefined;
}

/** Distances beside scores. What has one channel beside more is the sum of the scores, which some exports add to sort out places by. */
function mapsBeside(own: readonly HeadOutput[], coefficients: number | undefined): Scale | undefined {
  const boxes = own.find(({ shape }) => shape[1] === usualDistances);
  const others = own.filter((map) => map !== boxes);
  const ofMasks = others.find(({ shape }) => shape[1] === coefficients);
  const beside = others.filter((map) => map !== ofMasks);
  const several = beside.filter(({ shape }) => shape[1] > 1);
  const [scores, ...more] = several.length > 0 ? several : beside.slice(0, 1);
  if (!boxes || !scores || more.length > 0) return undefined;
  return { maps: [boxes, scores, ...(ofMasks ? [ofMasks] : [])], classes: scores.shape[1], scores };
}

/**
 * Each side lies its mean distance · stride from the middle of the place: https://github.com/ultralytics/ultralytics, nn/modules/head.py,
 * Detect, and utils/tal.py, dist2bbox. A single number for each side is the distance itself.
 */
export function decodeYoloV8({ picture: [height, width], cells = [], channels }: DecoderRequest): Decoder {
  const steps = channels / 4;
  if (!Number.isInteger(steps)) {
    throw new OptionError(
      `head.classAt: the ${channels} channels of a box before it are not as many for each of its four sides.`,
    );
  }
  return {
    numbers: channels,
    corners(numbers, anchor) {
      const { rows, columns, x, y } = cells[anchor];
      const [across, down] = [width / columns, height / rows];
      const [left, top, right, bottom] = [0, 1, 2, 3].map((side) =>
        steps === 1 ? numbers[side] : meanDistance(numbers, side * steps, steps),
      );
      return [(x + 0.5 - left) * across, (y + 0.5 - top) * down, (x + 0.5 + right) * across, (y + 0.5 + bottom) * down];
    },
  };
}
