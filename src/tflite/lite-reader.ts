import { cut } from "../addresses";
import { fixedShape } from "../compile/input-shapes";
import { ModelError } from "../errors";
import { Constant, type Graph } from "../graph/ir";
import { entryOf } from "../guard";
import { defaultLimits, type Limits } from "../limits";
import { type Note, note } from "../notes";
import { asWritten, fileOrderOf, image } from "../tfjs/axes";
import { GraphBuilder, type Value } from "../tfjs/graph-builder";
import type { KnownInputShape } from "../tfjs/input-shapes";
import { stillSpread } from "../tfjs/operators/dilation";
import { centredConstant, dequantised, storedConstant } from "./constants";
import { isSameTensorGrid, onTensorGrid, type TensorGrid, tensorGridOf } from "./grids";
import { describe, entriesOf } from "./lite-metadata";
import { builtins, type Conversion, customs, type LayerIntegers } from "./operations";
import { withoutPostProcessing } from "./post-processing";
import { type FileModel, type FileOperator, type LiteTensor, liteRanges, readSchema } from "./schema";

/** A network, and what was found while it was read. */
interface LiteModel {
  readonly graph: Graph;
  /** The axes of a value of the graph in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
  readonly notes: readonly Note[];
}

/** How the integers of a quantised network are read: as the device computes with them, or as the real numbers that they stand for. */
export type QuantizedReading = "deployed" | "float";

/** Operators that move elements, or choose among them: on one grid, what comes out lies on it. */
const moving: ReadonlySet<string> = new Set(
  (
    "BATCH_TO_SPACE_ND CONCATENATION DEPTH_TO_SPACE EXPAND_DIMS GATHER MAX_POOL_2D MIRROR_PAD PACK PAD RESHAPE RESIZE_NEAREST_NEIGHBOR " +
    "SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK"
  ).split(" "),
);

/** Operators that round averages of integers of one grid themselves. */
const averages: ReadonlySet<string> = new Set(["AVERAGE_POOL_2D", "RESIZE_BILINEAR"]);

/** Operators whose layers round the sums of their integers themselves. */
const layers: ReadonlySet<string> = new Set("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED TRANSPOSE_CONV".split(" "));

/**
 * Reads a TensorFlow Lite (LiteRT) file.
 *
 * The graph says it in ONNX operators with all shapes known, as it does a model of TensorFlow.js: values keep TensorFlow's order in
 * memory and name their axes in ONNX's. Values have the names of the file's tensors, and an operator that of its first result.
 *
 * @param inputShapes  fix extents of an input that the file leaves open, as the file orders axes
 * @param reading  what the integers of a quantised file are
 * @throws {ModelError} if the file is damaged; {LimitError} if it asks for more than `limits` allow
 */
export function readTensorflowLite(
  bytes: Uint8Array,
  inputShapes: KnownInputShape,
  limits: Limits = defaultLimits,
  reading: QuantizedReading = "deployed",
): LiteModel {
  const schema = readSchema(bytes, limits);
  const file = { ...schema, tensors: withPixels(schema) };
  const { operators, outputs, cut: post } = withoutPostProcessing(file);
  const said = describe(bytes, file, limits);
  const builder = new GraphBuilder(false, "the TensorFlow Lite file", bytes.byteLength, limits);
  const network = new Conversions({ ...file, operators, outputs }, builder, inputShapes, limits, reading);
  const results = network.build().map((value) => asWritten(builder, value));
  const { graph, moved } = builder.finish(file.name, results, entriesOf(said, file));
  const isQuantised = schema.tensors.some(
    (tensor) => tensorGridOf(tensor) !== undefined && tensor.data.byteLength === 0,
  );
  const { type, quantisation } = file.tensors[file.inputs[0]];
  const notes = [
    ...(quantisation === wholeNumbers ? [note("integer-input", type, entryOf(liteRanges, type).join(" to "), "")] : []),
    ...(file.graphs > 1 ? [note("first-subgraph", String(file.graphs), cut(file.name))] : []),
    ...(post.length > 0 ? [note("post-processing-cut", post.join(", "), graph.outputs.join('", "'), "")] : []),
    ...(isQuantised ? [note("quantised", reading, "")] : []),
    ...said.notes,
  ];
  return { graph, fileOrder: fileOrderOf(moved), notes };
}

const wholeNumbers = { scale: [1], zeroPoint: [0], axis: 0 };

/** Inputs of bytes that become floats before anything is computed with them hold what they say: pixels. */
function withPixels({ tensors, inputs, operators }: FileModel): readonly LiteTensor[] {
  const isPixels = (index: number): boolean => {
    const { type, quantisation } = tensors[index];
    if (quantisation || (type !== "uint8" && type !== "int8")) return false;
    const readers = operators.filter((operator) => operator.inputs.includes(index));
    return readers.every(
      ({ op, outputs, isCustom }) => op === "CAST" && !isCustom && tensors[outputs[0]]?.type.startsWith("float"),
    );
  };
  const pixels = new Set(inputs.filter(isPixels));
  return tensors.map((tensor, i) => (pixels.has(i) ? { ...tensor, quantisation: wholeNumbers } : tensor));
}

/** The operators of a file, converted one after the other: a file lists them in the order in which they run. */
class Conversions {
  readonly #file: FileModel;
  readonly #builder: GraphBuilder;
  readonly #inputShapes: KnownInputShape;
  readonly #limits: Limits;
  readonly #reading: QuantizedReading;
  readonly #values = new Map<number, Value>();

