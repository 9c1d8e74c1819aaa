import { type Graph, type Node, numberAttribute } from "../graph/ir";

/** A Gemm or MatMul of a vector with constant weights. */
export interface DenseWeights {
  readonly inputs: number;
  readonly outputs: number;
  /** Weight from input k to output m. */
  readonly at: (m: number, k: number) => number;
  readonly bias?: Float32Array;
}

/** The weights of y = α·x·W + β·b; a text says why there are none. */
export function denseWeights(graph: Graph, node: Node): DenseWeights | string {
  const weight = graph.constants.get(node.inputs[1]);
  if (!weight) return "its weights are not the second input, or not constant";
  if (weight.shape.length !== 2) return `its weights have rank ${weight.shape.length}, not 2`;
  if (numberAttribute(node, "transA", 0) === 1) return "transA is not supported";
  const transposed = numberAttribute(node, "transB", 0) === 1;
  const [rows, columns] = weight.shape;
  const [inputs, outputs] = transposed ? [columns, rows] : [rows, columns];
  const values = weight.floats();
  const alpha = numberAttribute(node, "alpha", 1);
  const at = transposed
    ? (m: number, k: number): number => alpha * values[m * inputs + k]
    : (m: number, k: number): number => alpha * values[k * outputs + m];
  if (!node.inputs[2]) return { inputs, outputs, at };
  const bias = graph.constants.get(node.inputs[2])?.floats();
  if (!bias || (bias.length !== 1 && bias.length !== outputs)) return "its bias is not one number per output";
  const beta = numberAttribute(node, "beta", 1);
  return {
    inputs,
    outputs,
    at,
    bias: Float32Array.from({ length: outputs }, (_, m) => beta * bias[bias.length === 1 ? 0 : m]),
  };
}
