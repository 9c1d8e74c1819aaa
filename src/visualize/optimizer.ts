/** Moves parameters uphill. */
export interface Optimizer {
  /** Adds one step along the gradient to the parameters. */
  step(parameters: Float32Array, gradient: ArrayLike<number>): void;
}

export type OptimizerName = "ascent" | "adam";

/** Step lengths that suit most networks. */
export const defaultStepSizes: Readonly<Record<OptimizerName, number>> = { ascent: 1, adam: 0.05 };

/** Makes an optimizer for a number of parameters. */
export const makeOptimizer = (name: OptimizerName, stepSize: number, count: number): Optimizer =>
  name === "adam" ? adam(stepSize, count) : ascent(stepSize);

/** x ← x + η·g */
const ascent = (stepSize: number): Optimizer => ({
  step(parameters, gradient) {
    for (let i = 0; i < parameters.length; i++) parameters[i] += stepSize * gradient[i];
  },
});

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

/**
 * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², x ← x + η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)
 *
 * Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, section 2 in its last, quicker form, as TensorFlow does it.
 */
function adam(stepSize: number, count: number): Optimizer {
  const [m, v] = [new Float64Array(count), new Float64Array(count)];
  // Products, not powers: Math.pow may differ in its last bit from one runtime to the next.
  let [decay1, decay2] = [1, 1];
  return {
    step(parameters, gradient) {
      decay1 *= beta1;
      decay2 *= beta2;
      const length = (stepSize * Math.sqrt(1 - decay2)) / (1 - decay1);
      for (let i = 0; i < count; i++) {
        const g = gradient[i];
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        parameters[i] += (length * m[i]) / (Math.sqrt(v[i]) + epsilon);
      }
    },
  };
}