  constructor(
    file: FileModel,
    builder: GraphBuilder,
    inputShapes: KnownInputShape,
    limits: Limits,
    reading: QuantizedReading,
  ) {
    this.#file = file;
    this.#builder = builder;
    this.#inputShapes = inputShapes;
    this.#limits = limits;
    this.#reading = reading;
  }

  build(): Value[] {
    const { inputs, outputs, operators } = this.#file;
    if (inputs.length === 0) throw new ModelError("The network has no input: nothing could be explained.");
    if (outputs.length === 0)
      throw new ModelError("The network has no outputs: nothing could be computed or explained.");
    inputs.forEach((input, position) => {
      this.#values.set(input, this.#input(this.#tensor(input), position));
    });
    operators.forEach((operator, i) => {
      this.#convert(operator, i);
    });
    return outputs.map((output) => this.#value(output));
  }

  #tensor(index: number): LiteTensor {
    return this.#file.tensors[index];
  }

  #input(tensor: LiteTensor, position: number): Value {
    const { name, shape, signature, type } = tensor;
    const grid = tensorGridOf(tensor);
    if (!grid && type !== "float32" && type !== "float16") {
      throw new ModelError(
        `Input "${cut(name)}" holds ${type}, and the file does not say which numbers these stand for; an input of floats, or of quantised ` +
          "integers, is supported.",
      );
    }
    const open = shape.map((extent, axis) => (signature[axis] === -1 && extent <= 1 ? null : extent));
    const ask = (example: string): string => `Pass inputs: { "${name}": { inputShape: ${example} } }.`;
    const asked = this.#inputShapes(name, position);
    const [batch, ...rest] = fixedShape({ name, shape: open }, asked, position === 0 ? undefined : ask);
    const b = this.#builder;
    const input = b.input(name, batch === undefined ? [] : [1, ...rest]);
    if (!grid || this.#reading === "float" || tensor.quantisation === wholeNumbers) return input;
    return b.layer(`${name}/grid`, "QUANTIZE", [input], () => onTensorGrid(b, image(b, input), grid))[0];
  }

  #value(index: number): Value {
    const known = this.#values.get(index);
    if (known) return known;
    const tensor = this.#tensor(index);
    const value = this.#constant(tensor);
    this.#values.set(index, value);
    return value;
  }

  #constant(tensor: LiteTensor): Value {
    if (tensor.data.byteLength === 0 && !tensor.shape.includes(0)) {
      throw new ModelError(
        `Tensor "${cut(tensor.name)}" is read before it is computed: it is a state that the network keeps, or the file is damaged.`,
      );
    }
    const stored = storedConstant(tensor, this.#limits);
    const { quantisation } = tensor;
    const constant = quantisation && stored.kind === "int" ? dequantised(stored, quantisation) : stored;
    return this.#builder.constant(constant, tensor.name);
  }

