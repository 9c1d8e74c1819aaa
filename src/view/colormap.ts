import {
  interpolateBlues,
  interpolateCividis,
  interpolateGreys,
  interpolateInferno,
  interpolateMagma,
  interpolatePlasma,
  interpolatePRGn,
  interpolateRdBu,
  interpolateReds,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { OptionError } from "../errors";
import { suggest } from "../nearest";

/** Colours by value in [0, 1], as CSS text. */
const interpolators: Readonly<Record<string, (value: number) => string>> = {
  turbo: interpolateTurbo,
  inferno: interpolateInferno,
  magma: interpolateMagma,
  plasma: interpolatePlasma,
  viridis: interpolateViridis,
  cividis: interpolateCividis,
  greys: (value) => interpolateGreys(1 - value),
  reds: interpolateReds,
  blues: interpolateBlues,
  // Diverging: blue speaks against, white is nothing, red speaks for.
  "red-blue": (value) => interpolateRdBu(1 - value),
  "green-purple": (value) => interpolatePRGn(value),
};

/** Colour maps whose middle stands for zero. */
const diverging: ReadonlySet<string> = new Set(["red-blue", "green-purple"]);

/** The names `overlay` and `heatmapImage` take. */
export const colormapNames: readonly string[] = Object.keys(interpolators);

const levels = 256;
const tables = new Map<string, Uint8Array>();

/**
 * A colour map as a table of 256 RGB triples.
 *
 * @throws {OptionError} if the name is unknown, with all names and the nearest
 */
export function colormapTable(name: string): Uint8Array {
  const known = tables.get(name);
  if (known) return known;
  const interpolate = Object.hasOwn(interpolators, name) ? interpolators[name] : undefined;
  if (!interpolate) {
    throw new OptionError(
      `There is no colour map "${name}".${suggest(name, colormapNames)} Colour maps: ${colormapNames.join(", ")}.`,
    );
  }
  const table = new Uint8Array(levels * 3);
  for (let i = 0; i < levels; i++) table.set(parseColour(interpolate(i / (levels - 1))), i * 3);
  tables.set(name, table);
  return table;
}

/** `rgb(1, 2, 3)` or `#010203`. */
function parseColour(css: string): number[] {
  if (css.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16));
  return (css.match(/\d+/g) ?? []).slice(0, 3).map(Number);
}

/**
 * Index of the colour of a value: 0 to 1, or −1 to 1 where signed. A diverging map gives 0 its middle, signed or not.
 */
export const levelOf = (value: number, signed: boolean, name = ""): number => {
  const position = signed || diverging.has(name) ? (value + 1) / 2 : value;
  return Math.min(levels - 1, Math.max(0, Math.round(position * (levels - 1))));
};
