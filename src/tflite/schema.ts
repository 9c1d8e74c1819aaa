/**
 * What is read of a TensorFlow Lite file: plain data, checked.
 *
 * @see https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
 */
import { cut } from "../addresses";
import { ModelError } from "../errors";
import { entryOf } from "../guard";
import { type Limits, withinLimit } from "../limits";
import { integerRanges } from "../operators/quantize";
import { sizeOf } from "../tensor";
import { builtinOperators } from "./builtin-operators";
import { FlatFile, type Table } from "./table";

/** Types of elements by their number in the schema. */
const elementTypes = [
  ..."float32 float16 int32 uint8 int64 string bool int16 complex64 int8 float64 complex128 uint64".split(" "),
  ..."resource variant uint32 uint16 int4 bfloat16".split(" "),
] as const;

/** real = scale · (stored − zero point), for all elements or for each place of an axis. */
export interface Quantisation {
  readonly scale: readonly number[];
  readonly zeroPoint: readonly number[];
  readonly axis: number;
}

export interface LiteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The shape with −1 where it is open. */
  readonly signature: readonly number[];
  readonly type: string;
  /** Elements of a constant as they lie in the file; none for what is computed. */
  readonly data: Uint8Array;
  readonly quantisation?: Quantisation;
  readonly sparsity?: Table;
}

