import { ModelError } from "../errors";
import { sizeOf } from "../tensor";

/**
 * The network as data: nodes in topological order, values addressed by name, shapes and axes as ONNX writes them
 * (N, C, spatial…). Nothing here knows how a value lies in memory. Passes return new graphs and never change one.
 */
export interface Graph {
  readonly name: string;
  /** Version of the default ONNX operator set the file was written for. */
  readonly opset: number;
  readonly inputs: readonly GraphInput[];
  /** Names of the graph's outputs, in file order. */
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Constant>;
  /** The file's key–value metadata. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface GraphInput {
  readonly name: string;
  /** A string or null is a dimension the file leaves open. */
  readonly shape: readonly (number | string | null)[];
  /** The type of integers that the file wants here, which become floats before anything is computed. */
  readonly integers?: string;
}

/** A graph whose every value has one known shape, and whose constant arithmetic is done. */
export interface StaticGraph extends Graph {
  /** The shape of every value that a node or input produces, and of every constant. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Names of values that a pass removed because another value holds the same numbers: removed → remaining. */
  readonly aliases: ReadonlyMap<string, string>;
}

export interface Node {
  /** The file's name of the node, or the name of its first output where the file has none. Unique. */
  readonly name: string;
  readonly op: string;
  /** Value names; an empty string is an absent optional input. */
  readonly inputs: readonly string[];
  /** Value names; an empty string is an output nobody asked for. */
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** Why the reader could not say in ONNX operators what the file asks for; such a node cannot run. Empty: unknown operator. */
  readonly refusal?: string;
  /** The graphs inside of an If, a Loop or a Scan, by the names of its attributes. */
  readonly branches?: ReadonlyMap<string, Branch>;
}

/** One of the graphs inside of a node of control flow. What it reads from outside stands among the node's inputs too. */
export interface Branch {
  /** In an order in which every value is there before it is read; its values have names that nothing outside has. */
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly outputs: readonly string[];
  /** What the body of a loop calls the values that each round gets. */
  readonly inputs?: readonly string[];
}

export type Attribute = number | string | readonly number[] | readonly string[] | Constant;

export type ConstantKind = "float" | "int" | "bool";

/**
 * A tensor whose elements are known. Float data stays the bytes of the file (a view) until somebody asks for numbers;
 * integers and booleans, used for shape arithmetic and as quantised weights, are plain numbers.
 */
export class Constant {
  readonly kind: ConstantKind;
  readonly shape: readonly number[];
  /** How `bytes` are stored; integers and booleans have no bytes. */
  readonly format: "float32" | "float16" | "numbers";
  /** Of integers: the type that the file gives them, where it is known ("int8"). */
  readonly elements: string | undefined;
  /** What this constant is a multiple of, if it has not been multiplied out. */
  readonly scaling: Scaling | undefined;
  readonly #bytes: Uint8Array;
  readonly #numbers: ArrayLike<number>;

  private constructor(
    kind: ConstantKind,
    shape: readonly number[],
    format: Constant["format"],
    bytes: Uint8Array,
    numbers: ArrayLike<number>,
    scaling?: Scaling,
    elements?: string,
  ) {
    this.kind = kind;
    this.shape = shape;
    this.format = format;
    this.scaling = scaling;
    this.elements = elements;
    this.#bytes = bytes;
    this.#numbers = numbers;
  }

  /** Little-endian float32 or float16 bytes, kept as they are. */
  static fromBytes(bytes: Uint8Array, format: "float32" | "float16", shape: readonly number[]): Constant {
    const width = format === "float32" ? 4 : 2;
    if (bytes.byteLength !== sizeOf(shape) * width) {
      throw new ModelError(
        `A constant of shape [${shape.join(", ")}] needs ${sizeOf(shape) * width} bytes of ${format}, the file has ${bytes.byteLength}.`,
      );
    }
    return new Constant("float", shape, format, bytes, []);
  }

  static fromFloats(values: Float32Array, shape: readonly number[]): Constant {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return Constant.fromBytes(bytes, "float32", shape);
  }

