/** What noisy attributions come to: their mean, the mean of their squares, or their variance. */
export type NoiseTunnelKind = "smoothgrad" | "smoothgrad-squared" | "vargrad";

/** Mean and variance of attributions that come one by one. Welford 1962: samples that are all equal have a variance of exactly 0. */
export class Moments {
  readonly #mean: Float64Array;
  /** Sum of squared deviations from the mean. */
  readonly #spread: Float64Array;
  #count = 0;

  constructor(size: number) {
    this.#mean = new Float64Array(size);
    this.#spread = new Float64Array(size);
  }

  add(values: Float32Array): void {
    this.#count++;
    const [mean, spread] = [this.#mean, this.#spread];
    for (let i = 0; i < values.length; i++) {
      const deviation = values[i] - mean[i];
      mean[i] += deviation / this.#count;
      spread[i] += deviation * (values[i] - mean[i]);
    }
  }

  of(kind: NoiseTunnelKind): Float32Array {
    const variance = (i: number): number => this.#spread[i] / this.#count;
    switch (kind) {
      case "smoothgrad":
        return Float32Array.from(this.#mean);
      case "smoothgrad-squared":
        return Float32Array.from(this.#mean, (mean, i) => mean * mean + variance(i));
      case "vargrad":
        return Float32Array.from(this.#mean, (_, i) => variance(i));
    }
  }
}
