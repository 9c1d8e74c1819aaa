/**
 * DeepLIFT's multipliers m = contribution / Δinput for what is not linear, where Δ is sample minus baseline. Each pass carries
 * the two as sample 0 and sample 1 of a batch; multipliers travel in sample 0, sample 1 stays zero.
 *
 * All rules are complete: Σ m_in·Δin = Σ m_out·Δout.
 */
import { type Operation, type Pieces, perform, type Run } from "../../operation/operation";
import type { Nature } from "../../operators/operator";
import { operators } from "../../operators/table";
import type { Pointer } from "../../wasm/kernels";
import { alongPath, type SizeOf } from "./along-path";
import { aside, blockPlan, stretches } from "./aside";
import type { BackwardStep, Lens } from "./lens";

/** Differences below this are no differences: the gradient takes over, as in Captum. */
const smallest = 1e-10;

/** Chooses DeepLIFT's rule for an operation. */
export const rescale =
  (sizeOf: SizeOf): Lens =>
  (operation) => {
    const { nature, reach } = operators.get(operation.node.op) ?? {};
    if (nature === "unpooling") {
      return "where it puts its values depends on the input, and no multiplier can express that";
    }
    // Those that remember where they found it.
    if (nature === "maximum" && operation.stateBytes > 0) return maxima(operation, sizeOf);
    if (operation.linear) return undefined;
    const { inputs, outputs } = operation;
    const isOfOne = inputs.length === 1 && reach === "same" && sizeOf(inputs[0]) === sizeOf(outputs[0]);
    if (isOfOne && ofOneNumber.has(nature)) return quotient(operation, sizeOf);
    if (nature === "step" || nature === "selection") {
      return "it jumps by what is computed of several numbers, and no multiplier can express that";
    }
    return alongPath(operation, sizeOf);
  };

const ofOneNumber: ReadonlySet<Nature | undefined> = new Set<Nature>([
  "rectifier",
  "smooth",
  "gate",
  "clamp",
  "extremum",
  "step",
]);

/**
 * The Rescale rule of a function of one number: m_in = m_out · Δout/Δin, or m_out · f′(x) where Δin is too small.
 * Shrikumar et al. 2017, https://arxiv.org/abs/1704.02685, section 3.5.1.
 */
function quotient(operation: Operation, sizeOf: SizeOf): BackwardStep {
  const [input] = operation.inputs;
  const [output] = operation.outputs;
  const size = sizeOf(input);
  return {
    saved: [...new Set([...operation.saved, input, output])],
    ownAdjoint: true,
    scratchBytes: (batch) => operation.scratchBytes(batch, "backward"),
    backward: (run) => perform(run.kernels, backwardInPieces(run)),
    backwardInPieces,
  };

  function* backwardInPieces(run: Run): Pieces {
    const below = run.contribution(input);
    if (!below) return;
    operation.backward(aside(run, { dx: below.dx }));
    yield;
    for (const [begin, end] of stretches(size)) {
      const [x, y] = [input, output].map((name) => run.memory.floats(run.value(name), 2 * size));
      const [m, from] = [run.memory.floats(below.dx, 2 * size), run.memory.floats(run.gradient(output), size)];
      for (let i = begin; i < end; i++) {
        const difference = x[i] - x[size + i];
        if (Math.abs(difference) >= smallest) m[i] = (from[i] * (y[i] - y[size + i])) / difference;
      }
      m.fill(0, size + begin, size + end);
      yield;
    }
    below.done();
  }
}

/**
 * Max-pooling: where the sample's maximum is the larger one, its place gets max(y, y′) − y′; where the baseline's is, its
 * place gets y − max(y, y′). Both go through the switches of their own sample, and contributions of overlapping windows add up
 * before they are divided by Δin. Captum's rule, which there overwrites where windows overlap.
 */
function maxima(operation: Operation, sizeOf: SizeOf): BackwardStep {
  const [input] = operation.inputs;
  const [output] = operation.outputs;
  const [size, outSize] = [sizeOf(input), sizeOf(output)];
  const scratch = blockPlan([2 * outSize, 2 * size]);
  return {
    saved: [...new Set([...operation.saved, input, output])],
    ownAdjoint: true,
    scratchBytes: (batch) => scratch.bytes + operation.scratchBytes(batch, "backward"),
    backward: (run) => perform(run.kernels, backwardInPieces(run)),
    backwardInPieces,
  };

  function* backwardInPieces(run: Run): Pieces {
    const below = run.contribution(input);
    if (!below) return;
    const {
      blocks: [contribution, sums],
      rest,
    } = scratch.at(run.scratch);
    const through = (dx: Pointer, dy: Pointer): void =>
      operation.backward(aside(run, { scratch: rest, gradients: new Map([[output, dy]]), dx }));
    const m = run.gradient(output);
    for (const [begin, end] of stretches(outSize)) {
      const [y, from, to] = [run.value(output), m, contribution].map((at) => run.memory.floats(at, 2 * outSize));
      for (let i = begin; i < end; i++) {
        const higher = Math.max(y[i], y[outSize + i]);
        to[i] = from[i] * (higher - y[outSize + i]);
        to[outSize + i] = from[i] * (y[i] - higher);
      }
      yield;
    }
    through(sums, contribution);
    yield;
    through(below.dx, m);
    yield;
    for (const [begin, end] of stretches(size)) {
      const [x, sum, result] = [run.value(input), sums, below.dx].map((at) => run.memory.floats(at, 2 * size));
      for (let i = begin; i < end; i++) {
        const difference = x[i] - x[size + i];
        if (Math.abs(difference) >= smallest) result[i] = (sum[i] + sum[size + i]) / difference;
      }
      result.fill(0, size + begin, size + end);
      yield;
    }
    below.done();
  }
}
