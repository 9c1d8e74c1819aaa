/**
 * A standard-normal number from two uniform ones: √(−2·ln(1 − u))·cos(2π·v). Box & Muller 1958.
 *
 * `Math.log` and `Math.cos` differ between runtimes in the last bit; these series are arithmetic alone, which is the same
 * everywhere, and as exact as theirs.
 *
 * @param u  multiple of 2⁻³², 0 ≤ u < 1; likewise v
 */
export const boxMuller = (u: number, v: number): number =>
  Math.sqrt(-2 * logarithm(2 ** 32 - u * 2 ** 32)) * cosine(4 * v);

/** ln(n / 2³²) of a whole number, 1 ≤ n ≤ 2³²: ln(m·2ᵉ) = e·ln 2 + 2·artanh((m − 1)/(m + 1)), m near 1. */
function logarithm(n: number): number {
  let exponent = 31 - Math.clz32(n - 1 || 1);
  let mantissa = n / ((1 << exponent) >>> 0);
  if (mantissa > Math.SQRT2) {
    exponent++;
    mantissa /= 2;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  return (exponent - 32) * Math.LN2 + 2 * s * series(artanhTerms, s * s);
}

/** cos(π/2·q), 0 ≤ q < 4, from the nearest quarter of a turn. */
function cosine(q: number): number {
  const quarter = Math.round(q);
  const angle = (q - quarter) * (Math.PI / 2);
  const square = angle * angle;
  switch (quarter % 4) {
    case 0:
      return series(cosineTerms, square);
    case 1:
      return -angle * series(sineTerms, square);
    case 2:
      return -series(cosineTerms, square);
    default:
      return angle * series(sineTerms, square);
  }
}

/** A polynomial by Horner's rule, highest term first. */
function series(terms: Float64Array, x: number): number {
  let sum = 0;
  for (let i = 0; i < terms.length; i++) sum = sum * x + terms[i];
  return sum;
}

/** Terms until the next one is below 2⁻⁵³ of the sum: 1/(2k + 1) up to 21, (−1)ᵏ/(2k)! and (−1)ᵏ/(2k + 1)! up to 18. */
const artanhTerms = /* @__PURE__ */ Float64Array.from({ length: 12 }, (_, i) => 1 / (2 * (11 - i) + 1));
const cosineTerms = /* @__PURE__ */ factorials(0);
const sineTerms = /* @__PURE__ */ factorials(1);

function factorials(odd: number): Float64Array {
  return Float64Array.from({ length: 10 }, (_, i) => {
    const k = 9 - i;
    let term = k % 2 === 0 ? 1 : -1;
    for (let n = 2; n <= 2 * k + odd; n++) term /= n;
    return term;
  });
}
