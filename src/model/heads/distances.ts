/**
 * A side of a box as a distribution over distances 0 to R from a place, of which the mean counts: Li et al. 2020, https://arxiv.org/abs/2006.04388.
 *
 * @returns Σ k · softmax(k) of some of the numbers
 */
export function meanDistance(numbers: ArrayLike<number>, start: number, count: number): number {
  let [most, total, sum] = [Number.NEGATIVE_INFINITY, 0, 0];
  for (let k = 0; k < count; k++) most = Math.max(most, numbers[start + k]);
  for (let k = 0; k < count; k++) {
    const power = Math.exp(numbers[start + k] - most);
    total += power;
    sum += k * power;
  }
  return sum / total;
}
