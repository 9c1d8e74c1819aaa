/** Normalisations whose deviation is held constant, as relevance through them wants it. */
import type { Run } from "../operation/operation";
import type { Pointer } from "../wasm/kernels";

/** Elements that are normalised together, and what has arrived at them. */
interface Steady {
  readonly x: Pointer;
  readonly dy: Pointer;
  /** May be dy. */
  readonly dx: Pointer;
  readonly count: number;
  /** Floats from one element to the next. */
  readonly stride: number;
  /** Whether their mean is taken off. */
  readonly centred: boolean;
  readonly epsilon: number;
}

/** dx = (dy − mean dy) / √(var x + ε), or dy / √(mean x² + ε) where nothing is taken off. */
export function steadyBackward(run: Run, { x, dy, dx, count, stride, centred, epsilon }: Steady): void {
  const length = (count - 1) * stride + 1;
  const [values, above, below] = [x, dy, dx].map((at) => run.memory.floats(at, length));
  let [sum, arrived] = [0, 0];
  if (centred) {
    for (let i = 0; i < length; i += stride) {
      sum += values[i];
      arrived += above[i];
    }
  }
  const [mean, taken] = [sum / count, arrived / count];
  let squares = 0;
  for (let i = 0; i < length; i += stride) squares += (values[i] - mean) ** 2;
  const factor = 1 / Math.sqrt(squares / count + epsilon);
  for (let i = 0; i < length; i += stride) below[i] = (above[i] - taken) * factor;
}
