/** Steps of an operation on numbers beside those of the pass: other inputs, another gradient, scratch of its own. */
import { gradientRules, type Operation, type Run, unbounded, type ValueName } from "../../operation/operation";
import type { Pointer } from "../../wasm/kernels";

/** What differs from the pass. */
export interface Aside {
  readonly batch?: number;
  readonly scratch?: Pointer;
  readonly values?: ReadonlyMap<ValueName, Pointer>;
  readonly gradients?: ReadonlyMap<ValueName, Pointer>;
  readonly contribute?: Run["contribute"];
  /** Where the gradient of the one input is written, in place of `contribute`. */
  readonly dx?: Pointer;
}

export const aside = (run: Run, { batch, scratch, values, gradients, contribute, dx }: Aside): Run => ({
  kernels: run.kernels,
  memory: run.memory,
  batch: batch ?? run.batch,
  rules: gradientRules,
  rounds: run.rounds,
  scratch: scratch ?? run.scratch,
  value: (name) => values?.get(name) ?? run.value(name),
  clamp: () => unbounded,
  // Of other numbers than those of the pass nothing is known.
  integers: () => undefined,
  lose: () => {},
  state: (node) => run.state(node),
  record: run.record,
  gradient: (name) => gradients?.get(name) ?? run.gradient(name),
  contribute: contribute ?? ((name, write) => (dx === undefined ? run.contribute(name, write) : write(dx))),
  contribution: (name) => (dx === undefined ? run.contribution(name) : { dx, done: () => {} }),
});

/** Every block begins on a cache line, as the kernels' memory does. */
const blockBytes = (floats: number): number => Math.ceil((floats * 4) / 64) * 64;

/** Blocks of so many floats, and room for what an operation needs itself behind them. */
export interface BlockPlan {
  readonly bytes: number;
  /** Addresses of the blocks from an address on, and of the room behind them. */
  at(start: Pointer): { readonly blocks: readonly Pointer[]; readonly rest: Pointer };
}

export function blockPlan(sizes: readonly number[]): BlockPlan {
  const bytes = sizes.reduce((total, size) => total + blockBytes(size), 0);
  return {
    bytes,
    at: (start) => {
      let next = start;
      const blocks = sizes.map((size) => {
        const block = next;
        next += blockBytes(size);
        return block;
      });
      return { blocks, rest: next };
    },
  };
}

/** Scratch that both steps of an operation fit in. */
export const ownScratch = (operation: Operation, batch: number): number =>
  Math.max(operation.scratchBytes(batch, "forward"), operation.scratchBytes(batch, "backward"));

/** How many numbers a loop goes through between two looks at a signal. */
const stretchLength = 2 ** 19;

/** The loop over so many numbers, in parts of which none takes long. */
export function* stretches(count: number): Generator<readonly [begin: number, end: number], void> {
  for (let begin = 0; begin < count; begin += stretchLength) yield [begin, Math.min(begin + stretchLength, count)];
}
