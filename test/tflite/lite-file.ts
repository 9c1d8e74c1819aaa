import { Builder } from "flatbuffers";
import { builtinOperators } from "../../src/tflite/builtin-operators";

/** Writes TensorFlow Lite files, so that the reader is tried without networks from elsewhere. */

const types = {
  ...{ float32: 0, float16: 1, int32: 2, uint8: 3, int64: 4, bool: 6, int16: 7, int8: 9, float64: 10 },
  ...{ int4: 17, bfloat16: 18 },
} as const;

export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly signature?: readonly number[];
  readonly type?: keyof typeof types;
  /** Makes it a constant. */
  readonly data?: ArrayBufferView;
  readonly scale?: readonly number[];
  readonly zero?: readonly number[];
  readonly axis?: number;
  readonly sparsity?: SparsitySpec;
}

interface SparsitySpec {
  readonly order: readonly number[];
  readonly blocks: readonly number[];
  readonly levels: readonly (
    | { readonly size: number }
    | { readonly segments: readonly number[]; readonly indices: readonly number[] }
  )[];
}

/** The kind of a field and its value. */
type Field =
  | readonly ["byte" | "int" | "float", number]
  | readonly ["ints", readonly number[]]
  | readonly ["bool", boolean];

export interface OperatorSpec {
  readonly op: string;
  /** Names of tensors; an empty one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Fields of its options by their numbers. */
  readonly options?: Readonly<Record<number, Field>>;
  /** Makes it a custom operator. */
  readonly custom?: Uint8Array;
}

export interface FileSpec {
  readonly tensors: readonly TensorSpec[];
  readonly operators: readonly OperatorSpec[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly metadata?: Readonly<Record<string, Uint8Array>>;
  readonly version?: number;
  /** How often the network stands in the file; once by default. */
  readonly graphs?: number;
}

const always = Number.NaN;

/** The kinds of options tables, as the schema numbers them: its own runtime reads no table whose kind is not said. */
const optionKinds: Readonly<Record<string, number>> = {
  ...{
    CONV_2D: 1,
    DEPTHWISE_CONV_2D: 2,
    AVERAGE_POOL_2D: 5,
    MAX_POOL_2D: 5,
    L2_POOL_2D: 5,
    FULLY_CONNECTED: 8,
    SOFTMAX: 9,
  },
  ...{
    CONCATENATION: 10,
    ADD: 11,
    L2_NORMALIZATION: 12,
    LOCAL_RESPONSE_NORMALIZATION: 13,
    RESIZE_BILINEAR: 15,
    RESHAPE: 17,
  },
  ...{
    SPACE_TO_DEPTH: 19,
    MUL: 21,
    GATHER: 23,
    MEAN: 27,
    SUM: 27,
    REDUCE_MAX: 27,
    REDUCE_MIN: 27,
    REDUCE_PROD: 27,
    SUB: 28,
    DIV: 29,
  },
  ...{
    SQUEEZE: 30,
    STRIDED_SLICE: 32,
    SPLIT: 35,
    TRANSPOSE_CONV: 49,
    PACK: 59,
    UNPACK: 64,
    RESIZE_NEAREST_NEIGHBOR: 74,
  },
  ...{ LEAKY_RELU: 75, MIRROR_PAD: 77, SPLIT_V: 79, DEPTH_TO_SPACE: 94, BATCH_MATMUL: 101, CUMSUM: 104, GELU: 122 },
};

function vector(b: Builder, width: number, list: readonly number[], add: (value: number) => void): number {
  b.startVector(width, list.length, width);
  for (const value of [...list].reverse()) add(value);
  return b.endVector();
}

const offsets = (b: Builder, list: readonly number[]): number => vector(b, 4, list, (value) => b.addOffset(value));
const ints = (b: Builder, list: readonly number[]): number => vector(b, 4, list, (value) => b.addInt32(value));
const floats = (b: Builder, list: readonly number[]): number => vector(b, 4, list, (value) => b.addFloat32(value));
const longs = (b: Builder, list: readonly number[]): number => vector(b, 8, list, (value) => b.addInt64(BigInt(value)));

/** A table of fields that are written one after the other. */
function table(b: Builder, count: number, write: () => void): number {
  b.startObject(count);
  write();
  return b.endObject();
}

function optionsTable(b: Builder, options: Readonly<Record<number, Field>>): number {
  const entries = Object.entries(options).map(([id, field]): [number, Field, number] => [
    Number(id),
    field,
    field[0] === "ints" ? ints(b, field[1]) : 0,
  ]);
  return table(b, 16, () => {
    for (const [id, [kind, value], place] of entries) {
      if (kind === "byte") b.addFieldInt8(id, value, always);
      else if (kind === "int") b.addFieldInt32(id, value, always);
      else if (kind === "float") b.addFieldFloat32(id, value, always);
      else if (kind === "bool") b.addFieldInt8(id, Number(value), always);
      else b.addFieldOffset(id, place, 0);
    }
  });
}

function sparsityTable(b: Builder, { order, blocks, levels }: SparsitySpec): number {
  const dims = levels.map((level) => {
    if ("size" in level) {
      return table(b, 6, () => b.addFieldInt32(1, level.size, always));
    }
    // Each kind of list once: of 32 bits, and of 8.
    const segments = ints(b, level.segments);
    const wide = table(b, 1, () => b.addFieldOffset(0, segments, 0));
    const bytes = b.createByteVector(Uint8Array.from(level.indices));
    const narrow = table(b, 1, () => b.addFieldOffset(0, bytes, 0));
    return table(b, 6, () => {
      b.addFieldInt8(0, 1, always);
      b.addFieldInt8(2, 1, always);
      b.addFieldOffset(3, wide, 0);
      b.addFieldInt8(4, 3, always);
      b.addFieldOffset(5, narrow, 0);
    });
  });
  const all = [ints(b, order), ints(b, blocks), offsets(b, dims)];
  return table(b, 3, () => {
    all.forEach((place, field) => {
      b.addFieldOffset(field, place, 0);
    });
  });
}

/** The bytes of a file. */
export function liteFile(spec: FileSpec): Uint8Array<ArrayBuffer> {
  const b = new Builder(1024);
  const buffers: (Uint8Array | undefined)[] = [undefined];
  const bufferOf = (data: ArrayBufferView): number =>
    buffers.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) - 1;
  const index = new Map(spec.tensors.map(({ name }, i) => [name, i]));
  const numbers = (names: readonly string[]): number =>
    ints(
      b,
      names.map((name) => index.get(name) ?? -1),
    );

