import type { Constant, Node } from "../graph/ir";
import type { InputConstants, Shape } from "../graph/shape-rule";
import type { GeometryRecord, RecordName } from "../wasm/geometry";
import { callKernel, type KernelCall, type Kernels, type Pointer } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import type { Held } from "./weights";

/** "plain" avoids Winograd: it rounds more than a direct sum does, and its weights take four times the space. */
export type AlgorithmMode = "fast" | "plain";

/** A value of the network by name. */
export type ValueName = string;

/**
 * What travels back through an operation instance. Linear operations always send back their exact adjoint;
 * a rule decides about the rectifiers (ReLU, leaky, parametric and clipped ReLU, ELU, SELU).
 */
export interface Rules {
  readonly rectifier: "gradient" | "deconvnet" | "guided" | "redirected";
}

export const gradientRules: Rules = { rectifier: "gradient" };

/** Bounds of values; infinite ones let everything through. */
export interface Clamp {
  readonly lo: number;
  readonly hi: number;
}

/** What puts a value on the grid of numbers that integers stand for: y = step·clamp(round(x·factor + zero) − zero, lo, hi). */
export interface GridStep extends Clamp {
  readonly channels: number;
  readonly zero: number;
  /** As the kernel `roundToGrid` reads it. */
  readonly mode: number;
  /** f32[2][channels], factors and steps. */
  readonly table: () => Pointer;
  /** The one step of all channels, if they have one. */
  readonly step: number | undefined;
  /** What x is divided by, of a step that makes integers of a grid's numbers and does nothing else. */
  readonly divisor: number | undefined;
}

/** What comes of the sums of a layer of integers as it writes them. */
export interface Settled {
  readonly grid: GridStep;
  /** True where the integers themselves are written, int16[…], because all that follows reads them as such. */
  readonly shorts: boolean;
}

/** How a layer multiplies integers. */
export interface Integers {
  /**
   * What they are made of: numbers that are divided by a scale and rounded as a grid does. 'there' where they lie there already as floats,
   * 'shorts' where a layer has left them as int16.
   */
  readonly from: { readonly scale: number; readonly mode: number } | "there" | "shorts";
  /** Undefined where the sums themselves are written. */
  readonly settled: Settled | undefined;
}

/** Lets everything through. */
export const unbounded: Clamp = { lo: Number.NEGATIVE_INFINITY, hi: Number.POSITIVE_INFINITY };

/**
 * Work that takes long, piece by piece: a kernel to be called, in as many parts as whoever goes through it likes, or nothing where it may
 * be left for a while. Where a signal is heard meanwhile nobody comes back, but to close it.
 */
export type Pieces = Iterable<KernelCall | undefined>;

/** Does such work at once. */
export function perform(kernels: Kernels, pieces: Pieces): void {
  for (const call of pieces) if (call) callKernel(kernels, call);
}

/**
 * One operation instance of a compiled network: it knows its shapes and weights, not where its values lie.
 * All values hold `batch` independent samples one after the other; an operation never mixes samples.
 */
