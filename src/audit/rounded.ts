/** Four decimals: files stay small, and sums in another order the same. */
export const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
