/** A head as it is read: which elements of which values are a candidate's box and scores. */

import { kindOf } from "../../checks";
import { joinedOutputs } from "../../compile/join-outputs";
import { OptionError } from "../../errors";
import type { Shape } from "../../graph/shape-rule";
import { suggest } from "../../nearest";
import { memoryStrides } from "../../operation/layout";
import { showShape } from "../../tensor";
import type { DetectorHeadOption, MaskOption } from "../detection";
import type { ModelValues } from "../model-values";
import { candidatesMade, checkHead, makersOf } from "./check-head";
import type { HeadOutput, MapCell } from "./family";
import { outputsOf, pictureOf } from "./find-head";
import type { Channels, Head, MaskChannels } from "./head";
import { maskChannels } from "./masks";
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
  const classAt = option.classAt ?? (isOwn ? Math.max(boxAt + 4, (objectness ?? -1) + 1) : (objectness ?? -1) + 1);
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

interface BoxChannels {
  readonly channels: Channels;
  /** Of each candidate, where there are several scales. */
  readonly cells?: readonly MapCell[];
}

/** The boxes in their output, or in several that are read together. */
function boxesOf(model: ModelValues, outputs: readonly HeadOutput[], option: DetectorHeadOption): BoxChannels {
  const { boxes, layout = "rows", decode = "center" } = option;
  const isYolo = decode === "yolo" || decode === "yolo-v3";
  if (typeof boxes === "string" && !isYolo) {
    return { channels: channelsOf(outputOf(outputs, "boxes", boxes), layout) };
  }
  const named = (typeof boxes === "string" ? [boxes] : boxes).map((name) => outputOf(outputs, "boxes", name));
  const parts = named.map((output) => ({ output, start: startOf(model, output) }));
  return isYolo ? scalesOf(parts, option) : stackedChannels(parts);
}

interface Part {
  readonly output: HeadOutput;
  /** Where it begins among all outputs. */
  readonly start: number;
}

/** @throws {OptionError} if the outputs were not read together, because nothing told that they are a detector's */
export function startOf(model: ModelValues, { value, name }: HeadOutput): number {
  const values = [...new Set(model.parts.outputs.map((output) => output.value))];
  const { shapes } = model.parts.graph;
  if (!shapes.has(joinedOutputs)) {
    throw new OptionError(
      `head.boxes: "${name}" is the only output of the model as it was loaded; several can be read together where the network is recognised ` +
        "as a detector.",
    );
  }
  return values
    .slice(0, values.indexOf(value))
    .reduce((sum, each) => sum + (shapes.get(each) ?? []).reduce((a, b) => a * b, 1), 0);
}

const joinedOf = (parts: readonly Part[]): HeadOutput => ({
  ...parts[0].output,
  name: parts.map(({ output }) => output.name).join('", "'),
  value: joinedOutputs,
});

/** The channels of several maps of one size, one behind the other. */
function stackedChannels(parts: readonly Part[]): BoxChannels {
  const [{ shape }] = parts.map(({ output }) => output);
  const [, , h, w] = shape;
  const owners = parts.flatMap(({ output, start }) =>
    Array.from({ length: output.shape[1] }, (_, channel) => start + channel * h * w),
  );
  const same = parts.every(({ output: { shape: own } }) => own.length === 4 && own[2] === h && own[3] === w);
  if (!same) {
    throw new OptionError(
      `head.boxes: maps [1, C, h, w] of one size are expected, got ${parts.map(({ output }) => showShape(output.shape)).join(", ")}.`,
    );
  }
  const index = (anchor: number, channel: number): number => owners[channel] + anchor;
  const channels = { output: joinedOf(parts), anchors: h * w, channels: owners.length, map: [h, w] as const };
  return { channels: { ...channels, index, offset: index } };
}

/** The candidates of the maps of all scales, of each place several priors: `[1, A·K, h, w]` or `[1, A, h, w, K]`. */
function scalesOf(parts: readonly Part[], { anchors: priors }: DetectorHeadOption): BoxChannels {
  const whole =
    Array.isArray(priors) &&
    priors.length === parts.length &&
    priors.every(
      (each) => Array.isArray(each) && each.length >= 2 && each.length % 2 === 0 && each.every((n) => n > 0),
    );
  if (!whole) {
    throw new OptionError(
      `head.anchors must say width and height of the priors in pixels for each of the ${parts.length} maps, for example [[10, 13, 16, 30, 33, 23], …]; ` +
        `got ${Array.isArray(priors) ? `${priors.length} lists` : kindOf(priors)}.`,
    );
  }
  const maps = parts.map(({ output, start }, i) => {
    const { shape } = output;
    const count = priors[i].length / 2;
    const isSplit = shape.length === 5;
    const numbers = isSplit ? shape[4] : shape[1] / count;
    if (!(shape.length === 4 || (isSplit && shape[1] === count)) || !Number.isInteger(numbers)) {
      throw new OptionError(`head.anchors: ${count} priors a place do not fit "${output.name}" (${showShape(shape)}).`);
    }
    return { start, count, rows: shape[2], columns: shape[3], numbers, isSplit };
  });
  const [{ numbers }] = maps;
  if (maps.some((map) => map.numbers !== numbers)) {
    throw new OptionError(
      `head.anchors: ${priors.map(({ length }) => length / 2).join(", ")} priors a place do not fit maps of ` +
        `${parts.map(({ output }) => showShape(output.shape)).join(", ")}: their candidates would have different numbers.`,
    );
  }
  const places = maps.flatMap(({ start, count, rows, columns, isSplit }, map) => {
    const size = rows * columns;
    return Array.from({ length: count * size }, (_, own) => {
      const [prior, place] = [Math.floor(own / size), own % size];
      return {
        cell: { map, rows, columns, x: place % columns, y: Math.floor(place / columns), prior },
        base: start + (isSplit ? own * numbers : prior * numbers * size + place),
        step: isSplit ? 1 : size,
      };
    });
  });
  const index = (anchor: number, channel: number): number => places[anchor].base + channel * places[anchor].step;
  return {
    channels: { output: joinedOf(parts), anchors: places.length, channels: numbers, index, offset: index },
    cells: places.map(({ cell }) => cell),
  };
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
