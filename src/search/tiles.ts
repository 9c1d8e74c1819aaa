/** Cuts what a unit saw out of images, at one scale for all hits of a unit. */

import { kindOf, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { theirsAsync } from "../guard";
import { checkImage, type ImageLike, type PictureData } from "../image/image";
import { placement } from "../image/placement";
import type { Rectangle } from "../image/resize";
import { inputSize } from "../model/input-size";
import type { LoadedModel } from "../model/loaded-model";
import { type Input, isTensor } from "../model/model";
import { onlyGiven } from "../model/network-inputs";
import { ReceptiveFields } from "../model/receptive-field/receptive-field";
import { toImage } from "../model/to-image";
import { createPace } from "../pace/pace";
import { Canvas } from "../view/canvas";
import { cropImage } from "../view/crop-image";
import { resizeNearest } from "../view/resize-nearest";
import { checkPart } from "./merge-top-activations";
import type { Hit, TopActivations } from "./types";

/** Fetches an image of the search by its id. */
export type ImageSource = (id: string) => Input | Promise<Input>;

/** What both kinds of sheets take. */
export interface SheetOptions {
  /** The units to show; default: all of the search, if they are at most 64. */
  readonly unit?: number | readonly number[];
  /** Side of a tile in pixels; default 112. */
  readonly tile?: number;
  /** Stops between two pictures. */
  readonly signal?: AbortSignal;
}

/** A search result bound to the model it came from, ready to be drawn. */
export interface Sheet {
  readonly model: LoadedModel;
  readonly fields: ReceptiveFields;
  readonly units: readonly number[];
  readonly tile: number;
}

const mostUnits = 64;

/**
 * @throws {InputError} if the result belongs to another model file
 * @throws {OptionError} if there are too many units for a picture, or the tile is too small
 */
export async function planSheet(
  model: LoadedModel,
  result: TopActivations,
  { unit, tile = 112 }: SheetOptions,
): Promise<Sheet> {
  checkPart(result, "The result");
  const { search } = result;
  if (search.modelHash !== (await model.parts.hash()))
    throw new InputError("The result belongs to another model: draw it with the model that was searched.");
  wholeNumber("tile", tile, 16, 2 ** 12);
  const units = unit === undefined ? search.units : typeof unit === "number" ? [unit] : unit;
  if (!Array.isArray(units)) throw new OptionError(`unit is a number or a list of them, got ${kindOf(unit)}.`);
  if (units.length === 0 || units.length > mostUnits) {
    throw new OptionError(
      `One picture shows 1 to ${mostUnits} units, these are ${units.length}: name some with unit, for example unit: [0, 1, 2].`,
    );
  }
  return { model, fields: new ReceptiveFields(model, search.layer), units, tile };
}

/** Fetches each image once, one at a time, and visits the places that show it. */
export async function visitImages<P extends { readonly hit: Hit }>(
  places: readonly P[],
  {
    model,
    source,
    signal,
  }: { readonly model: LoadedModel; readonly source: ImageSource } & Pick<SheetOptions, "signal">,
  visit: (place: P, picture: ImageLike, input: Input) => void | Promise<void>,
): Promise<void> {
  if (typeof source !== "function") {
    throw new OptionError(
      `The pictures come from a function (id) => image, or a promise of one; got ${kindOf(source)}.`,
    );
  }
  const ids = new Set(places.map(({ hit }) => hit.id));
  const pace = createPace({ signal }, ids.size);
  for (const id of ids) {
    const given = await theirsAsync(() => source(id), signal);
    const input = onlyGiven(model.parts.inputs, given, "A contact sheet");
    const picture = isTensor(input) ? toImage(model, input) : input;
    if (picture === undefined) throw new InputError(`The image "${id}" was asked for, but nothing came.`);
    checkImage(picture);
    for (const place of places) {
      if (place.hit.id !== id) continue;
      await visit(place, picture, input);
      await pace.pause();
    }
  }
}

/** A tile with what a unit saw in a picture, and the same part of other pictures of the network's input. */
export function cutHit(
  { model, fields, tile }: Sheet,
  { unit, hits }: { readonly unit: number; readonly hits: readonly Hit[] },
  { crop }: Hit,
  picture: ImageLike,
  inputPicture?: ImageLike,
): PictureData[] {
  const input = inputSize(model);
  const same = picture.width === input.width && picture.height === input.height;
  const region = same ? { x: 0, y: 0, ...input } : placement(picture, input, model.parts.preprocess.fit);
  const [scaleX, scaleY] = [region.width / input.width, region.height / input.height];
  const largest = Math.max(
    ...hits.flatMap(({ position }) => {
      const { width, height } = fields.at(unit, ...position);
      return [width, height];
    }),
  );
  const shown = { width: (crop.width / scaleX / largest) * tile, height: (crop.height / scaleY / largest) * tile };
  const inInput = {
    x: (crop.x - region.x) / scaleX,
    y: (crop.y - region.y) / scaleY,
    width: crop.width / scaleX,
    height: crop.height / scaleY,
  };
  return [cut(picture, crop, shown, tile), ...(inputPicture ? [cut(inputPicture, inInput, shown, tile)] : [])];
}

const emptyTile = [236, 236, 236] as const;

/** A part of a picture in the middle of a square tile. */
function cut(
  picture: ImageLike,
  source: Rectangle,
  shown: Pick<Rectangle, "width" | "height">,
  side: number,
): PictureData {
  const tile = new Canvas(side, side, emptyTile);
  const [width, height] = [shown.width, shown.height].map((extent) => Math.min(side, Math.round(extent)));
  if (!(width >= 1 && height >= 1)) return tile; // The unit saw nothing of the picture.
  // What is enlarged keeps its pixels, what shrinks is averaged.
  const enlarges = width >= source.width && height >= source.height;
  const part = enlarges
    ? resizeNearest(cropImage(picture, source), width, height)
    : cropImage(picture, source, { width, height });
  tile.draw(part, Math.floor((side - width) / 2), Math.floor((side - height) / 2));
  return tile;
}

/** A score with three digits. */
export const showScore = (score: number): string =>
  Math.abs(score) >= 1000 ? String(Math.round(score)) : score.toPrecision(3);
