import type { Attribution } from "../attribution/attribution";
import { isFloat32Array } from "../bytes";
import { kindOf } from "../checks";
import { InputError, OptionError, ShapeError } from "../errors";
import { isSmallTree } from "../json-text";
import { firstNotFinite } from "../model/model";
import type { Note } from "../notes";
import { showShape } from "../tensor";
import { type Heatmap, heatmap } from "../view/heatmap";

/** A map to be judged: what a method returned, or a heatmap made of it (or by anything else) at the size of the network's input. */
export type JudgedMap = Attribution | Heatmap;

export const isAttribution = (map: JudgedMap): map is Attribution => "values" in map;

/** What made the map, as results report it. */
export const methodOf = (map: JudgedMap): string => (isAttribution(map) ? map.method : "heatmap");

/** @throws {OptionError} unless it is an attribution or a heatmap */
export function checkMap(map: JudgedMap): void {
  if (typeof map === "object" && map !== null && ("values" in map || "data" in map)) {
    const values: unknown = "values" in map ? map.values?.data : map.data;
    const shape: unknown = "values" in map ? map.values?.shape : [];
    const isEmpty = isFloat32Array(values) && values.length === 0;
    if (isFloat32Array(values) && !isEmpty && Array.isArray(shape)) return;
    throw new OptionError(
      `The map to judge is not whole: its values must be a Float32Array, got ${isEmpty ? "one that is empty or detached" : kindOf(values)}.`,
    );
  }
  throw new OptionError(`The map to judge must be an Attribution or a Heatmap, got ${kindOf(map)}.`);
}

/** What is known to mislead in the map. */
export const notesOf = (map: JudgedMap): readonly Note[] =>
  isAttribution(map) && Array.isArray(map.notes) ? map.notes : [];

/** The map as a recipe records it. @throws {OptionError} if an attribution's own recipe is not plain data */
export function recorded(map: JudgedMap): unknown {
  if (!isAttribution(map)) return map.data;
  if (isSmallTree(map.recipe)) return map.recipe;
  throw new OptionError("The map to judge is not whole: its recipe must be what repeats it, as plain data.");
}

/**
 * One number per pixel of the input: the heatmap itself, or that of the attribution, as its method's pictures are made.
 *
 * @throws {ShapeError} if a heatmap's size is not that of its data; {InputError} if it has values that are not finite
 */
export function heatmapOfJudged(map: JudgedMap): Heatmap {
  checkMap(map);
  if (isAttribution(map)) return heatmap(map);
  const { data, width, height } = map;
  if (!isFloat32Array(data) || data.length !== width * height) {
    throw new ShapeError(
      `A heatmap's data is a Float32Array of height × width values; this one is ${height}×${width} with ${data?.length} values.`,
    );
  }
  const broken = firstNotFinite(data);
  if (broken >= 0) throw new InputError(`The heatmap has the value ${data[broken]} at element ${broken}.`);
  return map;
}

/** @throws {ShapeError} unless the map covers an input of that size */
export function fittingHeatmap(
  map: JudgedMap,
  { height, width }: { readonly height: number; readonly width: number },
): Heatmap {
  const found = heatmapOfJudged(map);
  if (found.width === width && found.height === height) return found;
  const [got, expected] = [
    [found.height, found.width],
    [height, width],
  ].map(showShape);
  throw new ShapeError(
    `The map is ${got}, the network's input is ${expected}: the map must come from this network's input.`,
  );
}
