import { InputError } from "../errors";
import type { ClassAxis } from "../model/class-axis";

/** One number per unit and where its map is strongest. */
export interface UnitScores {
  /** In the order of the units asked for. */
  readonly score: Float64Array;
  /** The place of the maximum, row by row; of several the first. */
  readonly pixel: Uint32Array;
}

/**
 * Reduces the maps of one sample to one score per unit.
 *
 * @param maps  the layer's value, in memory order
 * @param axis  where its units and their places are
 * @throws {InputError} if a map has a value that is not finite
 */
export function scoreUnits(
  maps: Float32Array,
  { places, offsets }: ClassAxis,
  units: readonly number[],
  kind: "max" | "mean",
): UnitScores {
  const best = new Float64Array(units.length).fill(Number.NEGATIVE_INFINITY);
  const total = new Float64Array(units.length);
  const pixel = new Uint32Array(units.length);
  const starts = units.map((unit) => offsets[unit]);
  for (let p = 0; p < places.length; p++) {
    for (let i = 0; i < units.length; i++) {
      const value = maps[places[p] + starts[i]];
      total[i] += value;
      if (value > best[i]) {
        best[i] = value;
        pixel[i] = p;
      }
    }
  }
  const broken = total.findIndex((sum) => !Number.isFinite(sum));
  if (broken >= 0) throw new InputError(`unit ${units[broken]} has values that are not finite.`);
  // −0 would not survive JSON.
  return { score: (kind === "max" ? best : total.map((sum) => sum / places.length)).map((value) => value + 0), pixel };
}
