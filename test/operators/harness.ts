/**
 * One operator as a whole network: run by the engine, by onnxruntime, and backwards. The four answers to compare are the
 * reference's output, the engine's, the adjoint identity and the central difference.
 */
import * as ort from "onnxruntime-node";
import { compounds } from "../../src/compile/lowering/compounds";
import { specialise } from "../../src/compile/specialise";
import { buildNetwork, type Network } from "../../src/engine/network";
import { Session } from "../../src/engine/session";
import type { Attribute, Constant, Graph } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { toMemoryOrder, toRowMajor } from "../../src/operation/layout";
import type { Rules } from "../../src/operation/operation";
import { sizeOf } from "../../src/tensor";
import type { Kernels } from "../../src/wasm/kernels";
import { KernelMemory } from "../../src/wasm/memory";
import { module } from "../kernels/harness";

export interface Case {
  readonly op: string;
  readonly shape: readonly number[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Inputs after the first, which is the data; a string names an absent one. */
  readonly constants?: readonly (Constant | "")[];
  /** Position of the data among the inputs; default 0. */
  readonly dataPosition?: number;
  readonly outputs?: number;
  readonly opset?: number;
}

/** The graph of one node. */
export function graphOf({
  op,
  shape,
  attributes = {},
  constants = [],
  dataPosition = 0,
  outputs = 1,
  opset = 17,
}: Case): Graph {
  const names = constants.map((constant, i) => (constant === "" ? "" : `constant${i}`));
  names.splice(dataPosition, 0, "x");
  return {
    name: op,
    opset,
    inputs: [{ name: "x", shape }],
    outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    nodes: [
      {
        name: op,
        op,
        inputs: names,
        outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
        attributes: new Map(Object.entries(attributes)),
      },
    ],
    constants: new Map(
      constants.flatMap((constant, i) => (constant === "" ? [] : [[`constant${i}`, constant] as const])),
    ),
    metadata: new Map(),
  };
}

export class Runner {
  readonly graph: Graph;
  readonly network: Network;
  readonly #session: Session;
  readonly outputs: readonly string[];

  /** @param threads  what computes the kernels; default: one thread with a memory of its own */
  constructor(
    graph: Graph,
    threads?: { readonly kernels: Kernels; readonly memory: KernelMemory; readonly count: number },
  ) {
    const kernels = threads?.kernels ?? (new WebAssembly.Instance(module, {}).exports as unknown as Kernels);
    const memory = threads?.memory ?? new KernelMemory(kernels, 2 ** 30);
    this.graph = graph;
    this.network = buildNetwork(specialise(graph, new Map(), { compounds }), kernels, memory);
    this.#session = new Session(kernels, memory, "fast", threads?.count);
    this.outputs = graph.outputs;
  }

  shapeOf(name: string): readonly number[] {
    return this.network.graph.shapes.get(name) as readonly number[];
  }

  /** Row-major in, row-major out, `batch` samples. */
  forward(x: Float32Array, output = this.outputs[0], batch = 1): Float32Array {
    const data = eachSample(x, batch, (sample) => toMemoryOrder(sample, this.shapeOf("x")));
    const { values } = this.#session.run(this.network, { batch, data, keep: [output] });
    return eachSample(values.get(output) as Float32Array, batch, (sample) => toRowMajor(sample, this.shapeOf(output)));
  }

  /** Σ dy·y pulled back to x. */
  backward(x: Float32Array, dy: Float32Array, rules?: Rules, output = this.outputs[0], batch = 1): Float32Array {
    const data = eachSample(x, batch, (sample) => toMemoryOrder(sample, this.shapeOf("x")));
    const seed = eachSample(dy, batch, (sample) => toMemoryOrder(sample, this.shapeOf(output)));
    const { gradients } = this.#session.run(this.network, {
      batch,
      data,
      backward: { seed: output, wanted: ["x"], rules, write: (gradient) => gradient.set(seed) },
    });
    return eachSample(gradients.get("x") as Float32Array, batch, (sample) => toRowMajor(sample, this.shapeOf("x")));
  }
}

function eachSample(data: Float32Array, batch: number, change: (sample: Float32Array) => Float32Array): Float32Array {
  const size = data.length / batch;
  const out = new Float32Array(data.length);
  for (let i = 0; i < batch; i++) out.set(change(data.slice(i * size, (i + 1) * size)), i * size);
  return out;
}

/** The same graph in onnxruntime, without its own rewriting. */
export async function reference(
  graph: Graph,
  x: Float32Array,
): Promise<Map<string, { data: Float32Array; dims: readonly number[] }>> {
  const session = await ort.InferenceSession.create(writeOnnx(graph), {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  const shape = graph.inputs[0].shape as readonly number[];
  const results = await session.run({ x: new ort.Tensor("float32", x, shape) });
  await session.release();
  return new Map(
    graph.outputs.map((name) => {
      const { data, dims } = results[name];
      // Integers come as BigInt.
      const numbers = data instanceof BigInt64Array ? Float32Array.from(data, Number) : data;
      return [name, { data: numbers as Float32Array, dims }];
    }),
  );
}

/** Reproducible values: mostly between −2 and 2, no two neighbours equal. */
export function values(shape: readonly number[], seed: number): Float32Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 4;
  });
}

export const dot = (a: Float32Array, b: Float32Array): number => a.reduce((total, value, i) => total + value * b[i], 0);

/** Largest difference relative to the largest reference value (at least 1e-6 of 1). */
export function worst(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, largest] = [0, 1e-6];
  for (let i = 0; i < actual.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (!(d <= difference)) difference = d;
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return difference / largest;
}
