/** Cosine of two vectors of class probabilities; 0 where one of them is nothing, or they share no class. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i] * (b[i] ?? 0);
    left += a[i] ** 2;
  }
  for (let i = 0; i < b.length; i++) right += b[i] ** 2;
  return product === 0 ? 0 : product / Math.sqrt(left * right);
}
