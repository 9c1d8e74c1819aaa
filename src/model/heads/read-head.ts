/** A head as it is read: which elements of which values are a candidate's box and scores. */

import { OptionError } from "../../errors";
import type { Shape } from "../../graph/shape-rule";
import { suggest } from "../../nearest";
import { memoryStrides } from "../../operation/layout";
import { showShape } from "../../tensor";
import type { DetectorHeadOption, MaskOption } from "../detection";
import type { ModelValues } from "../model-values";
import { candidatesMade, checkHead, makersOf } from "./check-head";
import type { HeadOutput } from "./family";
import { outputsOf, pictureOf } from "./find-head";
import type { Channels, Head, MaskChannels } from "./head";
import { type BoxChannels, stackedChannels, stackedScales, startOf, yoloScales } from "./joined-channels";
import { maskChannels } from "./masks";
import { usualDistances } from "./raw-yolo-v8";
import { decoders } from "./table";

/** @throws {OptionError} if it names no output, or channels that are not there */
export function readHead(model: ModelValues, option: DetectorHeadOption): Head {
  checkHead(option);
  const { layout = "rows", decode = "center", boxAt = 0, objectness, activation = "none" } = option;
  const outputs = outputsOf(model);
  const { channels: boxes, cells } = boxesOf(model, outputs, option);
  const scores =
    option.scores === undefined
      ? boxes
      : channelsOf(outputOf(outputs, "scores", option.scores), option.scoresLayout ?? layout);
  if (scores.anchors !== boxes.anchors) {
    throw new OptionError(
      `head: "${boxes.output.name}" (${showShape(boxes.output.shape)}) has ${boxes.anchors} candidates in ${layout}, ` +
        `"${scores.output.name}" (${showShape(scores.output.shape)}) ${scores.anchors}. Say another layout.`,
    );
  }
  const isOwn = scores.output === boxes.output;
  const boxEnd = boxAt + (decode === "yolo-v8" ? usualDistances : 4);
  const classAt = option.classAt ?? (isOwn ? Math.max(boxEnd, (objectness ?? -1) + 1) : (objectness ?? -1) + 1);
  const classes = option.classes ?? scores.channels - classAt;
  const { anchors, map } = boxes;
  const behind = [classAt, objectness, option.classNumber].filter((at): at is number => at !== undefined && at > boxAt);
  const end = Math.min(boxes.channels, ...(isOwn ? behind : []));
  const picture = pictureOf(model);
  const checkCount = (made: number | undefined): void => {
    if (made === undefined || made === anchors) return;
    throw new OptionError(
      `head: ${makersOf(option)} make ${made} candidates for ${decode} at a picture of ${picture[1]}×${picture[0]}, ` +
        `"${boxes.output.name}" (${showShape(boxes.output.shape)}) has ${anchors} in ${layout}.`,
    );
  };
  checkCount(candidatesMade(option, picture));
  const decoder = decoders[decode]({
    option,
    picture,
    ...(map && { map }),
    ...(cells && { cells }),
    channels: end - boxAt,
  });
  checkCount(decoder.anchors);
  const inside = (name: string, at: number | undefined, count: number, { channels, output }: Channels): void => {
    if (at === undefined || at + count <= channels) return;
    throw new OptionError(
      `head.${name}: channels ${at} to ${at + count - 1} are asked for, "${output.name}" (${showShape(output.shape)}) has ` +
        `${channels} in ${layout}.`,
    );
  };
  inside("boxAt", boxAt, decoder.numbers, boxes);
  inside("objectness", objectness, 1, scores);
  inside("classNumber", option.classNumber, 1, scores);
  inside("classAt", classAt, Math.max(classes, 1), scores);
  const keypoints = option.keypoints && channelsBeside("keypoints", outputs, option.keypoints.output, boxes, layout);
  if (keypoints && option.keypoints) {
    inside("keypoints", option.keypoints.at, option.keypoints.count * option.keypoints.numbers, keypoints);
  }
  const masks = option.masks && masksIn(outputs, option.masks, boxes, layout);
  return {
    option,
    picture,
    anchors,
    boxes,
    boxAt,
    numbers: decoder.numbers,
    scores,
    classAt,
    classes,
    activation,
    corners: decoder.corners,
    ...(keypoints && { keypoints }),
    ...(masks && { masks }),
    point: decoder.point ?? (([x, y]: ArrayLike<number> & Iterable<number>) => [x, y]),
    values: [...new Set([boxes, scores, ...(keypoints ? [keypoints] : [])].map(({ output }) => output.value))],
  };
}

