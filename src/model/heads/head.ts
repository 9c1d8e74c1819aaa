import type { DetectorHeadOption } from "../detection";
import type { Corners, HeadOutput } from "./family";

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

/** What a head's candidates are read from. */
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
  /** Where the key points are, and how two numbers are one in pixels of the input. */
  readonly keypoints?: Channels;
  point(numbers: ArrayLike<number>, anchor: number): readonly [x: number, y: number];
  /** How instance masks are made. */
  readonly masks?: MaskChannels;
  /** Height and width of the network's picture. */
  readonly picture: readonly [number, number];
  /** The values that it reads, but for those of masks. */
  readonly values: readonly string[];
}

/** Where the masks of a head are read. */
export interface MaskChannels {
  readonly coefficients: Channels;
  /** The first of them. */
  readonly at: number;
  readonly prototypes: HeadOutput;
  /** Prototypes, and their rows and columns. */
  readonly extents: readonly [count: number, rows: number, columns: number];
}

/** The values that a head reads, memory order. */
export type HeadValues = (value: string) => Float32Array;
