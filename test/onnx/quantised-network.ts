/** Quantised ONNX networks in a few words, and what onnxruntime makes of them. */
import * as ort from "onnxruntime-node";
import { randomIntegers } from "../graph/build";
import { type NodeParts, onnxFile } from "./protobuf";

export type Bytes = "uint8" | "int8";
type Type = Bytes | "int32" | "uint16" | "int16" | "float32";

const types: Readonly<Record<Type, number>> = { float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6 };
const rooms = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
};
export const ends: Readonly<Record<Bytes, readonly [number, number]>> = { uint8: [0, 255], int8: [-128, 127] };

interface TensorParts {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

/** A network as it is put together: every constant and every node gets a name. */
export class Network {
  readonly nodes: NodeParts[] = [];
  readonly tensors: TensorParts[] = [];
  readonly random: (from: number, to: number) => number;
  #count = 0;

  constructor(
    seed: number,
    readonly inputShape: readonly number[],
  ) {
    this.random = randomIntegers(seed);
  }

  constant(type: Type, numbers: readonly number[], dims: readonly number[] = []): string {
    const name = `c${this.#count++}`;
    const raw = new Uint8Array(rooms[type].from(numbers).buffer.slice(0));
    this.tensors.push({ name, type: types[type], dims, raw });
    return name;
  }

  integers64(numbers: readonly number[]): string {
    const name = `c${this.#count++}`;
    this.tensors.push({
      name,
      type: 7,
      dims: [numbers.length],
      raw: new Uint8Array(BigInt64Array.from(numbers.map(BigInt)).buffer),
    });
    return name;
  }

  scale(...values: readonly number[]): string {
    return this.constant("float32", values, values.length === 1 ? [] : [values.length]);
  }

  /** Weights of 7 bits: with more, processors without instructions of their own for integers cut sums off at 16 bits. */
  weights(type: Bytes, shape: readonly number[]): string {
    const [low, high] = type === "int8" ? [-63, 63] : [64, 191];
    return this.constant(
      type,
      Array.from({ length: sizeOf(shape) }, () => this.random(low, high)),
      shape,
    );
  }

  add(op: string, inputs: readonly string[], attributes: NodeParts["attributes"] = {}, domain = ""): string {
    const output = `v${this.#count++}`;
    this.nodes.push({ op, domain, inputs, outputs: [output], attributes });
    return output;
  }

  microsoft(op: string, inputs: readonly string[], attributes: NodeParts["attributes"] = {}): string {
    return this.add(op, inputs, attributes, "com.microsoft");
  }

  file(
    output: string,
    outputShape: readonly number[],
    more: { readonly opset?: number; readonly inputType?: number } = {},
  ): Uint8Array<ArrayBuffer> {
    return onnxFile({
      opset: 17,
      domains: { "com.microsoft": 1 },
      inputs: { x: this.inputShape },
      outputs: { [output]: outputShape },
      nodes: this.nodes,
      tensors: this.tensors,
      ...more,
    });
  }
}

/**
 * What onnxruntime computes: as it is deployed, with everything its optimiser does, or node by node. On processors without instructions for
 * sums of integers it has to be told to be exact.
 */
export async function deployed(
  file: Uint8Array,
  x: ArrayLike<number>,
  shape: readonly number[],
  level: "all" | "disabled" = "all",
  type: "float32" | Bytes = "float32",
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(file, {
    graphOptimizationLevel: level,
    logSeverityLevel: 4,
    extra: { session: { x64quantprecision: "1" } },
  });
  const result = await session.run({ [session.inputNames[0]]: new ort.Tensor(type, rooms[type].from(x), [...shape]) });
  await session.release();
  return Float32Array.from(result[session.outputNames[0]].data as ArrayLike<number>);
}
