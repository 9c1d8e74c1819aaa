import * as ort from "onnxruntime-node";
import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { sizeOf } from "../../src/tensor";

/** Small graphs in one expression, and onnxruntime as the oracle for them. */

export const floats = (shape: readonly number[], values: ArrayLike<number>): Constant =>
  Constant.fromFloats(Float32Array.from(values), shape);

export const ints = (...values: number[]): Constant => Constant.fromNumbers("int", values, [values.length]);

/** A generator of whole numbers `from ≤ n ≤ to`, the same in every run. */
export function randomIntegers(seed: number): (from: number, to: number) => number {
  let state = seed >>> 0;
  return (from, to) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + Math.floor((state / 2 ** 32) * (to - from + 1));
  };
}

export const randomFloats = (random: (from: number, to: number) => number, shape: readonly number[]): Constant =>
  floats(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random(-1000, 1000) / 1000),
  );

type NodeParts = [op: string, inputs: string[], outputs: string[], attributes?: Record<string, Attribute>];

interface GraphParts {
  readonly opset?: number;
  readonly inputs: Record<string, readonly (number | string | null)[]>;
  readonly constants?: Record<string, Constant>;
  readonly nodes: readonly NodeParts[];
  readonly outputs?: readonly string[];
}

/** A node is `[op, inputs, outputs, attributes]`; its name is its first output's. */
export function graphOf({ opset = 17, inputs, constants = {}, nodes, outputs }: GraphParts): Graph {
  const built = nodes.map(
    ([op, ins, outs, attributes = {}]): Node => ({
      name: `${outs[0]}`,
      op,
      inputs: ins,
      outputs: outs,
      attributes: new Map(Object.entries(attributes)),
    }),
  );
  return {
    name: "test",
    opset,
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, shape })),
    outputs: outputs ?? built[built.length - 1].outputs.filter((name) => name !== ""),
    nodes: built,
    constants: new Map(Object.entries(constants)),
    metadata: new Map(),
  };
}

/** Runs a graph (or a file) in onnxruntime without its optimiser. */
export async function runReference(
  model: Graph | Uint8Array,
  feeds: Record<string, Constant>,
): Promise<Record<string, { dims: readonly number[]; data: ArrayLike<number | bigint> }>> {
  const bytes = model instanceof Uint8Array ? model : writeOnnx(model);
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "disabled", logSeverityLevel: 4 });
  const tensors = Object.entries(feeds).map(([name, x]) => [name, new ort.Tensor("float32", x.floats(), [...x.shape])]);
  const result = await session.run(Object.fromEntries(tensors));
  await session.release();
  return Object.fromEntries(
    Object.entries(result).map(([name, tensor]) => [
      name,
      { dims: tensor.dims, data: tensor.data as ArrayLike<number | bigint> },
    ]),
  );
}
