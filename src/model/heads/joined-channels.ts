/** Channels of candidates that several outputs hold together. */
import { kindOf } from "../../checks";
import { joinedOutputs } from "../../compile/join-outputs";
import { OptionError } from "../../errors";
import { showShape } from "../../tensor";
import type { DetectorHeadOption } from "../detection";
import type { ModelValues } from "../model-values";
import type { HeadOutput, MapCell } from "./family";
import type { Channels } from "./head";

export interface BoxChannels {
  readonly channels: Channels;
  /** Of each candidate, where there are several scales. */
  readonly cells?: readonly MapCell[];
}

export interface HeadPart {
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

const joinedOf = (parts: readonly HeadPart[]): HeadOutput => ({
  ...parts[0].output,
  name: parts.map(({ output }) => output.name).join('", "'),
  value: joinedOutputs,
});

/** The channels of several maps of one size, one behind the other. */
export function stackedChannels(parts: readonly HeadPart[]): BoxChannels {
  const [{ shape }] = parts.map(({ output }) => output);
  const [, , h, w] = shape;
  const owners = parts.flatMap(channelStarts);
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
export function yoloScales(parts: readonly HeadPart[], { anchors: priors }: DetectorHeadOption): BoxChannels {
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

/**
 * The candidates of the maps of all scales, one at each place; maps `[1, K, h, w]` of one size that follow one another are one scale, their
 * channels one behind the other.
 */
export function stackedScales(parts: readonly HeadPart[]): BoxChannels {
  const odd = parts.find(({ output: { shape } }) => shape.length !== 4 || shape[0] !== 1);
  if (odd) {
    throw new OptionError(
      `head.boxes: maps [1, C, h, w] are expected, "${odd.output.name}" is ${showShape(odd.output.shape)}.`,
    );
  }
  const scales: HeadPart[][] = [];
  for (const part of parts) {
    const [first] = scales.at(-1) ?? [];
    const isSame = first?.output.shape.slice(2).join() === part.output.shape.slice(2).join();
    if (isSame) scales.at(-1)?.push(part);
    else scales.push([part]);
  }
  const owners = scales.map((scale) => scale.flatMap(channelStarts));
  if (owners.some(({ length }) => length !== owners[0].length)) {
    const counts = owners.map(({ length }) => length).join(", ");
    throw new OptionError(
      `head.boxes: every scale needs maps with as many channels, those of one size one behind the other; got ${counts} channels of ` +
        `${parts.map(({ output }) => `"${output.name}" (${showShape(output.shape)})`).join(", ")}.`,
    );
  }
  const cells = scales.flatMap(([{ output }], map): MapCell[] => {
    const [, , rows, columns] = output.shape;
    const size = rows * columns;
    return Array.from({ length: size }, (_, i) => ({
      ...{ map, rows, columns, prior: 0 },
      ...{ x: i % columns, y: Math.floor(i / columns) },
    }));
  });
  const index = (anchor: number, channel: number): number => {
    const { map, x, y, columns } = cells[anchor];
    return owners[map][channel] + y * columns + x;
  };
  return {
    channels: { output: joinedOf(parts), anchors: cells.length, channels: owners[0].length, index, offset: index },
    cells,
  };
}

/** Where the channels of a map begin among all outputs. */
const channelStarts = ({ output: { shape }, start }: HeadPart): number[] =>
  Array.from({ length: shape[1] }, (_, channel) => start + channel * shape[2] * shape[3]);
