/**
 * Decides, before the first kernel runs, which operations a pass needs and where each value lies.
 *
 * Time runs forward through the operations and then backward through them. A buffer lives from the step that first writes
 * it to the last step that reads it; buffers whose lives overlap never share memory.
 */

import { LayerError, MemoryError } from "../errors";
import { entryOf } from "../guard";
import type { Clamp, Integers, Operation, ValueName } from "../operation/operation";
import { type KernelMemory, megabytes } from "../wasm/memory";
import { integerSteps } from "./integer-steps";
import { align, alignment, Lifetimes, place } from "./lifetimes";
import { type Network, sampleSize } from "./network";

/** What a pass shall compute. */
export interface PlanRequest {
  readonly batch: number;
  /** The value whose content is given; default: the network's input. Only what follows it runs. */
  readonly start: ValueName;
  /** Values that must still be there when the pass ends. */
  readonly keep: readonly ValueName[];
  /** Values that are changed when they are computed, before anything reads them. */
  readonly edited?: readonly ValueName[];
  /** False where values of quantised networks are not rounded. */
  readonly rounding?: false;
  /** False where integers are multiplied as floats are, because one of them is NaN. */
  readonly integers?: false;
  /** The ways back, one after the other. */
  readonly backward?: readonly BackwardRequest[];
}

export interface BackwardRequest {
  /** The value at which the gradient is seeded. */
  readonly seed: ValueName;
  /** Values whose gradient is wanted. */
  readonly wanted: readonly ValueName[];
}

export interface Plan {
  readonly request: PlanRequest;
  /** Operations of the forward pass, in order; those that another one does on the way are left out. */
  readonly forward: readonly Operation[];
  /** Bounds that an operation applies to what it writes, in place of the clamp that followed it. */
  readonly clamps: ReadonlyMap<ValueName, Clamp>;
  /** How layers multiply integers, by the names of their nodes. */
  readonly integers: ReadonlyMap<string, Integers>;
  /** Operations that another one does on the way, with weights of their own. */
  readonly absorbed: readonly Operation[];
  readonly backward: readonly WayBack[];
  /** Byte offsets inside the arena. */
  readonly values: ReadonlyMap<ValueName, number>;
  readonly states: ReadonlyMap<string, number>;
  readonly scratch: number;
  /** Where a second contribution to a gradient is written before it is added. */
  readonly summand: number;
  readonly records: number;
  /** Where the records of a part of a kernel's call are written. */
  readonly slice: number;
  /** Size of the arena. */
  readonly bytes: number;
}

/** One backward pass. */
export interface WayBack {
  /** Last first. */
  readonly operations: readonly Operation[];
  /** Values whose gradient is computed. */
  readonly gradients: ReadonlySet<ValueName>;
  /** Byte offsets inside the arena. */
  readonly offsets: ReadonlyMap<ValueName, number>;
}

/** One operation writes at most this many geometry records during one call, times their size. */
export const recordBytes = 64 * 128;
/** What `Slicing` writes of one part. */
const sliceBytes = 768;

/** @param threads  how many have scratch memory of their own */
export function makePlan(network: Network, request: PlanRequest, threads = 1): Plan {
  const { batch, start, keep, edited = [], backward: asked = [] } = request;
  const targets = [...keep, ...asked.flatMap(({ seed, wanted }) => [seed, ...wanted])];
  const forward = neededOperations(network, targets, start);
  const ways = asked.map((each) => {
    const gradients = new Set<ValueName>();
    const operations = backwardOperations(forward, each, gradients);
    return { ...each, operations, gradients, lives: new Lifetimes() };
  });
  const backward = ways.flatMap(({ operations }) => operations);
  const sharing = shareBuffers(network, forward, backward, {
    guarded: [start, ...targets],
    edited,
    multipliesIntegers: request.rounding !== false && request.integers !== false,
  });

  const { values, states, summandBytes } = lifetimesOf(network, request, { forward, ways, sharing });
  const scratch = place([values, ...ways.map(({ lives }) => lives), states].flatMap(({ buffers }) => [...buffers]));
  const most = (operations: readonly Operation[], direction: "forward" | "backward"): number =>
    operations.reduce((bytes, operation) => Math.max(bytes, operation.scratchBytes(batch, direction)), 0);
  // With several threads each begins at a multiple of the alignment.
  const room = (bytes: number): number => (threads > 1 && bytes > 0 ? threads * (align(bytes) + alignment) : bytes);
  const scratchBytes = room(Math.max(most(forward, "forward"), most(backward, "backward")));
  const summand = scratch + align(scratchBytes);
  const records = summand + align(summandBytes);
  const offsets = values.offsets;
  const places = new Map<ValueName, number>();
  const locate = (name: ValueName): void => {
    const offset = offsets.get(sharing.place(name));
    if (offset !== undefined) places.set(name, offset);
  };
  locate(start);
  keep.forEach(locate);
  for (const { inputs, outputs } of forward) {
    inputs.forEach(locate);
    outputs.forEach(locate);
  }
  return {
    request,
    forward: forward.filter((operation) => !sharing.absorbed.has(operation)),
    clamps: sharing.clamps,
    integers: sharing.integers,
    absorbed: [...sharing.absorbed],
    backward: ways.map(({ operations, gradients, lives }) => ({ operations, gradients, offsets: lives.offsets })),
    values: places,
    states: states.offsets,
    scratch,
    summand,
    records,
    slice: records + recordBytes,
    bytes: records + recordBytes + sliceBytes,
  };
}

