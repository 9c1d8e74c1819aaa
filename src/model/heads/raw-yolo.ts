import { TargetError } from "../../errors";
import { showShape } from "../../tensor";
import type { DetectorHeadOption } from "../detection";
import {
  type Decoder,
  type DecoderRequest,
  fromCentre,
  type HeadClues,
  type HeadFamily,
  type HeadOutput,
  joinedParts,
} from "./family";

/** Height and width of a map `[1, A·K, h, w]` or `[1, A, h, w, K]`, and how many numbers it has of each place. */
function mapOf({
  shape,
}: HeadOutput): { readonly h: number; readonly w: number; readonly channels: number } | undefined {
  if (shape[0] !== 1) return undefined;
  if (shape.length === 4) return { channels: shape[1], h: shape[2], w: shape[3] };
  return shape.length === 5 ? { channels: shape[1] * shape[4], h: shape[2], w: shape[3] } : undefined;
}

/** Two maps or more of one depth, each half as high as the one before; the largest first. */
function mapsOf({ outputs, picture }: HeadClues): readonly HeadOutput[] {
  const all = outputs.filter((output) => mapOf(output) !== undefined);
  for (const first of all) {
    const own = mapOf(first);
    const alike = all
      .filter((each) => mapOf(each)?.channels === own?.channels && each.shape.length === first.shape.length)
      .sort((a, b) => (mapOf(b)?.h ?? 0) - (mapOf(a)?.h ?? 0));
    const heights = alike.map((each) => mapOf(each)?.h ?? 0);
    const isPyramid = heights.every((h, i) => i === 0 || heights[i - 1] === 2 * h || heights[i - 1] === 2 * h - 1);
    if (alike.length >= 2 && isPyramid && heights[0] * 4 <= picture[0]) return alike;
  }
  return [];
}

/** Prototypes of masks that ultralytics' networks have. */
const usualPrototypes = 32;

/** YOLOv3, v5 and v7 without their decoding: a map per scale. Which sizes their offsets are from is in no file. */
export const rawYolo: HeadFamily = {
  name: "raw-yolo",
  recognise(clues) {
    const maps = mapsOf(clues);
    if (maps.length === 0) return undefined;
    const [{ shape, parts }] = maps;
    const channels = mapOf(maps[0])?.channels ?? 0;
    const { anchors } = clues.said ?? {};
    // What was said and does not fit is refused where it is read, by its name.
    const said = Array.isArray(anchors?.[0]) ? anchors[0].length / 2 : 0;
    const perPlace = Number.isInteger(channels / said) ? said : shape.length === 5 ? shape[1] : 3;
    const numbers = channels / perPlace;
    if (!Number.isInteger(numbers) || numbers < 5) return undefined;
    if (anchors === undefined) {
      const shown = maps.map((each) => `"${each.name}" (${showShape(each.shape)})`).join(", ");
      throw new TargetError(
        `The outputs ${shown} are maps of a YOLO detector before its decoding, and the sizes that their boxes are relative to are not in ` +
          "the file. Say them, width and height in pixels for each map from the largest on, as the network was trained with: " +
          "head: { anchors: [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]] } are YOLOv5's own; of " +
          'YOLOv3 also decode: "yolo-v3". Of YOLOv8 and later, which have no such sizes, head: { decode: "yolo-v8" }.',
      );
    }
    // Prototypes beside say how many of the numbers are coefficients of masks.
    const prototypes = clues.outputs.find(
      (each) =>
        !maps.includes(each) &&
        each.shape.length === 4 &&
        each.shape[0] === 1 &&
        each.shape[2] > (mapOf(maps[0])?.h ?? 0) &&
        each.shape[1] <= numbers - 6 &&
        (each.shape[1] === usualPrototypes || /proto|mask/i.test(each.name)),
    );
    const classes = numbers - 5 - (prototypes?.shape[1] ?? 0);
    const isDone = joinedParts(parts(shape.length === 5 ? 4 : 1)).every(({ finish }) => finish === "sigmoid");
    return {
      boxes: maps.map(({ name }) => name),
      layout: "map",
      decode: "yolo",
      objectness: 4,
      classAt: 5,
      classes,
      ...(prototypes && { masks: { at: 5 + classes, prototypes: prototypes.name } }),
      activation: isDone ? "none" : "sigmoid",
    } satisfies DetectorHeadOption;
  },
};

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * v5 and v7: centre (2σ − ½ + place) · stride, size (2σ)² · prior: https://github.com/ultralytics/yolov5, models/yolo.py. v3: centre
 * (σ + place) · stride, size e^t · prior: Redmon & Farhadi 2018, https://arxiv.org/abs/1804.02767, section 2.1.
 */
export function decodeYolo({ option, picture: [height, width], cells = [] }: DecoderRequest): Decoder {
  const third = option.decode === "yolo-v3";
  const squash = option.activation === "none" ? (x: number): number => x : sigmoid;
  return {
    numbers: 4,
    corners(box, anchor) {
      const { map, rows, columns, x, y, prior } = cells[anchor];
      const [w, h] = (option.anchors?.[map] ?? []).slice(2 * prior, 2 * prior + 2);
      const [across, down] = [width / columns, height / rows];
      if (third) {
        return fromCentre(
          (squash(box[0]) + x) * across,
          (squash(box[1]) + y) * down,
          Math.exp(box[2]) * w,
          Math.exp(box[3]) * h,
        );
      }
      return fromCentre(
        (2 * squash(box[0]) - 0.5 + x) * across,
        (2 * squash(box[1]) - 0.5 + y) * down,
        (2 * squash(box[2])) ** 2 * w,
        (2 * squash(box[3])) ** 2 * h,
      );
    },
  };
}
