import { cut } from "../addresses";
import { fixedShape } from "../compile/specialise";
import { ModelError } from "../errors";
import type { Graph } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import { type Note, note } from "../notes";
import { toPlain } from "../tfjs/axes";
import { GraphBuilder, type Value } from "../tfjs/graph-builder";
import type { InputShapes } from "../tfjs/reader";
import { dequantised, storedConstant } from "./constants";
import { builtins, type Conversion, customs } from "./operations";
import { withoutPostProcessing } from "./post-processing";
import { type FileModel, type FileOperator, type FileTensor, readSchema } from "./schema";

/** A network, and what was found while it was read. */
interface LiteModel {
  readonly graph: Graph;
  /** The axes of a value of the graph in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
  readonly notes: readonly Note[];
}

/**
 * Reads a TensorFlow Lite (LiteRT) file.
 *
 * The graph says it in ONNX operators with all shapes known, as it does a model of TensorFlow.js: values keep TensorFlow's order in
 * memory and name their axes in ONNX's. Values have the names of the file's tensors, and an operator that of its first result.
 *
 * @param inputShapes  fix extents of an input that the file leaves open, as the file orders axes
 * @throws {ModelError} if the file is damaged; {LimitError} if it asks for more than `limits` allow
 */
export function readTensorflowLite(
  bytes: Uint8Array,
  inputShapes: InputShapes,
  limits: Limits = defaultLimits,
): LiteModel {
  const file = readSchema(bytes, limits);
  const { operators, outputs, cut: post } = withoutPostProcessing(file);
  const builder = new GraphBuilder(false, "the TensorFlow Lite file");
  const network = new Conversions({ ...file, operators, outputs }, builder, inputShapes, limits);
  const results = network.build();
  const { graph, moved } = builder.finish(file.name, results, new Map());
  const fileOrder = (value: string, rank: number): readonly number[] =>
    moved.has(value) ? toPlain(rank) : Array.from({ length: rank }, (_, axis) => axis);
  const notes = post.length > 0 ? [note("post-processing-cut", post.join(", "), graph.outputs.join('", "'))] : [];
  return { graph, fileOrder, notes };
}

/** The operators of a file, converted one after the other: a file lists them in the order in which they run. */
class Conversions {
  readonly #file: FileModel;
  readonly #builder: GraphBuilder;
  readonly #inputShapes: InputShapes;
  readonly #limits: Limits;
  readonly #values = new Map<number, Value>();

  constructor(file: FileModel, builder: GraphBuilder, inputShapes: InputShapes, limits: Limits) {
    this.#file = file;
    this.#builder = builder;
    this.#inputShapes = inputShapes;
    this.#limits = limits;
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

  #tensor(index: number): FileTensor {
    return this.#file.tensors[index];
  }

  #input({ name, shape, signature, type }: FileTensor, position: number): Value {
    if (type !== "float32" && type !== "float16")
      throw new ModelError(`Input "${cut(name)}" holds ${type}; an input of floats is supported.`);
    const open = shape.map((extent, axis) => (signature[axis] === -1 && extent <= 1 ? null : extent));
    const ask = (example: string): string => `Pass inputs: { "${name}": { inputShape: ${example} } }.`;
    const asked = this.#inputShapes(name, position);
    const [batch, ...rest] = fixedShape({ name, shape: open }, asked, position === 0 ? undefined : ask);
    return this.#builder.input(name, batch === undefined ? [] : [1, ...rest]);
  }

  #value(index: number): Value {
    const known = this.#values.get(index);
    if (known) return known;
    const tensor = this.#tensor(index);
    const value = this.#constant(tensor);
    this.#values.set(index, value);
    return value;
  }

  #constant(tensor: FileTensor): Value {
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
    const values = b.layer(
      name,
      op,
      there,
      conversion && (() => conversion.convert({ b, operator, inputs, results })),
      results.map((result) => result.name),
    );
    operator.outputs.forEach((output, i) => {
      const value = values[i] ?? values[0];
      if (value) this.#values.set(output, value);
    });
  }
}
