import { InputError } from "../errors";

/** One number per unit and where its map is strongest. */
export interface UnitScores {
  /** In the order of the units asked for. */
  readonly score: Float64Array;
  /** The pixel of the maximum; of several the first. */
  readonly pixel: Uint32Array;
}

/**
 * Reduces the maps of one sample to one score per unit.
 *
 * @param maps  f32[pixels][channels]
 * @throws {InputError} if a map has a value that is not finite
 */
export function scoreUnits(
  maps: Float32Array,
  channels: number,
  units: readonly number[],
  kind: "max" | "mean",
): UnitScores {
  const best = new Float64Array(units.length).fill(Number.NEGATIVE_INFINITY);
  const total = new Float64Array(units.length);
  const pixel = new Uint32Array(units.length);
  const pixels = maps.length / channels;
  for (let p = 0; p < pixels; p++) {
    for (let i = 0; i < units.length; i++) {
      const value = maps[p * channels + units[i]];
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
  return { score: (kind === "max" ? best : total.map((sum) => sum / pixels)).map((value) => value + 0), pixel };
}
