import { OptionError } from "../errors";
import { colormapSteps } from "../generated/colormaps.js";
import { suggest } from "../nearest";

/** Colour maps whose middle stands for zero. */
const diverging: ReadonlySet<string> = new Set(["red-blue", "green-purple"]);

/** The names `overlay` and `heatmapImage` take. */
export const colormapNames: readonly string[] = /* @__PURE__ */ Object.keys(colormapSteps);

const levels = 256;
/** Code of the character that stands for no change. */
const zero = 80;
const tables = new Map<string, Uint8Array>();

/**
 * A colour map as a table of 256 RGB triples.
 *
 * @throws {OptionError} if the name is unknown, with all names and the nearest
 */
export function colormapTable(name: string): Uint8Array {
  const known = tables.get(name);
  if (known) return known;
  if (!Object.hasOwn(colormapSteps, name)) {
    throw new OptionError(
      `There is no colour map "${name}".${suggest(name, colormapNames)} Colour maps: ${colormapNames.join(", ")}.`,
    );
  }
  const steps = colormapSteps[name];
  const table = new Uint8Array(levels * 3);
  for (let channel = 0; channel < 3; channel++) {
    let value = 0;
    for (let i = 0; i < levels; i++) {
      value += steps.charCodeAt(channel * levels + i) - zero;
      table[i * 3 + channel] = value;
    }
  }
  tables.set(name, table);
  return table;
}

/** How the range of a heatmap becomes 0 to 1: (value + shift) · factor. Asked once for many values. */
export interface LevelScale {
  readonly shift: number;
  readonly factor: number;
}

/** @param signed  values are −1 to 1, else 0 to 1; a diverging map gives 0 its middle, signed or not */
export const levelScale = (signed: boolean, name = ""): LevelScale =>
  signed || diverging.has(name) ? { shift: 1, factor: 0.5 } : { shift: 0, factor: 1 };

export const nearestLevel = (value: number, factor: number, shift: number): number =>
  Math.min(levels - 1, Math.max(0, Math.round((value + shift) * factor * (levels - 1))));

/** Index of the colour of a value: 0 to 1, or −1 to 1 where signed. */
export function levelOf(value: number, signed: boolean, name = ""): number {
  const { factor, shift } = levelScale(signed, name);
  return nearestLevel(value, factor, shift);
}
