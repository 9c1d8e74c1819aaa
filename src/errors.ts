/** What is longer repeats a name of a million letters, or a list of thousands. */
const longest = 4000;

/** The end is kept too: it says the way out. */
const shortened = (message: string): string =>
  `${message.slice(0, longest - 800)} … (${message.length - longest} characters left out) … ${message.slice(-800)}`;

/** Base of every error this package throws on purpose: each message names what was expected, what arrived and the way out. */
export class SeethroughError extends Error {
  override readonly name: string = "SeethroughError";

  constructor(message?: string, options?: ErrorOptions) {
    super(message && message.length > longest ? shortened(message) : message, options);
  }
}

/** The bytes are not a usable network: says what is wrong, where, and at which node. */
export class ModelError extends SeethroughError {
  override readonly name = "ModelError";
}

/** The network uses operators this package does not run. Lists every one of them at once. */
export class UnsupportedOperatorError extends SeethroughError {
  override readonly name = "UnsupportedOperatorError";
  /** One entry per unsupported use: the operator or layer by its name in the file, the node that uses it and the reason. */
  readonly operators: readonly UnsupportedUse[];

  constructor(message: string, operators: readonly UnsupportedUse[]) {
    super(message);
    this.operators = operators;
  }
}

export interface UnsupportedUse {
  readonly op: string;
  readonly node: string;
  readonly reason: string;
}

/** A shape does not fit: the message shows the shape that was expected and the one that arrived. */
export class ShapeError extends SeethroughError {
  override readonly name = "ShapeError";
}

/** The image or tensor cannot be explained: empty, not finite, truncated or in an unknown format. */
export class InputError extends SeethroughError {
  override readonly name = "InputError";
}

/** The target names no class, unit or position of the model. */
export class TargetError extends SeethroughError {
  override readonly name = "TargetError";
}

/** The layer name is unknown or the layer cannot serve the method. Suggests the nearest names. */
export class LayerError extends SeethroughError {
  override readonly name = "LayerError";
}

/** An option is out of its range or not known. */
export class OptionError extends SeethroughError {
  override readonly name = "OptionError";
}

/** The work does not fit the memory limit. Raised before any work is done. */
export class MemoryError extends SeethroughError {
  override readonly name = "MemoryError";
  /** Bytes the request needs. */
  readonly needed: number;
  /** Bytes it may use. */
  readonly available: number;

  constructor(message: string, needed: number, available: number) {
    super(message);
    this.needed = needed;
    this.available = available;
  }
}

/** A file asks for more than the limits allow (`limits` of `loadModel`). Raised before anything is allocated. */
export class LimitError extends SeethroughError {
  override readonly name = "LimitError";
  /** Which limit, by its name in `limits`. */
  readonly limit: string;
  /** How much the file asks for. */
  readonly value: number;
  /** How much is allowed. */
  readonly most: number;

  constructor(message: string, limit: string, value: number, most: number) {
    super(message);
    this.limit = limit;
    this.value = value;
    this.most = most;
  }
}

/** The host lacks what the kernels need, for example WebAssembly SIMD. */
export class UnsupportedRuntimeError extends SeethroughError {
  override readonly name = "UnsupportedRuntimeError";
}

/**
 * A fault of this package, not of what it was given: nothing that a file, a picture or a call may hold should end here. The
 * message asks to report it; `cause` is what was thrown.
 */
export class InternalError extends SeethroughError {
  override readonly name = "InternalError";
}