/** A way back whose operations are known. */
interface KnownWay extends BackwardRequest {
  readonly operations: readonly Operation[];
  readonly gradients: ReadonlySet<ValueName>;
  /** Of its gradients. */
  readonly lives: Lifetimes;
}

/** Goes through a pass, step by step, and notes when what is in use. */
function lifetimesOf(
  network: Network,
  { batch, start, keep }: PlanRequest,
  pass: { readonly forward: readonly Operation[]; readonly ways: readonly KnownWay[]; readonly sharing: Sharing },
): { readonly values: Lifetimes; readonly states: Lifetimes; readonly summandBytes: number } {
  const { forward, ways, sharing } = pass;
  const values = new Lifetimes();
  const states = new Lifetimes();
  const end = ways.reduce((sum, { operations }) => sum + operations.length, forward.length);
  const valueBytes = (name: ValueName): number => sampleSize(network, name) * batch * 4;
  // Integers of sixteen bits take half.
  const placeBytes = (name: ValueName): number => valueBytes(name) / (sharing.shorts.has(sharing.place(name)) ? 2 : 1);
  const stateBytes = (operation: Operation): number => operation.stateBytes * batch;
  const touchValue = (name: ValueName, time: number): void => values.touch(sharing.place(name), placeBytes, name, time);
  // It is there already: an operation of the way forward made it.
  const touchState = (name: string, time: number): void => states.touch(name, () => 0, name, time);

  touchValue(start, -1);
  forward.forEach((operation, time) => {
    for (const name of operation.inputs) touchValue(name, time);
    for (const name of operation.outputs) touchValue(name, time);
    if (operation.stateBytes > 0) states.touch(operation.node.name, stateBytes, operation, time);
    if (operation.stateOf !== undefined) touchState(operation.stateOf, time);
  });
  for (const name of keep) touchValue(name, end);

  let summandBytes = 0;
  let begin = forward.length;
  for (const { seed, wanted, operations, gradients, lives } of ways) {
    const touchGradient = (name: ValueName, time: number): void => lives.touch(name, valueBytes, name, time);
    // The seed is computed from the value it is placed at, and may look at it.
    touchValue(seed, begin);
    touchGradient(seed, begin);
    operations.forEach((operation, i) => {
      const time = begin + i;
      for (const name of operation.saved) touchValue(name, time);
      for (const name of operation.outputs) touchGradient(name, time);
      for (const name of operation.inputs) {
        if (!gradients.has(name)) continue;
        touchGradient(name, time);
        summandBytes = Math.max(summandBytes, valueBytes(name));
      }
      const state = operation.stateOf ?? (operation.stateBytes > 0 ? operation.node.name : undefined);
      if (state !== undefined) touchState(state, time);
    });
    begin += operations.length;
    // They are read before the next way begins, whose seed lives from this very moment and so lies elsewhere.
    for (const name of wanted) touchGradient(name, begin);
  }
  return { values, states, summandBytes };
}

interface Sharing {
  /** The value whose buffer a value lies in. */
  place(name: ValueName): ValueName;
  readonly clamps: ReadonlyMap<ValueName, Clamp>;
  readonly integers: ReadonlyMap<string, Integers>;
  /** Operations that need no forward step of their own. */
  readonly absorbed: ReadonlySet<Operation>;
  /** Buffers that hold int16. */
  readonly shorts: ReadonlySet<ValueName>;
}

/**
 * Finds values that nobody reads but the next operation: a clamp after an operation that can clamp is done on the way, and
 * element-wise operations write over their input.
 *
 * @param guarded  values that must be there as they are
 * @param edited   values that must also be complete when their own operation is done: nothing may be done to them before
 */
