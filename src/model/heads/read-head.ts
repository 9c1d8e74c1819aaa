/** A head as it is read: which elements of which values are a candidate's box and scores. */
import { kindOf, oneOf, wholeNumber } from "../../checks";
import { OptionError } from "../../errors";
import { suggest } from "../../nearest";
import { memoryStrides, type Shape } from "../../operation/layout";
import { showShape } from "../../tensor";
import type { DetectorHeadOption } from "../detection";
import type { LoadedModel } from "../model";
import type { Corners, HeadOutput } from "./family";
import { outputsOf, pictureOf } from "./find-head";
import { decoders } from "./table";

/** The elements of a value by candidate and channel. */
export interface Channels {
  readonly output: HeadOutput;
  readonly anchors: number;
  readonly channels: number;
  /** Height and width, of a map. */
  readonly map?: readonly [number, number];
  /** In row-major order, as the file has it. */
  index(anchor: number, channel: number): number;
  /** In memory. */
  offset(anchor: number, channel: number): number;
}

export interface Head {
  readonly option: DetectorHeadOption;
  readonly anchors: number;
  readonly boxes: Channels;
  readonly boxAt: number;
  /** How many numbers a box has. */
  readonly numbers: number;
  readonly scores: Channels;
  readonly classAt: number;
  readonly classes: number;
  readonly activation: "none" | "sigmoid" | "softmax";
  corners(numbers: ArrayLike<number>, anchor: number): Corners;
}

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
  ...{ strides: true, sizes: true, variances: true },
};

/** @throws {OptionError} if it names no output, or channels that are not there */
export function readHead(model: LoadedModel, option: DetectorHeadOption): Head {
  checkHead(option);
  const { layout = "rows", decode = "center", boxAt = 0, objectness, powers, activation = "none" } = option;
  const outputs = outputsOf(model);
  const boxes = channelsOf(outputOf(outputs, "boxes", option.boxes), layout);
  const scores = option.scores === undefined ? boxes : channelsOf(outputOf(outputs, "scores", option.scores), layout);
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
  const decoder = decoders[decode]({ option, picture, anchors, ...(map && { map }), channels: end - boxAt });
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
  if (powers !== undefined && !(Array.isArray(powers) && powers.length === 2 && powers.every(Number.isFinite))) {
    throw new OptionError(`head.powers must be two numbers, got ${kindOf(powers)}.`);
  }
  if (decoder.anchors !== undefined && decoder.anchors !== anchors) {
    throw new OptionError(
      `head: strides${decode === "ssd" ? " and sizes" : ""} make ${decoder.anchors} candidates for ${decode} at a picture of ` +
        `${picture[1]}×${picture[0]}, "${boxes.output.name}" (${showShape(boxes.output.shape)}) has ${anchors} in ${layout}.`,
    );
  }
  return {
    option,
    anchors,
    boxes,
    boxAt,
    numbers: decoder.numbers,
    scores,
    classAt,
    classes,
    activation,
    corners: decoder.corners,
  };
}

function checkHead(option: DetectorHeadOption): void {
  if (typeof option !== "object" || option === null || typeof option.boxes !== "string") {
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
  oneOf("head.decode", decode, ["center", "corners", "yolox", "nanodet", "fastest-det", "ssd"]);
  oneOf("head.units", units, ["pixels", "relative"]);
  oneOf("head.activation", activation, ["none", "sigmoid", "softmax"]);
  oneOf("head.background", background, ["first", "last"]);
  for (const name of ["boxAt", "objectness", "classAt", "classNumber"] as const) {
    if (option[name] !== undefined) wholeNumber(`head.${name}`, option[name], 0);
  }
  if (option.classes !== undefined) wholeNumber("head.classes", option.classes, 1);
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
