import { Random } from "../random/random";

/** One picture turning into another, pixel by pixel. */
export interface PixelChanges {
  /** Memory order, as `to`. */
  readonly from: Float32Array;
  readonly to: Float32Array;
  /** The pixels in the order they change. */
  readonly order: Uint32Array;
  /** Pixels changed at each step. */
  readonly step: number;
}

/** The input before the first step and after each, several at a time. */
export function* changedInputs(
  { from, to, order, step }: PixelChanges,
  batchSize: number,
): Generator<{ readonly batch: Float32Array; readonly count: number }> {
  const now = from.slice();
  const channels = from.length / order.length;
  const inputs = Math.ceil(order.length / step) + 1;
  for (let first = 0; first < inputs; first += batchSize) {
    const count = Math.min(batchSize, inputs - first);
    const batch = new Float32Array(count * from.length);
    for (let sample = 0; sample < count; sample++) {
      batch.set(now, sample * from.length);
      const start = (first + sample) * step;
      for (const pixel of order.subarray(start, start + step)) {
        now.set(to.subarray(pixel * channels, (pixel + 1) * channels), pixel * channels);
      }
    }
    yield { batch, count };
  }
}

/** The pixels from the highest value to the lowest; equal ones in an order drawn from the seed. */
export function descending(values: Float32Array, seed: number): Uint32Array {
  const random = new Random(seed);
  const lot = Float64Array.from(values, () => random.uniform());
  return Uint32Array.from(values.keys()).sort((a, b) => values[b] - values[a] || lot[a] - lot[b] || a - b);
}
