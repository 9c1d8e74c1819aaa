import { throwIfAborted } from "../checks";
import { InputError } from "../errors";
import {
  type Clamp,
  gradientRules,
  type Integers,
  type Operation,
  type Pieces,
  type Rules,
  type Run,
  unbounded,
  type ValueName,
} from "../operation/operation";
import { pausing, watchedMilliseconds } from "../turns";
import { encodeGeometry } from "../wasm/geometry";
import { callKernel, type Kernels, type Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { Slicing } from "../wasm/threads/slicing";
import { type MemoryMode, type Network, sampleSize } from "./network";
import { checkMemory, makePlan, type Plan, type PlanRequest, recordBytes, type WayBack } from "./plan";

/** One pass through a network: forward, and on request backward from a seed. */
export interface Pass {
  readonly batch: number;
  /** Content of the start value: batch samples in memory order. */
  readonly data: Float32Array;
  /** The value that `data` fills; default: the network's input. */
  readonly start?: ValueName;
  /** Values to hand back. */
  readonly keep?: readonly ValueName[];
  /** What to do to values once they are computed; what follows reads the changed ones. Not together with `backward`. */
  readonly edits?: ReadonlyMap<ValueName, Edit>;
  /** False: of a quantised network, without the rounding of its values. Default true. */
  readonly rounding?: boolean;
  readonly backward?: Backward;
  /** More ways back from the same forward pass, by the same rules. */
  readonly also?: readonly Backward[];
}

/** Changes a value in place: all samples, memory order. */
export type Edit = (value: Float32Array) => void;

export interface Backward {
  /** The value at which relevance starts. */
  readonly seed: ValueName;
  /** Writes the gradient at the seed (zeros on entry), for all samples; sees the value itself. */
  readonly write: (gradient: Float32Array, value: Float32Array) => void;
  /** Values whose gradient to hand back. */
  readonly wanted: readonly ValueName[];
  readonly rules?: Rules;
}

export interface PassResult {
  /** Copies of the kept values, all samples, memory order. */
  readonly values: ReadonlyMap<ValueName, Float32Array>;
  readonly gradients: ReadonlyMap<ValueName, Float32Array>;
  /** Those of the further ways back, in their order. */
  readonly also: readonly ReadonlyMap<ValueName, Float32Array>[];
}

/** What a pass came to, once it has. */
type Outcome = { readonly result: PassResult } | { readonly error: unknown };

/** How what takes long is left in its midst: calls of kernels too, where some take long. */
interface Finely {
  readonly Slicing: typeof Slicing | undefined;
}

/** Work in which the event loop is let in. */
type Interrupted = (work: Pieces) => Generator<void, void>;

/** A pass that is left between two of its steps now and then. */
interface Watched {
  readonly steps: Generator<void, PassResult>;
  readonly signal: AbortSignal;
  outcome?: Outcome;
}

/**
 * Runs passes of one network in one kernel instance, which hand back copies. A pass is synchronous unless it is watched;
 * there is one arena, so one that is watched is brought to its end before another begins.
 */
export class Session {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly #mode: MemoryMode;
  readonly #threads: number;
  /** Weak: a method may look at a network through rules of its own for one pass. */
  readonly #plans = new WeakMap<Network, Map<string, Plan>>();
  #arena: { pointer: Pointer; bytes: number } | undefined;
  /** The watched pass that has begun, and when it is over. */
  #begun: Watched | undefined;
  #over: Promise<void> | undefined;

  /** @param threads  how many compute the kernels, each with memory of its own to work in */
  constructor(kernels: Kernels, memory: KernelMemory, mode: MemoryMode = "fast", threads = 1) {
    this.kernels = kernels;
    this.memory = memory;
    this.#mode = mode;
    this.#threads = threads;
  }

  run(network: Network, pass: Pass): PassResult {
    // Whoever waits between two steps of a pass of his own finds it done.
    if (this.#begun && !this.#begun.outcome) finish(this.#begun);
    const steps = this.#steps(network, pass);
    while (true) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /**
   * The same, the same bits, with the event loop let in now and then, so that a signal can be heard. Without one it is `run`.
   *
   * @throws the signal's reason, at the next step after it is aborted
   */
  async watch(network: Network, pass: Pass, signal: AbortSignal | undefined): Promise<PassResult> {
    if (!signal) return this.run(network, pass);
    throwIfAborted(signal);
    const long = isLong(network, pass.batch) ? await import("../wasm/threads/slicing") : undefined;
    throwIfAborted(signal);
    while (this.#over) {
      await this.#over;
      throwIfAborted(signal);
    }
    const watched: Watched = { steps: this.#steps(network, pass, { Slicing: long?.Slicing }), signal };
    const work = this.#watch(watched);
    // Nothing is awaited by whoever has finished at once.
    if (!watched.outcome) {
      const over = (): void => {
        this.#over = undefined;
      };
      this.#over = work.then(over, over);
    }
    return work;
  }

  async #watch(watched: Watched): Promise<PassResult> {
    this.#begun = watched;
    try {
      const pause = pausing(watchedMilliseconds, watched.signal);
      while (!watched.outcome) {
        advance(watched);
        const turn = watched.outcome ? undefined : pause();
        if (turn) await turn;
      }
      if ("error" in watched.outcome) throw watched.outcome.error;
      return watched.outcome.result;
    } finally {
      close(watched);
      this.#begun = undefined;
    }
  }

  /** A pass, left between any two of its operations. NaN is no integer, and travels in floats. */
  *#steps(network: Network, pass: Pass, finely?: Finely): Generator<void, PassResult> {
    for (const integers of [true, false]) {
      const result = yield* this.#attempt(network, pass, integers, finely);
      if (result) return result;
    }
    throw new Error("Internal error: a pass that multiplies no integers has lost some.");
  }

  /** @returns nothing where an integer that was to be multiplied is none */
  *#attempt(
    network: Network,
    pass: Pass,
    integers: boolean,
    finely: Finely | undefined,
  ): Generator<void, PassResult | undefined> {
    const { batch, data, keep = [], edits, rounding = true, backward, also = [] } = pass;
    const ways = backward ? [backward, ...also] : [];
    // An operation's derivative is that of the function it computed, which an edit behind it is not part of.
    if (edits && backward) throw new Error("Internal error: a pass with edits has no backward step.");
    const start = pass.start ?? network.input;
    const plan = this.plan(network, {
      batch,
      start,
      keep,
      ...(edits && { edited: [...edits.keys()] }),
      ...(!rounding && { rounding }),
      ...(!integers && { integers }),
      ...(backward && { backward: ways.map(({ seed, wanted }) => ({ seed, wanted })) }),
    });
    const expected = sampleSize(network, start) * batch;
    if (data.length !== expected) {
      throw new InputError(`"${start}" takes ${expected} values for ${batch} samples, got ${data.length}.`);
    }
    const arena = yield* this.#prepare(network, plan, finely !== undefined);
    const { Slicing } = finely ?? {};
    const slicing = Slicing && new Slicing(this.kernels.memory, arena + plan.slice);
    const pieces = finely && ((work: Pieces) => this.#pieces(work, slicing));
    const run = new PlannedRun(this, network, plan, arena, backward?.rules ?? gradientRules, rounding);
    this.memory.floats(run.value(start), data.length).set(data);
    yield;
    const edit = (name: ValueName): void => edits?.get(name)?.(this.memory.floats(run.value(name), run.count(name)));
    edit(start);
    yield* this.#forward(run, plan.forward, edits && edit, pieces);
    if (run.isLost) return undefined;
    const values = new Map<ValueName, Float32Array>();
    for (const name of keep) {
      values.set(name, this.#copy(run.value(name), network, name, batch));
      yield;
    }
    const found: Map<ValueName, Float32Array>[] = [];
    for (const [i, way] of ways.entries()) {
      run.turn(plan.backward[i]);
      run.seed(way);
      yield* this.#backward(run, plan.backward[i].operations, pieces);
      found.push(new Map(way.wanted.map((name) => [name, this.#copy(run.gradient(name), network, name, batch)])));
    }
    const [gradients = new Map(), ...others] = found;
    return { values, gradients, also: others };
  }

  *#forward(
    run: PlannedRun,
    operations: readonly Operation[],
    edit: ((name: ValueName) => void) | undefined,
    pieces: Interrupted | undefined,
  ): Generator<void, void> {
    for (const operation of operations) {
      yield* this.#call(run, operation, "forward", pieces);
      if (run.isLost) return;
      if (edit) operation.outputs.forEach(edit);
      yield;
    }
  }

  *#backward(
    run: PlannedRun,
    operations: readonly Operation[],
    pieces: Interrupted | undefined,
  ): Generator<void, void> {
    for (const operation of operations) {
      yield* this.#call(run, operation, "backward", pieces);
      yield;
    }
  }

  *#call(
    run: PlannedRun,
    operation: Operation,
    direction: "forward" | "backward",
    pieces: Interrupted | undefined,
  ): Generator<void, void> {
    const isLow = this.#mode === "low";
    run.enter();
    const work = pieces && operation[`${direction}InPieces`];
    if (!work) {
      if (isLow) operation.prepare(direction);
      operation[direction](run);
      if (isLow) operation.release(direction);
      return;
    }
    try {
      if (isLow) yield* prepared(operation, direction, true);
      yield* pieces(work(run));
    } finally {
      if (isLow) operation.release(direction);
    }
  }

  *#pieces(work: Pieces, slicing: Slicing | undefined): Generator<void, void> {
    for (const call of work) {
      for (const part of (call && slicing?.parts(call)) ?? [call]) {
        if (part) callKernel(this.kernels, part);
        yield;
      }
    }
  }

  /** The plan of a request; made once, then remembered. */
  plan(network: Network, request: PlanRequest): Plan {
    let plans = this.#plans.get(network);
    if (!plans) {
      plans = new Map();
      this.#plans.set(network, plans);
    }
    const key = JSON.stringify(request);
    let plan = plans.get(key);
    if (!plan) {
      plan = makePlan(network, request, this.#threads);
      plans.set(key, plan);
    }
    return plan;
  }

  /** Bytes a pass adds to what is resident: weights still to be packed and the part of its arena that does not exist yet. */
  cost(network: Network, plan: Plan): { weights: number; arena: number } {
    if (this.#mode === "low") {
      // One layer at a time: its packed weights, and the same numbers as they are unpacked from the file's order.
      const most = (direction: "forward" | "backward"): number =>
        Math.max(0, ...operationsOf(plan, direction).map((operation) => 2.5 * operation.weightBytes[direction]));
      return { weights: Math.max(most("forward"), most("backward")), arena: plan.bytes };
    }
    const missing = (direction: "forward" | "backward"): number =>
      operationsOf(plan, direction)
        .filter((operation) => !network.prepared[direction].has(operation))
        .reduce((total, operation) => total + operation.weightBytes[direction], 0);
    return { weights: missing("forward") + missing("backward"), arena: plan.bytes };
  }

  /** Packs missing weights and makes sure the arena is large enough. */
  *#prepare(network: Network, plan: Plan, finely: boolean): Generator<void, Pointer> {
    const { weights } = this.cost(network, plan);
    const grows = !this.#arena || this.#arena.bytes < plan.bytes;
    if (weights > 0 || grows) {
      // A larger arena replaces the present one, whose bytes count as free; packing goes first, so that weights lie low.
      checkMemory(this.memory, weights, grows ? plan.bytes - (this.#arena?.bytes ?? 0) : 0, "This pass");
      if (grows && this.#arena) {
        this.memory.free(this.#arena.pointer);
        this.#arena = undefined;
      }
    }
    if (this.#mode === "fast") {
      yield* prepareAll(operationsOf(plan, "forward"), "forward", network.prepared.forward, finely);
      yield* prepareAll(operationsOf(plan, "backward"), "backward", network.prepared.backward, finely);
    }
    this.#arena ??= { pointer: this.memory.allocate(plan.bytes, "The activations of this pass"), bytes: plan.bytes };
    return this.#arena.pointer;
  }

  #copy(pointer: Pointer, network: Network, name: ValueName, batch: number): Float32Array {
    return this.memory.floats(pointer, sampleSize(network, name) * batch).slice();
  }
}

/** Each once. */
const operationsOf = (
  { forward, absorbed, backward }: Plan,
  direction: "forward" | "backward",
): readonly Operation[] =>
  direction === "forward" ? [...forward, ...absorbed] : [...new Set(backward.flatMap(({ operations }) => operations))];

function* prepareAll(
  operations: readonly Operation[],
  direction: "forward" | "backward",
  done: WeakSet<Operation>,
  finely: boolean,
): Generator<void, void> {
  for (const operation of operations) {
    if (done.has(operation)) continue;
    yield* prepared(operation, direction, finely);
    done.add(operation);
    yield;
  }
}

function* prepared(operation: Operation, direction: "forward" | "backward", finely: boolean): Generator<void, void> {
  if (finely && operation.prepareInPieces) for (const _ of operation.prepareInPieces(direction)) yield;
  else operation.prepare(direction);
}

/** Multiply–accumulates from which a kernel's call is divided: a hundredth of a second on slow hosts. */
const longCall = 2 ** 24;

const isLong = ({ operations }: Network, batch: number): boolean =>
  operations.some(({ macs }) => macs * batch > longCall);

/** Does the next step of a pass. */
function advance(watched: Watched): void {
  try {
    const step = watched.steps.next();
    if (step.done) watched.outcome = { result: step.value };
  } catch (error) {
    watched.outcome = { error };
  }
}

/** Lets go of what a pass that nobody wants any more has begun. */
function close({ steps, outcome }: Watched): void {
  if (!outcome || "error" in outcome) steps.return?.(undefined as never);
}

/** Does what is left of a pass, or gives it up where nobody wants it any more. */
function finish(watched: Watched): void {
  if (watched.signal.aborted) {
    watched.outcome = { error: watched.signal.reason };
    close(watched);
  }
  while (!watched.outcome) advance(watched);
}

/** The addresses of one plan at one place in memory, and the bookkeeping of its gradients. */
class PlannedRun implements Run {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly batch: number;
  readonly rules: Rules;
  readonly rounds: boolean;
  readonly scratch: Pointer;
  readonly #network: Network;
  readonly #plan: Plan;
  readonly #arena: Pointer;
  /** The way back that the run is on. */
  #way: WayBack | undefined;
  /** Gradients that have been written. */
  readonly #arrived = new Set<ValueName>();
  #nextRecord = 0;
  /** Whether something that should be an integer is none. */
  isLost = false;

  constructor(session: Session, network: Network, plan: Plan, arena: Pointer, rules: Rules, rounds: boolean) {
    this.kernels = session.kernels;
    this.memory = session.memory;
    this.batch = plan.request.batch;
    this.rules = rules;
    this.rounds = rounds;
    this.scratch = arena + plan.scratch;
    this.#network = network;
    this.#plan = plan;
    this.#arena = arena;
  }

  /** Starts one operation's call: records of the call before are no longer needed. */
  enter(): void {
    this.#nextRecord = 0;
  }

  value(name: ValueName): Pointer {
    return this.#arena + known(this.#plan.values, name);
  }

  clamp(name: ValueName): Clamp {
    return this.#plan.clamps.get(name) ?? unbounded;
  }

  integers(node: string): Integers | undefined {
    return this.#plan.integers.get(node);
  }

  lose(): void {
    this.isLost = true;
  }

  state(node: string): Pointer {
    return this.#arena + known(this.#plan.states, node);
  }

  record: Run["record"] = (name, values) => {
    const bytes = encodeGeometry(name, values);
    if (this.#nextRecord + bytes.length > recordBytes) this.#nextRecord = 0;
    const pointer = this.#arena + this.#plan.records + this.#nextRecord;
    this.memory.bytes(pointer, bytes.length).set(bytes);
    this.#nextRecord += bytes.length;
    return pointer;
  };

  /** Begins a way back: none of its gradients has been written. */
  turn(way: WayBack): void {
    this.#way = way;
    this.#arrived.clear();
  }

  #place(name: ValueName): Pointer {
    return this.#arena + known(this.#way?.offsets ?? new Map<ValueName, number>(), name);
  }

  gradient(name: ValueName): Pointer {
    const pointer = this.#place(name);
    if (!this.#arrived.has(name)) {
      this.memory.floats(pointer, this.count(name)).fill(0);
      this.#arrived.add(name);
    }
    return pointer;
  }

  contribute(name: ValueName, write: (dx: Pointer) => void): void {
    const contribution = this.contribution(name);
    if (!contribution) return;
    write(contribution.dx);
    contribution.done();
  }

  contribution(name: ValueName): ReturnType<Run["contribution"]> {
    if (!this.#way?.gradients.has(name)) return undefined;
    const pointer = this.#place(name);
    if (!this.#arrived.has(name)) return { dx: pointer, done: () => void this.#arrived.add(name) };
    const summand = this.#arena + this.#plan.summand;
    return { dx: summand, done: () => this.kernels.add(summand, pointer, this.count(name)) };
  }

  seed({ seed, write }: Backward): void {
    const count = this.count(seed);
    const gradient = this.memory.floats(this.gradient(seed), count);
    write(gradient, this.memory.floats(this.value(seed), count));
  }

  /** Floats of a value, all samples. */
  count(name: ValueName): number {
    return sampleSize(this.#network, name) * this.batch;
  }
}

function known<K>(offsets: ReadonlyMap<K, number>, key: K): number {
  const offset = offsets.get(key);
  if (offset === undefined) throw new Error(`Internal error: "${String(key)}" has no place in this plan.`);
  return offset;
}
