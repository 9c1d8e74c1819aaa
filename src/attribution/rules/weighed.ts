/** A convolution or dense layer with other weights and no bias, through the kernels. */

import { buildOperations } from "../../compile/build-operations";
import type { Network } from "../../engine/network";
import { Constant, type Node, numberAttribute } from "../../graph/ir";
import { entryOf } from "../../guard";
import type { Operation, Pieces, Run, ValueName } from "../../operation/operation";
import type { Kernels, Pointer } from "../../wasm/kernels";
import type { KernelMemory } from "../../wasm/memory";
import { aside, stretches } from "./aside";

/** What a weight or bias becomes. */
export type Change = (value: number) => number;

/** A layer y = W·x + b whose W can be exchanged for one pass. */
export interface WeighedLayer {
  readonly input: ValueName;
  readonly output: ValueName;
  /** One number per output channel, the innermost axis in memory; none: no bias. */
  readonly bias: Float32Array | undefined;
  scratchBytes(batch: number): number;
  /** Lets the layer with the changed weights do something; their memory is given back afterwards. */
  withWeights(change: Change, use: (steps: WeighedSteps) => Pieces): Pieces;
}

export interface WeighedSteps {
  /** z = W·x, and x = Wᵀ·y. */
  forward(run: Run, scratch: Pointer, x: Pointer, z: Pointer): Pieces;
  backward(run: Run, scratch: Pointer, s: Pointer, c: Pointer): Pieces;
}

export function weighedLayer(
  { graph }: Network,
  { node }: Operation,
  kernels: Kernels,
  memory: KernelMemory,
): WeighedLayer {
  const [input, weightName, biasName] = node.inputs;
  const [output] = node.outputs;
  const weight = entryOf(graph.constants, weightName);
  // The factors of a Gemm are part of its weights: with a negative one, the positive weights are others.
  const [alpha, beta] =
    node.op === "Gemm" ? [numberAttribute(node, "alpha", 1), numberAttribute(node, "beta", 1)] : [1, 1];
  const attributes = new Map([...node.attributes].filter(([key]) => key !== "alpha" && key !== "beta"));
  const plain: Node = { ...node, inputs: [input, weightName], attributes };
  const built = (constant: Constant): Operation => {
    const constants = new Map([[weightName, constant]]);
    // Direct sums: relevance is divided by what comes out, and Winograd rounds that more.
    return buildOperations({ ...graph, nodes: [plain], outputs: [output], constants }, kernels, memory, "plain")[0];
  };
  const outline = built(weight);
  const row = biasName ? graph.constants.get(biasName)?.floats() : undefined;
  return {
    input,
    output,
    bias: row?.map((value) => beta * value),
    scratchBytes: (batch) => Math.max(outline.scratchBytes(batch, "forward"), outline.scratchBytes(batch, "backward")),
    *withWeights(change, use) {
      const values = weight.floats();
      const changed = new Float32Array(values.length);
      for (const [begin, end] of stretches(values.length)) {
        for (let i = begin; i < end; i++) changed[i] = change(alpha * values[i]);
        yield;
      }
      const operation = built(Constant.fromFloats(changed, weight.shape));
      function* step(direction: "forward" | "backward", there: Run): Pieces {
        try {
          if (operation.prepareInPieces) yield* operation.prepareInPieces(direction);
          else operation.prepare(direction);
          const inPieces = operation[`${direction}InPieces`];
          if (inPieces) yield* inPieces(there);
          else operation[direction](there);
        } finally {
          operation.release(direction);
        }
      }
      yield* use({
        forward: (run, scratch, x, z) => {
          const values = new Map([
            [input, x],
            [output, z],
          ]);
          return step("forward", aside(run, { scratch, values }));
        },
        backward: (run, scratch, s, c) => {
          const gradients = new Map([[output, s]]);
          return step("backward", aside(run, { scratch, gradients, dx: c }));
        },
      });
    },
  };
}
