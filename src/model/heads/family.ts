/** What all families of heads share: how they are recognised, and how numbers become a box. */

import type { StaticGraph } from "../../graph/ir";
import { unravel } from "../../graph/regions";
import type { Selection } from "../../graph/selection";
import type { ChannelPart } from "../channel-parts";
import type { DetectorHeadOption } from "../detection";

/** An output of the file, batch of one left out. */
export interface HeadOutput {
  readonly name: string;
  readonly value: string;
  readonly shape: readonly number[];
  /** What its channels went through last, along an axis of `shape`. */
  parts(axis: number): readonly ChannelPart[];
  /** The operator of the layer that an element comes from, whatever only moved it since. */
  madeBy(element: number): string | undefined;
  /** The same behind factors that are constants. */
  computedBy(element: number): string | undefined;
}

export interface HeadClues {
  readonly graph: StaticGraph;
  readonly outputs: readonly HeadOutput[];
  /** Height and width of the network's picture. */
  readonly picture: readonly [number, number];
  /** How many class names there are. */
  readonly labels?: number;
  /** How the file picks among the candidates, where that was cut off. */
  readonly selection?: Selection;
  /** What the caller says of a head that is recognised. */
  readonly said?: Partial<DetectorHeadOption>;
}

/**
 * Whether the layers say that four numbers are corners or centre and size: from a place to the left and to the right of it, or the
 * middle of the two and how far they are apart.
 *
 * @param step  elements from one number of a box to the next
 */
export function writtenAs(output: HeadOutput, step: number): "corners" | "center" | undefined {
  const [first, third] = [output.computedBy(0), output.computedBy(2 * step)];
  if (first === "Sub" && third === "Add") return "corners";
  return first === "Add" && third === "Sub" ? "center" : undefined;
}

/** Left, top, right and bottom in pixels of the network's input. */
export type Corners = readonly [left: number, top: number, right: number, bottom: number];

/** A kind of head: one file each, one line in the table. */
export interface HeadFamily {
  readonly name: string;
  /** How the outputs are read, where they are of this kind. */
  recognise(clues: HeadClues): DetectorHeadOption | undefined;
}

/** How numbers become boxes. */
export interface Decoder {
  /** How many numbers there are of each. */
  readonly numbers: number;
  /** How many candidates there are by strides and priors. */
  readonly anchors?: number;
  corners(numbers: ArrayLike<number>, anchor: number): Corners;
  /** A key point in pixels of the input; default: its numbers in the units of the box. */
  point?(numbers: ArrayLike<number>, anchor: number): readonly [x: number, y: number];
}

/** A place of one of several maps. */
export interface MapCell {
  readonly map: number;
  readonly rows: number;
  readonly columns: number;
  readonly x: number;
  readonly y: number;
  /** Which of the priors of the place. */
  readonly prior: number;
}

export interface DecoderRequest {
  readonly option: DetectorHeadOption;
  /** Height and width of the network's picture. */
  readonly picture: readonly [number, number];
  /** Height and width of the map, of the layout 'map'. */
  readonly map?: readonly [number, number];
  /** Of each candidate in several maps of different scales. */
  readonly cells?: readonly MapCell[];
  /** Channels from the first of the box to the next that is something else. */
  readonly channels: number;
}

export const fromCentre = (x: number, y: number, width: number, height: number): Corners => [
  x - width / 2,
  y - height / 2,
  x + width / 2,
  y + height / 2,
];

/** A place of a pyramid of maps. */
interface Cell {
  readonly x: number;
  readonly y: number;
  readonly stride: number;
  readonly level: number;
}

/** The places of maps with these strides, row by row, one map after the other. */
export function pyramid([height, width]: readonly [number, number], strides: readonly number[]): Cell[] {
  return strides.flatMap((stride, level) => {
    const shape = [Math.ceil(height / stride), Math.ceil(width / stride)];
    return Array.from({ length: shape[0] * shape[1] }, (_, i) => {
      const [y, x] = unravel(i, shape);
      return { x, y, stride, level };
    });
  });
}

/** Strides of pyramids that are in use. */
const strideSets = [
  [8, 16, 32],
  [8, 16, 32, 64],
  [16, 32],
  [8, 16, 32, 64, 128],
] as const;

/** How many places a map of this stride has. */
export const placeCount = ([height, width]: readonly [number, number], stride: number): number =>
  Math.ceil(height / stride) * Math.ceil(width / stride);

/** The strides of maps that have so many places. */
export const stridesOf = (picture: readonly [number, number], places: number): readonly number[] | undefined =>
  strideSets.find((strides) => strides.reduce((sum, stride) => sum + placeCount(picture, stride), 0) === places);

/** Sizes and finishes of parts as a word, neighbours that are finished alike joined: "4 none, 80 sigmoid". */
export function joinedParts(parts: readonly ChannelPart[]): { readonly size: number; readonly finish: string }[] {
  const found: { size: number; finish: string }[] = [];
  for (const { size, finish } of parts) {
    const last = found.at(-1);
    if (last?.finish === finish) last.size += size;
    else found.push({ size, finish });
  }
  return found;
}