export interface Operation {
  readonly node: Node;
  /** Values that change with the input; constants are inside the operation. */
  readonly inputs: readonly ValueName[];
  readonly outputs: readonly ValueName[];
  /** Values the backward step reads. */
  readonly saved: readonly ValueName[];
  /** Bytes per sample that forward leaves for backward (the switches of a max-pool). */
  readonly stateBytes: number;
  /** The node whose state this operation reads too (the max-pool of a max-unpool). */
  readonly stateOf?: string;
  /** True where a rule other than the gradient changes what travels back. */
  readonly rectifier: boolean;
  /** Bounds of an operation that only clamps its input (ReLU, Clip), so that the operation before it can do that. */
  readonly clamp?: Clamp;
  /** Of what only puts its input on a grid, so that the layer before or behind it can do that. */
  readonly grid?: GridStep;
  /** True of a layer that multiplies integers, where the pass says that its input holds some, and puts its sums on a grid. */
  readonly integers?: boolean;
  /** True where every number of the output is one of the input, of this pass or an earlier one, or zero. */
  readonly copies?: boolean;
  /** True where the operation can clamp what it writes to its first output: it asks `run.clamp` for the bounds. */
  readonly clampable: boolean;
  /** True where the first output may lie over the first input: each element depends on the element in its place alone. */
  readonly inPlace: boolean;
  /** True where the operation is a linear (or affine) map of each input. */
  readonly linear: boolean;
  readonly parameters: number;
  /** Multiply–accumulates of one sample. */
  readonly macs: number;
  /**
   * Builds the same operation, with the weights that are in memory anyway, from a cut-out of its input, the padding included, to a
   * part of its output. Absent where there is nothing to share, or nobody cuts.
   */
  readonly part?: Builder;
  /** Bytes of weights the forward step keeps in memory, and those that only the backward step needs. */
  readonly weightBytes: { readonly forward: number; readonly backward: number };
  /** Bytes of scratch one call needs. */
  scratchBytes(batch: number, direction: "forward" | "backward"): number;
  /** Places weights in memory; called once, before the first forward (or backward) step. */
  prepare(direction: "forward" | "backward"): void;
  /** The same piece by piece, where that may take long. */
  readonly prepareInPieces?: (direction: "forward" | "backward") => Pieces;
  /** Gives the memory of those weights back; `prepare` places them again. */
  release(direction: "forward" | "backward"): void;
  forward(run: Run): void;
  backward(run: Run): void;
  /** The same steps, to the last bit, where they may take long. */
  readonly forwardInPieces?: (run: Run) => Pieces;
  readonly backwardInPieces?: (run: Run) => Pieces;
  /** Of normalisations: the backward step as if what they divide by did not depend on the input. Scratch is that of the backward step. */
  readonly steady?: (run: Run) => void;
}

/** Everything an operation sees during one pass. Addresses are those of the first sample. */
export interface Run {
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  readonly batch: number;
  readonly rules: Rules;
  /** False: values of quantised networks are cut off where their grids end, and not rounded. */
  readonly rounds: boolean;
  /**
   * Memory to work in. What a kernel is given to work in lies behind whatever else an operation keeps here: where several threads compute
   * a kernel, that of the others follows.
   */
  readonly scratch: Pointer;
  value(name: ValueName): Pointer;
  /** Bounds for what a clampable operation writes to this value. */
  clamp(name: ValueName): Clamp;
  /** How a layer that can multiply integers does, by its name; undefined where its input holds other numbers. */
  integers(node: string): Integers | undefined;
  /** Says that what should be integers is none, as NaN: the pass is taken again with floats. */
  lose(): void;
  /** The private state of a node, by node name. */
  state(node: string): Pointer;
  /** Writes a geometry record; it stays valid for the current call. */
  record<R extends RecordName>(name: R, values: GeometryRecord<R>): Pointer;
  /** What has arrived at an output, zeros where nothing did. */
  gradient(name: ValueName): Pointer;
  /** Calls `write` with the place for this operation's contribution to the gradient of an input, if anybody asks for it. */
  contribute(name: ValueName, write: (dx: Pointer) => void): void;
  /** The same for what is written piece by piece: the place, and what to call when it is complete; undefined where nobody asks for it. */
  contribution(name: ValueName): Contribution | undefined;
}

interface Contribution {
  readonly dx: Pointer;
  done(): void;
}

/** The same pass, with so many bytes of scratch in front that are kept. */
export const behind = (run: Run, bytes: number): Run => ({
  kernels: run.kernels,
  memory: run.memory,
  batch: run.batch,
  rules: run.rules,
  rounds: run.rounds,
  scratch: run.scratch + bytes,
  value: (name) => run.value(name),
  clamp: (name) => run.clamp(name),
  integers: (name) => run.integers(name),
  lose: () => run.lose(),
  state: (node) => run.state(node),
  record: (name, values) => run.record(name, values),
  gradient: (name) => run.gradient(name),
  contribute: (name, write) => run.contribute(name, write),
  contribution: (name) => run.contribution(name),
});

/** A constant matrix as the kernels read it. */
export interface PackedMatrix {
  readonly forward: Held;
  readonly backward: Held;
}

/** What an operation is built from. */
export interface BuildContext {
  readonly node: Node;
  readonly opset: number;
  /** Which algorithms are allowed. */
  readonly mode: AlgorithmMode;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
  shape(name: ValueName): Shape;
  constant(name: ValueName): Constant | undefined;
  /** The node that produces a value. */
  producer(name: ValueName): Node | undefined;
  /** Packed matrices by what they are packed of, where several nodes of one network may share them. */
  readonly matrices?: Map<Constant, PackedMatrix>;
  /** True if somebody reads the value. */
  isUsed(name: ValueName): boolean;
  /** Says why this use of the operator cannot run; collected over the whole network, then thrown at once. */
  refuse(reason: string): never;
}

