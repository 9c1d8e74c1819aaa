import { type BenchInput, benchInput, type RunningNetwork } from "./peers/engine";

/** What two engines may differ by, each with its reason. */
export const tolerances = {
  /** Largest difference of an output, relative to the largest value: sums in another order, Winograd's 1e-5 a layer. */
  output: 1e-4,
  /** Relative L2 of a gradient: one rectifier or pool that decides otherwise on a rounding error moves it by up to 1e-2. */
  gradient: 2e-2,
  /** Relative error of the slope along the gradient: within the step some rectifiers and pools change their minds. */
  slope: 5e-2,
} as const;

export interface Difference {
  /** Largest difference relative to the largest value. */
  readonly max: number;
  /** Relative L2. */
  readonly l2: number;
}

export function difference(actual: Float32Array, reference: Float32Array): Difference {
  if (actual.length !== reference.length) return { max: Number.NaN, l2: Number.NaN };
  let [max, largest, squares, error] = [0, 0, 0, 0];
  for (let i = 0; i < actual.length; i++) {
    const d = Math.abs(actual[i] - reference[i]);
    if (!(d <= max)) max = d; // keeps NaN
    largest = Math.max(largest, Math.abs(reference[i]));
    squares += reference[i] ** 2;
    error += d * d;
  }
  return { max: max / (largest || 1), l2: Math.sqrt(error / (squares || 1)) };
}

/** Length of the step along the gradient; the inputs have about 400. */
const step = 0.05;

/**
 * Checks a gradient g against forward passes alone: along g the score must rise by |g| per unit,
 *
 *   (s(x + ε g/|g|) − s(x − ε g/|g|)) / 2ε = |g|
 *
 * @param gradient  in ONNX order
 * @returns relative error
 */
export async function slopeError(
  network: RunningNetwork,
  { nchw, shape }: BenchInput,
  target: number,
  gradient: Float32Array,
): Promise<number> {
  const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
  const score = async (distance: number): Promise<number> => {
    const moved = nchw.map((value, i) => value + (distance * gradient[i]) / norm);
    return (await network.forward(benchInput(moved, shape)))[target];
  };
  return Math.abs(((await score(step)) - (await score(-step))) / (2 * step * norm) - 1);
}