  #convert(operator: FileOperator, position: number): void {
    const { op, isCustom } = operator;
    const results = operator.outputs.map((output) => this.#tensor(output));
    const [{ name }] = results.length > 0 ? results : [{ name: `${op} ${position}` }];
    const conversion: Conversion | undefined = (isCustom ? customs : builtins).get(op);
    const inputs = operator.inputs.map((input) => (input < 0 ? undefined : this.#value(input)));
    const there = inputs.filter((input) => input !== undefined);
    if (conversion && (inputs.length < conversion.least || inputs.slice(0, conversion.least).includes(undefined))) {
      throw new ModelError(
        `"${cut(name)}" (${op}) has ${there.length} inputs and needs at least ${conversion.least}; the file is damaged.`,
      );
    }
    const b = this.#builder;
    const integers = (...places: readonly [number, number, number]): LayerIntegers | undefined =>
      this.#integers(operator, places);
    const grid = this.#gridOfBoth(operator);
    const convert = (found: Conversion) => (): Value[] =>
      [found.convert({ b, operator, inputs, results, integers, grid })]
        .flat()
        .map((value, i) => this.#onGrid(operator, value, results[i]));
    const values = b.layer(
      name,
      op,
      there,
      conversion && convert(conversion),
      results.map((result) => result.name),
    );
    operator.outputs.forEach((output, i) => {
      const value = values[i] ?? values[0];
      if (value) this.#values.set(output, value);
    });
  }

  /** The grid of an operator's first input and of its result, where it is one. */
  #gridOfBoth({ inputs, outputs }: FileOperator): TensorGrid | undefined {
    const [x, y] = [inputs[0], outputs[0]].map((index) => (index >= 0 ? tensorGridOf(this.#tensor(index)) : undefined));
    return this.#reading === "deployed" && isSameTensorGrid(x, y) ? x : undefined;
  }

  /** The integers that a layer multiplies, where it is read as the device computes it. */
  #integers(
    { inputs, outputs }: FileOperator,
    [data, filter, bias]: readonly [number, number, number],
  ): LayerIntegers | undefined {
    if (this.#reading === "float") return undefined;
    const [x, w, y] = [inputs[data], inputs[filter], outputs[0]].map((index) => this.#tensor(index));
    const [input, output] = [tensorGridOf(x), tensorGridOf(y)];
    if (!input || !output || !w.quantisation || w.data.byteLength === 0) return undefined;
    const b = this.#builder;
    const sums = (inputs[bias] ?? -1) >= 0 ? this.#tensor(inputs[bias]) : undefined;
    return {
      input,
      output,
      filter: b.constant(centredConstant(storedConstant(w, this.#limits), w.quantisation), w.name),
      ...(sums && { bias: b.constant(this.#sums(sums), sums.name) }),
      // In float32 at every step, as the device's kernels compute them.
      units: w.quantisation.scale.map((scale) => Math.fround(Math.fround(input.scale * scale) / output.scale)),
    };
  }

  /** Biases are in units of products, their zero point is zero. */
  #sums(tensor: LiteTensor): Constant {
    const stored = storedConstant(tensor, this.#limits);
    return Constant.fromFloats(stored.floats(), stored.shape);
  }

  /** Puts the result of an operator on the grid of its integers, where it does not lie there yet. */
  #onGrid(operator: FileOperator, value: Value, tensor: LiteTensor | undefined): Value {
    const grid = tensor && this.#reading === "deployed" ? tensorGridOf(tensor) : undefined;
    if (!grid || value.unknown || (averages.has(operator.op) && this.#gridOfBoth(operator))) return value;
    const { op, inputs } = operator;
    const [x, w] = inputs.map((index) => (index < 0 ? undefined : this.#tensor(index)));
    if (layers.has(op) && inputs.some((index) => index >= 0 && tensorGridOf(this.#tensor(index))) && w?.quantisation)
      return value;
    const before = moving.has(op) ? inputs.map((index) => (index < 0 ? undefined : this.#tensor(index))) : [];
    const computed = before.filter(
      (each) => each !== undefined && (each.quantisation || each.type.startsWith("float")),
    );
    if (x && computed.length > 0 && computed.every((each) => each && isSameTensorGrid(tensorGridOf(each), grid)))
      return value;
    // An operator that changes nothing hands on the input itself, whose axes are the file's.
    const seen = value.isInput ? image(this.#builder, value) : value;
    return stillSpread(seen, onTensorGrid(this.#builder, seen, grid));
  }
}
