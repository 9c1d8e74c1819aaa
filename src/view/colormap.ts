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

/**
 * Index of the colour of a value: 0 to 1, or −1 to 1 where signed. A diverging map gives 0 its middle, signed or not.
 */
export const levelOf = (value: number, signed: boolean, name = ""): number => {
  const position = signed || diverging.has(name) ? (value + 1) / 2 : value;
  return Math.min(levels - 1, Math.max(0, Math.round(position * (levels - 1))));
};
