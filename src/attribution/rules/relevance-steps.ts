/** LRP's backward steps of operations without weights. */
import { entryOf } from "../../guard";
import type { Operation, Run, ValueName } from "../../operation/operation";
import type { SizeOf } from "./along-path";
import { type Aside, aside, blockPlan, ownScratch } from "./aside";
import type { BackwardStep } from "./lens";
import { inverse } from "./linear-rules";

/** What of the relevance in proportion goes where. */
interface Proportions {
  /** Of each input this much: the parts of a product of two are whole each. */
  readonly share?: number;
  /** The input that gets all, where the others only weigh it. */
  readonly signal?: ValueName;
  /** True where a normalisation's statistics are constants. */
  readonly steady?: boolean;
}

/**
 * A step through the operation's own adjoint, which is handed a share of the relevance in place of a gradient.
 *
 * @param share  writes the share of each element, from the output and its relevance
 * @param step   the adjoint, to be run with the share as the output's gradient
 */
function byShare(
  operation: Operation,
  sizeOf: SizeOf,
  share: (into: Float32Array, y: Float32Array, relevance: Float32Array) => void,
  step: (run: Run, there: Pick<Aside, "scratch" | "gradients">) => void,
): BackwardStep {
  const [output] = operation.outputs;
  const size = sizeOf(output);
  return {
    saved: [...new Set([...operation.saved, ...operation.inputs, output])],
    ownAdjoint: true,
    scratchBytes: (batch) => blockPlan([size * batch]).bytes + operation.scratchBytes(batch, "backward"),
    backward: (run) => {
      const count = size * run.batch;
      const {
        blocks: [place],
        rest,
      } = blockPlan([count]).at(run.scratch);
      const floats = (at: number): Float32Array => run.memory.floats(at, count);
      share(floats(place), floats(run.value(output)), floats(run.gradient(output)));
      step(run, { scratch: rest, gradients: new Map([[output, place]]) });
    },
  };
}

/**
 * Relevance in proportion to what each input adds to the output, R_x = x ⊙ Jᵀ(R / (y + ε·sign y)): the norm rule of sums and
 * average pools, the epsilon rule of a linear layer, bias included, and, halved, of a product of two values.
 */
export function proportional(
  operation: Operation,
  sizeOf: SizeOf,
  epsilon: number,
  { share: part = 1, signal, steady = false }: Proportions = {},
): BackwardStep {
  const share = (into: Float32Array, y: Float32Array, relevance: Float32Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = relevance[i] * inverse(y[i], epsilon);
  };
  return byShare(operation, sizeOf, share, (run, there) => {
    const contribute: Run["contribute"] = (name, write) =>
      run.contribute(name, (dx) => {
        const inputs = sizeOf(name) * run.batch;
        const below = run.memory.floats(dx, inputs);
        if (signal !== undefined && name !== signal) {
          below.fill(0);
          return;
        }
        write(dx);
        const x = run.memory.floats(run.value(name), inputs);
        for (let i = 0; i < inputs; i++) below[i] *= part * x[i];
      });
    const step = steady && operation.steady ? operation.steady : operation.backward;
    step(aside(run, { ...there, contribute }));
  });
}

/**
 * The same with the inputs of the sum's own sign alone: those against it get nothing, and positive relevance stays positive. For
 * operations whose coefficients are positive.
 */
export function dominant(operation: Operation, sizeOf: SizeOf, epsilon: number): BackwardStep {
  const { inputs } = operation;
  const [output] = operation.outputs;
  const sizes = inputs.map(sizeOf);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const blocksFor = (batch: number) =>
    blockPlan([sizeOf(output), sizeOf(output), largest, ...sizes].map((size) => size * batch));
  return {
    saved: [...new Set([...inputs, output])],
    ownAdjoint: true,
    scratchBytes: (batch) => blocksFor(batch).bytes + ownScratch(operation, batch),
    backward: (run) => {
      const count = sizeOf(output) * run.batch;
      const {
        blocks: [sum, share, below, ...parts],
        rest,
      } = blocksFor(run.batch).at(run.scratch);
      const found = new Map(inputs.map((name, i) => [name, new Float32Array(sizes[i] * run.batch)]));
      for (const sign of [1, -1]) {
        inputs.forEach((name, i) => {
          const [x, part] = [run.value(name), parts[i]].map((at) => run.memory.floats(at, sizes[i] * run.batch));
          for (let k = 0; k < part.length; k++) part[k] = x[k] * sign > 0 ? x[k] : 0;
        });
        const there = aside(run, {
          scratch: rest,
          values: new Map([[output, sum], ...inputs.map((name, i) => [name, parts[i]] as const)]),
          gradients: new Map([[output, share]]),
          contribute: (name, write) => {
            write(below);
            const total = entryOf(found, name);
            const [c, x] = [below, parts[inputs.indexOf(name)]].map((at) => run.memory.floats(at, total.length));
            for (let k = 0; k < total.length; k++) total[k] += x[k] * c[k];
          },
        });
        operation.forward(there);
        const [z, s, y, relevance] = [sum, share, run.value(output), run.gradient(output)].map((at) =>
          run.memory.floats(at, count),
        );
        for (let k = 0; k < count; k++) s[k] = y[k] * sign > 0 ? relevance[k] * inverse(z[k], epsilon) : 0;
        operation.backward(there);
      }
      for (const [name, total] of found) {
        run.contribute(name, (dx) => run.memory.floats(dx, total.length).set(total));
      }
    },
  };
}

/**
 * Softmax, R_i = x_i·(R_i − s_i·Σ_j R_j): its Taylor expansion at the scores, bias left out (Achtibat et al. 2024,
 * https://arxiv.org/abs/2402.05602, proposition 3.1). Its own adjoint of R/s, times the scores; a score of minus infinity has none.
 */
export function softmaxTaylor(operation: Operation, sizeOf: SizeOf): BackwardStep {
  const [input] = operation.inputs;
  const share = (into: Float32Array, s: Float32Array, relevance: Float32Array): void => {
    for (let i = 0; i < into.length; i++) into[i] = s[i] === 0 ? 0 : relevance[i] / s[i];
  };
  return byShare(operation, sizeOf, share, (run, there) =>
    run.contribute(input, (dx) => {
      operation.backward(aside(run, { ...there, contribute: (_, write) => write(dx) }));
      const count = sizeOf(input) * run.batch;
      const [x, below] = [run.value(input), dx].map((at) => run.memory.floats(at, count));
      for (let i = 0; i < count; i++) below[i] = below[i] === 0 ? 0 : below[i] * x[i];
    }),
  );
}

/** What arrives goes on as it is: the pass rule, for operations of one value to another of its size. */
export const pass = (operation: Operation, sizeOf: SizeOf): BackwardStep =>
  signalOnly(operation, operation.inputs[0], sizeOf);

/**
 * All relevance to one input, none to the others: of a signal times its gate, the signal speaks and the gate only lets it
 * (Arras et al. 2017, https://arxiv.org/abs/1706.07206, section 3.2).
 */
export function signalOnly(operation: Operation, signal: ValueName, sizeOf: SizeOf): BackwardStep {
  const [output] = operation.outputs;
  return {
    saved: [],
    ownAdjoint: false,
    scratchBytes: () => 0,
    backward: (run) => {
      for (const name of operation.inputs) {
        run.contribute(name, (dx) => {
          const bytes = sizeOf(name) * run.batch * 4;
          if (name === signal) run.memory.copy(run.gradient(output), dx, bytes);
          else run.memory.bytes(dx, bytes).fill(0);
        });
      }
    },
  };
}
