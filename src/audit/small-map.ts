import type { Attribution } from "../attribution/attribution";
import { InputError } from "../errors";
import { resizeBilinear } from "../image/resize";
import { type RawMap, rawMap } from "../view/raw-map";

/** A raw map that remembers where in the picture it lies. */
export interface PlacedRawMap extends RawMap {
  readonly placed: Pick<Attribution, "placement"> & { readonly width: number; readonly height: number };
}

/** @throws {InputError} if the values have no places in the picture */
export function placedMap(attribution: Attribution): PlacedRawMap {
  const map = rawMap(attribution);
  const { placement, method, inputSize } = attribution;
  if (map) return { ...map, placed: { ...inputSize, ...(placement && { placement }) } };
  throw new InputError(`The values of ${method} have no places in the picture; take another method or layer.`);
}

/** As many rows and columns as asked, the magnitudes summing to 1, four decimals; of an empty map all zero. */
export function smallMap({ data, width, height }: RawMap, grid: number): number[] {
  const small = resizeBilinear({ data, width, height, channels: 1 }, grid, grid, {});
  const sum = small.reduce((total, value) => total + Math.abs(value), 0) || 1;
  return Array.from(small, (value) => Math.round((value / sum) * 1e4) / 1e4);
}