  /**
   * @param numbers  a list, or for many the array that takes least room; kept as it is
   * @param elements  the type that the file gives them
   */
  static fromNumbers(
    kind: "int" | "bool",
    numbers: ArrayLike<number>,
    shape: readonly number[],
    elements?: string,
  ): Constant {
    if (numbers.length !== sizeOf(shape)) {
      throw new ModelError(
        `A constant of shape [${shape.join(", ")}] holds ${sizeOf(shape)} values, the file has ${numbers.length}.`,
      );
    }
    return new Constant(kind, shape, "numbers", new Uint8Array(0), numbers, undefined, elements);
  }

  /**
   * Every row of a constant (what follows its first axis) times a factor of its own, in float64 rounded to float32 once. It is
   * multiplied out when somebody asks for the numbers: weights go to wasm memory without.
   */
  static fromScaled(source: Constant, factors: Float64Array): Constant {
    return new Constant("float", source.shape, "float32", new Uint8Array(0), [], { source, factors });
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Little-endian elements in the `format`. */
  get bytes(): Uint8Array {
    if (!this.scaling) {
      // What was not copied, by the caller's wish, may be gone.
      if (this.#bytes.length === 0 && this.format !== "numbers" && this.size > 0) {
        throw new ModelError(
          "The bytes that the model was made of are gone: they were transferred, or their buffer was made smaller. " +
            "Load it without copy: false, or leave them where they are.",
        );
      }
      return this.#bytes;
    }
    const values = this.floats();
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }

  /** The elements as float32: a view of the file where it is aligned float32, a copy otherwise. */
  floats(): Float32Array {
    if (this.scaling) return multiplied(this.scaling);
    if (this.format === "numbers") return Float32Array.from(this.#numbers);
    if (this.format === "float32" && this.bytes.byteOffset % 4 === 0) {
      return new Float32Array(this.bytes.buffer, this.bytes.byteOffset, this.size);
    }
    // Every host of WebAssembly is little-endian in practice, as the file is, so the bytes are copied as they are.
    const aligned = new Uint8Array(this.bytes).buffer;
    if (this.format === "float32") return new Float32Array(aligned);
    const halves = new Uint16Array(aligned);
    const floats = new Float32Array(halves.length);
    // A plain loop: `from` would first make a list of all numbers, several times the size of the weights.
    for (let i = 0; i < halves.length; i++) floats[i] = halfToFloat(halves[i]);
    return floats;
  }

  /** The elements as plain numbers. */
  numbers(): readonly number[] {
    const values = this.values();
    return Array.isArray(values) ? values : Array.from(values);
  }

  /** The elements as they are kept, or as float32. */
  values(): ArrayLike<number> {
    return this.format === "numbers" ? this.#numbers : this.floats();
  }
}

/** A constant and a factor for each of its rows. */
export interface Scaling {
  readonly source: Constant;
  readonly factors: Float64Array;
}

function multiplied({ source, factors }: Scaling): Float32Array {
  const values = source.floats();
  const out = new Float32Array(values.length);
  const row = values.length / factors.length;
  for (let i = 0, r = 0; i < values.length; r++) {
    const factor = factors[r];
    for (const end = i + row; i < end; i++) out[i] = factor * values[i];
  }
  return out;
}

/** Decodes IEEE 754 binary16. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const typed =
  <T extends Attribute>(expected: string, accept: (value: Attribute) => value is T) =>
  (node: Node, key: string, fallback?: T): T => {
    const value = node.attributes.get(key);
    if (value === undefined) {
      if (fallback === undefined) throw new ModelError(`${node.op} "${node.name}": attribute "${key}" is missing.`);
      return fallback;
    }
    if (!accept(value)) throw new ModelError(`${node.op} "${node.name}": attribute "${key}" must be ${expected}.`);
    return value;
  };

/** Reads a number attribute; without a fallback its absence is a ModelError. */
export const numberAttribute = /* @__PURE__ */ typed("a number", (value): value is number => typeof value === "number");
export const stringAttribute = /* @__PURE__ */ typed("a string", (value): value is string => typeof value === "string");
export const numbersAttribute = /* @__PURE__ */ typed(
  "a list of numbers",
  (value): value is readonly number[] => Array.isArray(value) && value.every((item) => typeof item === "number"),
);
export const tensorAttribute = /* @__PURE__ */ typed(
  "a tensor",
  (value): value is Constant => value instanceof Constant,
);
