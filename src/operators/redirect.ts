import type { Clamp, Rules, Run } from "../operation/operation";
import { Rectify, type RectifyMode } from "../wasm/kernels";

/** What the kernels do for a rule; the redirected gradient is the gradient, mended afterwards where it died. */
export const rectifyMode = (rectifier: Rules["rectifier"]): RectifyMode =>
  Rectify[rectifier === "redirected" ? "gradient" : rectifier];

interface Places {
  readonly y: number;
  readonly dy: number;
  readonly dx: number;
  /** Elements of one sample. */
  readonly size: number;
}

/**
 * Mends the gradient of a clamp that let nothing through, sample by sample: what would bring a clamped element back
 * between the bounds passes.
 *
 *   y = lo: dx = max(dy, 0)      y = hi: dx = min(dy, 0)      between: dx = dy
 *
 * A rise of the score is wanted, so a positive gradient pushes up. Lucid's `redirected_relu_grad` and
 * `redirected_relu6_grad`, https://github.com/tensorflow/lucid, optvis/overrides.
 */
export function redirect({ memory, batch }: Run, { lo, hi }: Clamp, { y, dy, dx, size }: Places): void {
  for (let sample = 0; sample < batch; sample++) {
    const start = sample * size * 4;
    const passed = memory.floats(dx + start, size);
    if (passed.some((value) => value !== 0)) continue;
    const [output, arrived] = [memory.floats(y + start, size), memory.floats(dy + start, size)];
    for (let i = 0; i < size; i++) {
      const value = arrived[i];
      passed[i] = output[i] <= lo ? Math.max(value, 0) : output[i] >= hi ? Math.min(value, 0) : value;
    }
  }
}