export interface FileOperator {
  /** As the schema names it, or a custom operator's own name. */
  readonly op: string;
  readonly isCustom: boolean;
  /** Numbers of tensors; −1 is an input that is left out. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options?: Table;
  readonly customOptions: Uint8Array;
}

export interface FileModel {
  readonly name: string;
  /** How many networks the file holds: this is the first. */
  readonly graphs: number;
  readonly tensors: readonly LiteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly operators: readonly FileOperator[];
  /** Further parts of the file by name. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
}

/** The least and the largest integer of what values are quantised to. */
export const liteRanges: ReadonlyMap<string, readonly [number, number]> = new Map(
  ["int8", "uint8", "int16"].map((type) => [type, entryOf(integerRanges, type)] as const),
);

/**
 * Reads the tables of a file.
 *
 * @throws {ModelError} if it is damaged, cut off, or keeps parts where nothing is read; {LimitError} if it asks for too much
 */
export function readSchema(bytes: Uint8Array, limits: Limits): FileModel {
  const file = new FlatFile(bytes, limits);
  const model = file.root("The model");
  const version = model.uint(0);
  if (version !== 3) throw new ModelError(`The TensorFlow Lite file is of version ${version}; version 3 is read.`);
  const graphs = model.tables(2, "Subgraph");
  const [graph] = graphs;
  if (!graph) throw new ModelError("The TensorFlow Lite file has no graph: there is no network in this file.");
  const buffers = model.tables(4, "Buffer").map((buffer) => dataOf(buffer, file));
  const codes = model.tables(1, "Operator code").map(operatorOf);
  const tensors = graph.tables(0, "Tensor").map((table, i) => tensorOf(table, i, buffers, limits));
  const known = (numbers: readonly number[], what: string, optional = false): readonly number[] => {
    for (const number of numbers) {
      if (number >= (optional ? -1 : 0) && number < tensors.length) continue;
      throw new ModelError(`${what} names tensor ${number}, and there are ${tensors.length}; the file is damaged.`);
    }
    return numbers;
  };
  const tables = graph.tables(3, "Operator");
  withinLimit(limits, "nodes", tables.length, "The network has too many nodes");
  const operators = tables.map((table, i): FileOperator => {
    const code = codes[table.uint(0)];
    if (!code) throw new ModelError(`Operator ${i} has kind ${table.uint(0)}, and there are ${codes.length}.`);
    const options = table.table(4, `The options of operator ${i} (${code.op})`);
    return {
      ...code,
      inputs: known(table.ints(1), `Operator ${i} (${code.op})`, true),
      outputs: known(table.ints(2), `Operator ${i} (${code.op})`),
      ...(options && { options }),
      customOptions: table.bytes(5) ?? new Uint8Array(0),
    };
  });
  const metadata = model.tables(6, "Metadata").map((table) => {
    return [table.string(0) ?? "", buffers[table.uint(1)] ?? new Uint8Array(0)] as const;
  });
  return {
    name: graph.string(4) ?? "",
    graphs: graphs.length,
    tensors,
    inputs: known(graph.ints(1), "The list of inputs"),
    outputs: known(graph.ints(2), "The list of outputs"),
    operators,
    metadata: new Map(metadata),
  };
}

/** A buffer's bytes, in its table, or behind all tables where the file is too large for them. */
function dataOf(buffer: Table, file: FlatFile): Uint8Array {
  const offset = buffer.long(1);
  if (offset <= 1) return buffer.bytes(0) ?? new Uint8Array(0);
  const size = buffer.long(2);
  return file.bytes.subarray(file.inside(offset, size, buffer.what), offset + size);
}

function operatorOf(code: Table): { readonly op: string; readonly isCustom: boolean } {
  // The first field took a byte; newer files write the number into another one, and the larger of both counts.
  const number = Math.max(code.int8(0), code.int(3));
  const op = builtinOperators[number] ?? `operator ${number}`;
  return op === "CUSTOM" ? { op: cut(code.string(1) ?? "CUSTOM"), isCustom: true } : { op, isCustom: false };
}

function tensorOf(table: Table, i: number, buffers: readonly Uint8Array[], limits: Limits): LiteTensor {
  const name = table.string(3) ?? "";
  const what = `Tensor ${i} ("${cut(name)}")`;
  const shape = table.ints(0);
  const number = table.uint8(1);
  const buffer = table.uint(2);
  const type = elementTypes[number];
  if (type === undefined) throw new ModelError(`${what} has elements of the unknown type ${number}.`);
  if (buffer > 0 && buffer >= buffers.length)
    throw new ModelError(`${what} lies in buffer ${buffer}, and there are ${buffers.length}; the file is damaged.`);
  withinLimit(limits, "rank", shape.length, `${what} has too many axes`);
  if (shape.some((extent) => extent < 0))
    throw new ModelError(`${what} has the shape [${shape.join(", ")}]; the file is damaged.`);
  withinLimit(limits, "elements", sizeOf(shape), `${what} has too many elements`);
  const signature = table.ints(7);
  const quantisation = quantisationOf(table.table(4, what), what, shape);
  const range = liteRanges.get(type);
  const outside = range && quantisation?.zeroPoint.find((zero) => zero < range[0] || zero > range[1]);
  if (outside !== undefined)
    throw new ModelError(`${what} has the zero point ${outside}, which is no ${type}; the file is damaged.`);
  const sparsity = table.table(6, what);
  return {
    name,
    shape,
    signature: signature.length === shape.length ? signature : shape,
    type,
    data: buffers[buffer] ?? new Uint8Array(0),
    ...(quantisation && { quantisation }),
    ...(sparsity && { sparsity }),
  };
}

function quantisationOf(table: Table | undefined, what: string, shape: readonly number[]): Quantisation | undefined {
  const scale = table?.floats(2) ?? [];
  if (!table || scale.length === 0) return undefined;
  const zeros = table.longs(3);
  const axis = table.int(6);
  const fits = scale.length === 1 || shape[axis] === scale.length;
  if (!fits || (zeros.length !== 0 && zeros.length !== 1 && zeros.length !== scale.length)) {
    throw new ModelError(
      `${what} has ${scale.length} scales and ${zeros.length} zero points for axis ${axis} of the shape [${shape.join(", ")}]; ` +
        "there is one for all elements, or one for each place of the axis.",
    );
  }
  if (!scale.every((value) => value > 0 && Number.isFinite(value)))
    throw new ModelError(`${what} has a scale that is no positive number; the file is damaged.`);
  const zeroPoint = scale.map((_, i) => zeros[zeros.length === 1 ? 0 : i] ?? 0);
  return { scale, zeroPoint, axis };
}