function shareBuffers(
  network: Network,
  forward: readonly Operation[],
  backward: readonly Operation[],
  {
    guarded,
    edited,
    multipliesIntegers,
  }: {
    readonly guarded: readonly ValueName[];
    readonly edited: readonly ValueName[];
    readonly multipliesIntegers: boolean;
  },
): Sharing {
  const read = new Set<ValueName>();
  const readAgain = new Set<ValueName>();
  for (const { inputs } of forward) {
    for (const name of inputs) {
      if (read.has(name)) readAgain.add(name);
      else read.add(name);
    }
  }
  const needed = new Set([...guarded, ...edited]);
  for (const { saved } of backward) for (const name of saved) needed.add(name);
  const running = new Set(forward);
  const over = new Map<ValueName, ValueName>();
  const clamps = new Map<ValueName, Clamp>();
  const absorbed = new Set<Operation>();
  for (const operation of forward) {
    const input = operation.inputs[0];
    const output = operation.outputs[0];
    if (!operation.inPlace || needed.has(input) || readAgain.has(input)) continue;
    over.set(output, input);
    const before = network.operations[network.producer.get(input) ?? -1];
    if (edited.includes(output)) continue;
    if (!operation.clamp || !before?.clampable || !running.has(before) || before.outputs[0] !== input) continue;
    clamps.set(input, operation.clamp);
    absorbed.add(operation);
  }
  const integers = new Map<string, Integers>();
  const shorts = new Set<ValueName>();
  if (multipliesIntegers) {
    const steps = integerSteps(forward, { needed, edited: new Set(edited), absorbed });
    for (const [layer, each] of steps.layers) integers.set(layer, each);
    for (const name of steps.shorts) shorts.add(name);
    for (const [operation, input] of steps.absorbed) {
      absorbed.add(operation);
      over.set(operation.outputs[0], input);
    }
  }
  // In execution order, so that what lies below is settled already.
  for (const [name, below] of over) over.set(name, over.get(below) ?? below);
  return { place: (name) => over.get(name) ?? name, clamps, integers, absorbed, shorts };
}

/** Operations that lead from the start to the targets, in execution order. */
function neededOperations(network: Network, targets: readonly ValueName[], start: ValueName): Operation[] {
  if (leadsAround(network, targets, start)) {
    throw new LayerError(
      `The target depends on the input not only through "${start}": other paths lead around that layer, so it cannot be ` +
        "the start of a path. Choose a layer that everything passes through, or the input.",
    );
  }
  return operationsAfter(network, targets, start);
}

/** Whether the targets depend on the input by a path that a value is not part of. */
export const leadsAround = (network: Network, targets: readonly ValueName[], value: ValueName): boolean =>
  value !== network.input &&
  operationsAfter(network, targets, value).some(({ inputs }) => inputs.includes(network.input));

function operationsAfter(network: Network, targets: readonly ValueName[], start: ValueName): Operation[] {
  const needed = new Uint8Array(network.operations.length);
  const next = [...targets];
  for (let value = next.pop(); value !== undefined; value = next.pop()) {
    const position = value === start ? undefined : network.producer.get(value);
    if (position === undefined || needed[position] === 1) continue;
    needed[position] = 1;
    const operation = network.operations[position];
    for (const input of operation.inputs) next.push(input);
    // An unpooling reads the switches of its pool, so the pool runs even if nobody reads what it pools.
    if (operation.stateOf !== undefined) next.push(entryOf(network.states, operation.stateOf));
  }
  return network.operations.filter((_, position) => needed[position] === 1);
}

/** Operations between the wanted values and the seed, last first; fills in the values whose gradient they carry. */
function backwardOperations(
  forward: readonly Operation[],
  { seed, wanted }: BackwardRequest,
  gradients: Set<ValueName>,
): Operation[] {
  const influenced = new Set<ValueName>(wanted);
  for (const operation of forward) {
    if (operation.inputs.some((name) => influenced.has(name)))
      for (const name of operation.outputs) influenced.add(name);
  }
  gradients.add(seed);
  const backward: Operation[] = [];
  for (let i = forward.length - 1; i >= 0; i--) {
    const operation = forward[i];
    if (!operation.outputs.some((name) => gradients.has(name))) continue;
    const inputs = operation.inputs.filter((name) => influenced.has(name));
    if (inputs.length === 0) continue;
    // A wanted value that is an output of this operation ends the walk unless something before it is wanted too.
    backward.push(operation);
    for (const name of inputs) gradients.add(name);
  }
  return backward;
}

/** @throws {MemoryError} if weights still to be packed and the arena of a plan exceed what is left */
export function checkMemory(memory: KernelMemory, weightBytes: number, arenaBytes: number, what: string): void {
  const needed = weightBytes + arenaBytes;
  if (needed > memory.available) {
    throw new MemoryError(
      `${what} needs ${megabytes(needed)} (${megabytes(weightBytes)} of weights, ${megabytes(arenaBytes)} of activations), ` +
        `${megabytes(Math.max(0, memory.available))} are available. ` +
        "Raise maxMemory, load the model with memory: 'low', or use a smaller inputShape or batchSize.",
      needed,
      memory.available,
    );
  }
}
