/** Colours in CIELAB, where distances are about what people see: lightness 0 to 100, and two opponent colours about zero. */

/** White of D65, as the reference of X, Y and Z. */
const white = [0.950489, 1, 1.08884] as const;

/** Rows: X, Y, Z of the linear primaries of sRGB (IEC 61966-2-1). */
const primaries = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
] as const;

// Powers may differ in their last bit from one runtime to the next; rounded to float32 they hardly ever do.
const linear = (level: number): number => {
  const value = level / 255;
  return value <= 0.04045 ? value / 12.92 : Math.fround(((value + 0.055) / 1.055) ** 2.4);
};

/** CIE 15:2004, equation 8.6. */
const response = (share: number): number =>
  share > (6 / 29) ** 3 ? Math.fround(Math.cbrt(share)) : share / (3 * (6 / 29) ** 2) + 4 / 29;

/**
 * @param colours  red, green, blue per pixel, 0 to 255 (sRGB)
 * @returns L*, a*, b* per pixel
 */
export function toLab(colours: Float32Array): Float32Array {
  const lab = new Float32Array(colours.length);
  for (let i = 0; i < colours.length; i += 3) {
    const rgb = [linear(colours[i]), linear(colours[i + 1]), linear(colours[i + 2])];
    const [x, y, z] = primaries.map((row, k) =>
      response((row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]) / white[k]),
    );
    lab[i] = 116 * y - 16;
    lab[i + 1] = 500 * (x - y);
    lab[i + 2] = 200 * (y - z);
  }
  return lab;
}
