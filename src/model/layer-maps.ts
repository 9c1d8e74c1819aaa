/** A layer's values as maps: a number per channel at each place of the picture, however the network lays them. */
import type { Shape } from "../graph/shape-rule";
import { imageShape, memoryStrides } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { sizeOf } from "../tensor";
import { innerChannelAxis } from "./channel-axis";
import { elementOffsets } from "./class-axis";
import type { LoadedModel } from "./loaded-model";
import { type PicturePlaces, pictureAxes } from "./picture-axes";
import { tokenGrid } from "./token-grid";

export interface LayerMaps {
  /** Rows of places; of a volume those of all slices, one below the other. */
  readonly height: number;
  readonly width: number;
  /** The extents of the places: `[h, w]`, of a signal `[1, w]`, of a volume `[d, h, w]`. */
  readonly extents: readonly number[];
  readonly channels: number;
  /** Present where the value is no map but a sequence, or windows, of tokens. */
  readonly tokens?: Tokens;
  /** A value in memory order as `[places][channels]`: the same numbers where they lie so already. */
  read(data: Float32Array): Float32Array;
  /** Sets channels to zero everywhere, tokens without a place among them; a value in memory order, one sample. */
  silence(data: Float32Array, channel: number): void;
}

/** What is dropped, and whether the grid is known. */
export interface Tokens {
  readonly inFront: number;
  readonly behind: number;
  /** True where the places could not be followed to this value, and the number of tokens decided. */
  readonly assumed: boolean;
  /** Axes of the value that hold tokens. */
  readonly axes: readonly number[];
  /** Where each place, row by row, begins in memory. */
  readonly places: Int32Array;
}

/** @returns undefined where the value has no places, or not all of those of the picture */
export const layerMaps = (model: LoadedModel, value: ValueName): LayerMaps | undefined =>
  pictureAxes(model).isMap(value) ? mapsOfShape(model.shape(value)) : tokenMaps(model, value);

/** The maps of a value N×C×H×W (a signal's, a volume's), which lie in memory as they are read. */
export function mapsOfShape(shape: Shape): LayerMaps {
  const { h, w, c } = imageShape(shape);
  return {
    height: h,
    width: w,
    extents: shape.length > 3 ? shape.slice(2) : [1, w],
    channels: c,
    read: (data) => data,
    silence: (data, channel) => {
      for (let i = channel; i < data.length; i += c) data[i] = 0;
    },
  };
}

/** The maps of tokens: places before the channels, which come last. */
export function tokenMaps(model: LoadedModel, value: ValueName): (LayerMaps & { readonly tokens: Tokens }) | undefined {
  const found = anyMaps(model, value);
  return found?.tokens.axes.includes(model.shape(value).length - 1) ? undefined : found;
}

/** The same wherever the places lie. */
export function anyMaps(model: LoadedModel, value: ValueName): (LayerMaps & { readonly tokens: Tokens }) | undefined {
  const known = pictureAxes(model).places(value);
  const places = known ?? assumedPlaces(model, value);
  if (!places || places.offsets.length <= 1) return undefined;
  const { offsets, channels, inFront, behind } = places;
  const extents = places.extents.length === 1 ? [1, ...places.extents] : places.extents;
  return {
    height: sizeOf(extents.slice(0, -1)),
    width: extents[extents.length - 1],
    extents,
    channels: channels.length,
    tokens: { inFront, behind, assumed: known === undefined, axes: places.axes, places: offsets },
    read: (data) =>
      Float32Array.from(
        { length: offsets.length * channels.length },
        (_, i) => data[offsets[Math.floor(i / channels.length)] + channels[i % channels.length]],
      ),
    silence: (data, channel) => {
      for (const place of everywhere(model, value, places)) data[place + channels[channel]] = 0;
    },
  };
}

/** Where all tokens begin, those without a place too. */
function everywhere(
  model: LoadedModel,
  value: ValueName,
  { inFront, behind, axes, offsets }: PicturePlaces,
): Int32Array {
  if (inFront + behind === 0) return offsets;
  const shape = model.shape(value);
  return elementOffsets(shape, memoryStrides(shape), axes);
}

/** Where places could not be followed at all: as many tokens as a grid has, with or without others in front. */
function assumedPlaces(model: LoadedModel, value: ValueName): PicturePlaces | undefined {
  const shape = model.shape(value);
  // Where they can be followed, what has none has none: the queries of a decoder.
  if (shape.length !== 3 || shape[0] !== 1 || pictureAxes(model).hasSequences) return undefined;
  const axis = innerChannelAxis(model.parts.graph, value)?.axes[0] ?? 2;
  const grid = axis === 2 ? tokenGrid(model, shape[1]) : undefined;
  if (!grid) return undefined;
  const strides = memoryStrides(shape);
  const { rows, columns, inFront } = grid;
  return {
    extents: [rows, columns],
    offsets: Int32Array.from({ length: rows * columns }, (_, place) => (inFront + place) * strides[1]),
    channels: elementOffsets(shape, strides, [2]),
    inFront,
    behind: 0,
    axes: [1],
  };
}

/**
 * Of a layer of tokens the place on the picture's grid where an element is: one number of a position by itself does not tell.
 *
 * @param positions  where the layer's positions, row by row, begin in memory
 * @returns what says it of the beginning of a token: undefined of one that stands at no place, and of all where there are no tokens or a
 *   position is the place already
 */
export function tokenPlaces(
  maps: LayerMaps | undefined,
  positions: ArrayLike<number>,
): (start: number) => readonly [y: number, x: number] | undefined {
  const { width = 1, tokens } = maps ?? {};
  if (!tokens) return () => undefined;
  const { places, axes } = tokens;
  const isPosition = places.length === positions.length && places.every((start, i) => start === positions[i]);
  if (isPosition && axes.length > 1) return () => undefined;
  return (start) => {
    const place = places.indexOf(start);
    return place >= 0 ? [Math.floor(place / width), place % width] : undefined;
  };
}
