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

/** Colours by value in [0, 1], as CSS text. */
const interpolators = {
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

const levels = 256;

/** `rgb(1, 2, 3)` or `#010203`. */
function parseColour(css) {
  if (css.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16));
  return css.match(/\d+/g).slice(0, 3).map(Number);
}

/** A colour map as a table of 256 RGB triples. */
export const colormapTable = (name) =>
  Array.from({ length: levels }, (_, i) => parseColour(interpolators[name](i / (levels - 1)))).flat();

/** Code of the character for "no change". All steps but the first, which is the first colour, are within ±40. */
const zero = 80;

/**
 * Every colour map as the steps from level to level, one character each: all reds, all greens, all blues. Steps are small
 * and repeat, so this takes a twentieth of the bytes that the interpolators take.
 */
export function colormapSteps() {
  return Object.fromEntries(
    Object.keys(interpolators).map((name) => {
      const table = colormapTable(name);
      const steps = [0, 1, 2].flatMap((channel) =>
        Array.from({ length: levels }, (_, i) => table[i * 3 + channel] - (i > 0 ? table[(i - 1) * 3 + channel] : 0)),
      );
      return [name, String.fromCharCode(...steps.map((step) => zero + step))];
    }),
  );
}
