/**
 * 256 levels of each colour map as 768 characters: the steps of red from level to level, then of green, then of blue.
 * Character 80 is no change. `scripts/colormaps.mjs` makes them.
 */
export declare const colormapSteps: Readonly<Record<string, string>>;