/** The inputs of a node that are known, for the rules of its shape. */
export const constantsOf = ({ node, constant }: BuildContext): InputConstants =>
  node.inputs.map((name) => (name ? constant(name) : undefined));

export type Builder = (context: BuildContext) => Operation;

type Parts = Omit<Operation, Optional> & Partial<Pick<Operation, Optional>>;

type Optional =
  | "saved"
  | "stateBytes"
  | "rectifier"
  | "clampable"
  | "inPlace"
  | "linear"
  | "parameters"
  | "macs"
  | "weightBytes"
  | "scratchBytes"
  | "prepare"
  | "release";

/** Fills in what most operations do not have: state, weights, scratch. */
export const operation = (parts: Parts): Operation => whole(parts, parts);

/** The fields of one and those of another. All operations have all fields, in one order: whoever goes through thousands of them is quicker. */
function whole(
  { node, inputs, outputs, forward, backward }: Pick<Operation, Own>,
  parts: Omit<Parts, Own>,
): { readonly [Field in keyof Required<Operation>]: Operation[Field] } {
  return {
    node,
    inputs,
    outputs,
    saved: parts.saved ?? none,
    stateBytes: parts.stateBytes ?? 0,
    stateOf: parts.stateOf,
    rectifier: parts.rectifier ?? false,
    clamp: parts.clamp,
    grid: parts.grid,
    integers: parts.integers,
    copies: parts.copies,
    clampable: parts.clampable ?? false,
    inPlace: parts.inPlace ?? false,
    linear: parts.linear ?? false,
    parameters: parts.parameters ?? 0,
    macs: parts.macs ?? 0,
    part: parts.part,
    weightBytes: parts.weightBytes ?? weightless,
    scratchBytes: parts.scratchBytes ?? noBytes,
    prepare: parts.prepare ?? doNothing,
    prepareInPieces: parts.prepareInPieces,
    release: parts.release ?? doNothing,
    forward,
    backward,
    forwardInPieces: parts.forwardInPieces,
    backwardInPieces: parts.backwardInPieces,
    steady: parts.steady,
  };
}

/** What says which operation it is. */
type Own = "node" | "inputs" | "outputs" | "forward" | "backward";

const none: readonly ValueName[] = [];
const weightless = { forward: 0, backward: 0 };
const noBytes = (): number => 0;
const doNothing = (): void => {};

/** The steps of an operation from one value to another. */
interface Steps {
  readonly forward: (run: Run, x: Pointer, y: Pointer) => void;
  readonly backward: (run: Run, dy: Pointer, dx: Pointer) => void;
}

/** An operation from one value to another: by default from the node's first input. */
export function oneToOne({ node }: BuildContext, parts: Steps & Omit<Parts, Own>, input = node.inputs[0]): Operation {
  const [output] = node.outputs;
  const { forward, backward } = parts;
  const own: Pick<Operation, Own> = {
    node,
    inputs: [input],
    outputs: [output],
    forward: (run) => forward(run, run.value(input), run.value(output)),
    backward: (run) => run.contribute(input, (dx) => backward(run, run.gradient(output), dx)),
  };
  return whole(own, parts);
}

/** The same of one whose steps, and the placing of whose weights, may take long: each is written once, piece by piece. */
export function oneToOneInPieces(
  context: BuildContext,
  {
    forward,
    backward,
    prepare,
    ...parts
  }: Omit<Parts, Own | "prepare" | "prepareInPieces"> & {
    readonly forward: (run: Run, x: Pointer, y: Pointer) => Pieces;
    readonly backward: (run: Run, dy: Pointer, dx: Pointer) => Pieces;
    readonly prepare: (direction: "forward" | "backward") => Pieces;
  },
): Operation {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const forwardInPieces = (run: Run): Pieces => forward(run, run.value(input), run.value(output));
  return oneToOne(context, {
    ...parts,
    prepare: (direction) => perform(kernels, prepare(direction)),
    prepareInPieces: prepare,
    forward: (run) => perform(kernels, forwardInPieces(run)),
    backward: (run, dy, dx) => perform(kernels, backward(run, dy, dx)),
    forwardInPieces,
    *backwardInPieces(run) {
      const below = run.contribution(input);
      if (!below) return;
      yield* backward(run, run.gradient(output), below.dx);
      below.done();
    },
  });
}