/** The channels of the same candidates in another output, or in that of the boxes. */
function channelsBeside(
  part: "keypoints" | "masks",
  outputs: readonly HeadOutput[],
  output: string | undefined,
  boxes: Channels,
  layout: NonNullable<DetectorHeadOption["layout"]>,
): Channels {
  const found = output === undefined ? boxes : channelsOf(outputOf(outputs, `${part}.output`, output), layout);
  if (found.anchors === boxes.anchors) return found;
  throw new OptionError(
    `head.${part}: "${found.output.name}" has ${found.anchors} candidates, the boxes are ${boxes.anchors}.`,
  );
}

function masksIn(
  outputs: readonly HeadOutput[],
  { output, at, prototypes }: MaskOption,
  boxes: Channels,
  layout: NonNullable<DetectorHeadOption["layout"]>,
): MaskChannels {
  const coefficients = channelsBeside("masks", outputs, output, boxes, layout);
  return maskChannels(coefficients, at, outputOf(outputs, "masks.prototypes", prototypes));
}

/** The boxes in their output, or in several that are read together. */
function boxesOf(model: ModelValues, outputs: readonly HeadOutput[], option: DetectorHeadOption): BoxChannels {
  const { boxes, layout = "rows", decode = "center" } = option;
  const isYolo = decode === "yolo" || decode === "yolo-v3";
  if (typeof boxes === "string" && !isYolo && decode !== "yolo-v8") {
    return { channels: channelsOf(outputOf(outputs, "boxes", boxes), layout) };
  }
  const named = (typeof boxes === "string" ? [boxes] : boxes).map((name) => outputOf(outputs, "boxes", name));
  const isMap = ({ shape }: HeadOutput): boolean => shape.length === 4 || (isYolo && shape.length === 5);
  const odd = decode === "centernet" ? undefined : named.find((output) => !isMap(output));
  if (odd) {
    throw new OptionError(
      `head.decode "${decode}" is of maps [1, C, h, w], and "${odd.name}" is ${showShape(odd.shape)}: boxes in rows or columns are decoded ` +
        'already, decode: "center" or "corners".',
    );
  }
  const parts = named.map((output) => ({ output, start: startOf(model, output) }));
  if (decode === "yolo-v8") return stackedScales(parts);
  return isYolo ? yoloScales(parts, option) : stackedChannels(parts);
}

function outputOf(outputs: readonly HeadOutput[], key: string, name: string): HeadOutput {
  const found = outputs.find((output) => output.name === name || output.value === name);
  if (found) return found;
  const names = outputs.map((output) => output.name);
  throw new OptionError(
    `head.${key}: the model as it was loaded has no output "${name}".${suggest(name, names)} It has ${names.join(", ")}.`,
  );
}

/** Candidates and channels of an output. */
function channelsOf(output: HeadOutput, layout: NonNullable<DetectorHeadOption["layout"]>): Channels {
  const { shape } = output;
  const rank = layout === "map" ? 4 : 3;
  const lead = shape.length - (rank - 1);
  if (lead < (layout === "map" ? 1 : 0) || shape.slice(0, lead).some((extent) => extent !== 1)) {
    throw new OptionError(
      `head.layout "${layout}": "${output.name}" is ${showShape(shape)}, and ${layoutShapes[layout]} is expected.`,
    );
  }
  const own = shape.slice(lead);
  const channelAxis = layout === "rows" ? 1 : 0;
  const channels = own[channelAxis];
  const places = own.filter((_, axis) => axis !== channelAxis);
  const columns = places[places.length - 1];
  const anchors = places.reduce((product, extent) => product * extent, 1);
  const place = (strides: Shape) => {
    const [channelStride, placeStrides] = [strides[channelAxis], strides.filter((_, axis) => axis !== channelAxis)];
    return (anchor: number, channel: number): number =>
      channel * channelStride +
      (layout === "map"
        ? Math.floor(anchor / columns) * placeStrides[0] + (anchor % columns) * placeStrides[1]
        : anchor * placeStrides[0]);
  };
  const rowMajor = own.map((_, axis) => own.slice(axis + 1).reduce((product, extent) => product * extent, 1));
  return {
    output,
    anchors,
    channels,
    ...(layout === "map" && { map: [places[0], places[1]] as const }),
    index: place(rowMajor),
    offset: place(memoryStrides(shape).slice(lead)),
  };
}

const layoutShapes = { rows: "[1, N, C]", columns: "[1, C, N]", map: "[1, C, h, w]" } as const;
