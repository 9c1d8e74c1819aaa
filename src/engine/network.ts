import { buildOperations } from "../compile/build-operations";
import { withConstantOutputs } from "../compile/constant-outputs";
import { equalRanks } from "../compile/equal-ranks";
import { LayerError, ModelError } from "../errors";
import type { StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import type { Builder, Operation, ValueName } from "../operation/operation";
import { sizeOf } from "../tensor";
import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";

/** 'fast' keeps repacked weights in memory, 'low' repacks each layer's for every call and gives them back. */
export type MemoryMode = "fast" | "low";

/** A graph with an operation instance per node, in execution order, and what planning asks about it. */
export interface Network {
  /** The graph that was given, with what lays out operands of a lower rank and writes outputs that are constants. */
  readonly graph: StaticGraph;
  readonly operations: readonly Operation[];
  readonly input: ValueName;
  /** Position of the operation that makes a value; the input has none. */
  readonly producer: ReadonlyMap<ValueName, number>;
  /** The first output of each node by the node's name: how to reach an operation whose state another one reads. */
  readonly states: ReadonlyMap<string, ValueName>;
  /** Operations whose forward (or backward) weights are in memory. */
  readonly prepared: { readonly forward: WeakSet<Operation>; readonly backward: WeakSet<Operation> };
}

/**
 * @param special  builders by node name, for nodes that are not built as their operator says
 * @throws {UnsupportedOperatorError} naming every operator use that cannot run
 * @throws {ModelError} if the network has not exactly one input that is no constant
 */
export function buildNetwork(
  given: StaticGraph,
  kernels: Kernels,
  memory: KernelMemory,
  mode: MemoryMode = "fast",
  special?: ReadonlyMap<string, Builder>,
): Network {
  const graph = equalRanks(withConstantOutputs(given));
  const operations = buildOperations(graph, kernels, memory, mode === "low" ? "plain" : "fast", special);
  if (graph.inputs.length !== 1) {
    const names = graph.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw new ModelError(
      `The network has ${graph.inputs.length} inputs (${names || "none"}); one image or signal input is supported. ` +
        "Turn the others into constants before exporting.",
    );
  }
  const producer = new Map(operations.flatMap(({ outputs }, i) => outputs.map((output) => [output, i] as const)));
  return {
    graph,
    operations,
    input: graph.inputs[0].name,
    producer,
    states: new Map(operations.map(({ node, outputs }) => [node.name, outputs[0]])),
    prepared: { forward: new WeakSet(), backward: new WeakSet() },
  };
}

/** The ONNX shape of a value, N first. */
export function valueShape(network: Network, value: ValueName): Shape {
  const shape = network.graph.shapes.get(value);
  if (!shape) throw new LayerError(`The network has no value "${value}".`);
  return shape;
}

/** Floats one sample of a value takes. */
export const sampleSize = (network: Network, value: ValueName): number => sizeOf(valueShape(network, value));
