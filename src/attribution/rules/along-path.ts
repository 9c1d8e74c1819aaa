import { entryOf } from "../../guard";
import { type Operation, type Pieces, perform, type Run, type ValueName } from "../../operation/operation";
import type { Making } from "../../turns";
import { quadrature } from "../gradients/quadrature";
import { aside, blockPlan, ownScratch } from "./aside";
import type { BackwardStep } from "./lens";

/** Floats of one sample of a value. */
export type SizeOf = (name: ValueName) => number;

/** Points on the path through an operation of several numbers: more until the contributions add up this well. */
const pointCounts = [1, 4, 16, 64, 256, 1024];
const allowedMiss = 1e-6;

/**
 * Functions of several numbers: the gradient averaged along the straight path between the two sets of inputs (Aumann & Shapley),
 *
 *   m_in = ∫ J(x′ + αΔ)ᵀ m_out dα,
 *
 * which is the Rescale rule where there is one number. One point is exact for a product; for the others there are as many as it takes.
 */
export function alongPath(operation: Operation, sizeOf: SizeOf): BackwardStep {
  const { inputs } = operation;
  const [output] = operation.outputs;
  const sizes = inputs.map(sizeOf);
  const scratch = blockPlan([sizeOf(output), sizes.reduce((a, b) => Math.max(a, b), 0), ...sizes]);

  /** The multipliers of each input by a number of points. */
  function* averaged(run: Run, points: number): Making<Map<ValueName, Float64Array>> {
    const {
      blocks: [result, part, ...between],
      rest,
    } = scratch.at(run.scratch);
    const { alphas, weights } = quadrature("gauss-legendre", points);
    const values = new Map([[output, result], ...inputs.map((name, i) => [name, between[i]] as const)]);
    const sums = new Map(inputs.map((name, i) => [name, new Float64Array(sizes[i])]));
    for (const [point, alpha] of alphas.entries()) {
      inputs.forEach((name, i) => {
        const [x, at] = [run.memory.floats(run.value(name), 2 * sizes[i]), run.memory.floats(between[i], sizes[i])];
        for (let k = 0; k < sizes[i]; k++) at[k] = x[sizes[i] + k] + alpha * (x[k] - x[sizes[i] + k]);
      });
      const contribute: Run["contribute"] = (name, write) => {
        const sum = entryOf(sums, name);
        write(part);
        const found = run.memory.floats(part, sum.length);
        for (let k = 0; k < sum.length; k++) sum[k] += weights[point] * found[k];
      };
      const there = aside(run, { batch: 1, scratch: rest, values, contribute });
      operation.forward(there);
      operation.backward(there);
      yield;
    }
    return sums;
  }

  return {
    saved: [...new Set([...inputs, output])],
    ownAdjoint: true,
    scratchBytes: () => scratch.bytes + ownScratch(operation, 1),
    backward: (run) => perform(run.kernels, backwardInPieces(run)),
    backwardInPieces,
  };

  function* backwardInPieces(run: Run): Pieces {
    const contributed = (name: ValueName, m: ArrayLike<number>): readonly [sum: number, size: number] => {
      const size = sizeOf(name);
      const x = run.memory.floats(run.value(name), 2 * size);
      let [sum, total] = [0, 0];
      for (let k = 0; k < size; k++) {
        const share = m[k] * (x[k] - x[size + k]);
        sum += share;
        total += Math.abs(share);
      }
      return [sum, total];
    };
    let sums = new Map<ValueName, Float64Array>();
    for (const points of pointCounts) {
      sums = yield* averaged(run, points);
      const shares = [...sums].map(([name, m]) => contributed(name, m));
      const [out, size] = contributed(output, run.memory.floats(run.gradient(output), sizeOf(output)));
      const miss = Math.abs(shares.reduce((rest, [sum]) => rest - sum, out));
      if (miss <= allowedMiss * shares.reduce((total, [, share]) => total + share, size)) break;
    }
    for (const [name, sum] of sums) {
      run.contribute(name, (dx) => {
        const m = run.memory.floats(dx, 2 * sum.length);
        m.set(sum);
        m.fill(0, sum.length);
      });
    }
  }
}
