/** Which places of the picture the tokens of a transformer are. */

import type { LoadedModel } from "./loaded-model";
import { pictureAxes } from "./picture-axes";

export interface TokenGrid {
  readonly rows: number;
  readonly columns: number;
  /** Tokens in front of those of places: a class token, registers. */
  readonly inFront: number;
}

/** Class token, registers and distillation tokens of known networks are fewer. */
const mostInFront = 16;

/**
 * Reads the grid off the maps that become sequences of tokens (the patch embedding); where nothing says it, off the shape of the picture.
 *
 * @returns undefined where no grid of that shape has as many places
 */
export function tokenGrid(model: LoadedModel, tokens: number): TokenGrid | undefined {
  const inFront = (places: number): number => tokens - places;
  const fits = pictureAxes(model)
    .grids()
    .map(({ rows, columns }) => ({ rows, columns, inFront: inFront(rows * columns) }))
    .filter(({ inFront: more }) => more >= 0 && more <= mostInFront);
  if (fits.length > 0) return fits.reduce((best, each) => (each.inFront < best.inFront ? each : best));
  const [, , height, width] = model.parts.inputs.find(({ shape }) => shape.length === 4)?.shape ?? [];
  if (height === undefined) return undefined;
  for (let more = 0; more <= mostInFront && more < tokens; more++) {
    const rows = Math.sqrt(((tokens - more) * height) / width);
    const columns = (rows * width) / height;
    if (rows * columns > 1 && Number.isInteger(rows) && Number.isInteger(columns))
      return { rows, columns, inFront: more };
  }
  return undefined;
}