  const tensors = spec.tensors.map((tensor) => {
    const buffer = tensor.data ? bufferOf(tensor.data) : 0;
    const { name, shape, signature, type = "float32", scale, zero = [], axis = 0, sparsity } = tensor;
    const [text, extents] = [b.createString(name), ints(b, shape)];
    const open = signature && ints(b, signature);
    const parts = scale && ([floats(b, scale), longs(b, zero)] as const);
    const quantisation =
      parts &&
      table(b, 7, () => {
        b.addFieldOffset(2, parts[0], 0);
        b.addFieldOffset(3, parts[1], 0);
        b.addFieldInt32(6, axis, always);
      });
    const sparse = sparsity && sparsityTable(b, sparsity);
    return table(b, 10, () => {
      b.addFieldOffset(0, extents, 0);
      b.addFieldInt8(1, types[type], always);
      b.addFieldInt32(2, buffer, always);
      b.addFieldOffset(3, text, 0);
      if (quantisation) b.addFieldOffset(4, quantisation, 0);
      if (sparse) b.addFieldOffset(6, sparse, 0);
      if (open) b.addFieldOffset(7, open, 0);
    });
  });
  const kinds = [...new Set(spec.operators.map(({ op }) => op))];
  const codes = kinds.map((op) => {
    const isCustom = spec.operators.some((operator) => operator.op === op && operator.custom);
    const name = isCustom ? b.createString(op) : 0;
    const number = builtinOperators.indexOf(isCustom ? "CUSTOM" : op);
    return table(b, 4, () => {
      b.addFieldInt8(0, Math.min(number, 127), always);
      if (isCustom) b.addFieldOffset(1, name, 0);
      b.addFieldInt32(3, number, always);
    });
  });
  const operators = spec.operators.map(({ op, inputs, outputs, options, custom }) => {
    const lists = [numbers(inputs), numbers(outputs)];
    const own = options && optionsTable(b, options);
    const bytes = custom && b.createByteVector(custom);
    return table(b, 13, () => {
      b.addFieldInt32(0, kinds.indexOf(op), always);
      b.addFieldOffset(1, lists[0], 0);
      b.addFieldOffset(2, lists[1], 0);
      if (own) {
        b.addFieldInt8(3, optionKinds[op] ?? 0, always);
        b.addFieldOffset(4, own, 0);
      }
      if (bytes) b.addFieldOffset(5, bytes, 0);
    });
  });
  const metadata = Object.entries(spec.metadata ?? {}).map(([name, data]) => {
    const [text, buffer] = [b.createString(name), bufferOf(data)];
    return table(b, 2, () => {
      b.addFieldOffset(0, text, 0);
      b.addFieldInt32(1, buffer, always);
    });
  });
  const lists = [offsets(b, tensors), numbers(spec.inputs), numbers(spec.outputs), offsets(b, operators)];
  const graph = table(b, 5, () => {
    lists.forEach((place, field) => {
      b.addFieldOffset(field, place, 0);
    });
  });
  const written = buffers.map((data) => {
    const bytes = data && b.createByteVector(data);
    return table(b, 3, () => {
      if (bytes) b.addFieldOffset(0, bytes, 0);
    });
  });
  const parts = [
    offsets(b, codes),
    offsets(b, new Array<number>(spec.graphs ?? 1).fill(graph)),
    offsets(b, written),
    offsets(b, metadata),
  ];
  const model = table(b, 8, () => {
    b.addFieldInt32(0, spec.version ?? 3, always);
    b.addFieldOffset(1, parts[0], 0);
    b.addFieldOffset(2, parts[1], 0);
    b.addFieldOffset(4, parts[2], 0);
    b.addFieldOffset(6, parts[3], 0);
  });
  b.finish(model, "TFL3");
  return b.asUint8Array().slice();
}
