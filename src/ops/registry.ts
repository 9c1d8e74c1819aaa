import { UnsupportedOperatorError, type UnsupportedUse } from "../errors";
import type { Node, StaticGraph } from "../graph/ir";
import { arrangements, reshaping } from "../graph/shapes";
import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { activation, activations, clip, prelu } from "./activation";
import type { AlgorithmMode } from "./algorithm";
import { arranged, gather, pad } from "./arrange";
import { conv } from "./conv";
import { gemm, matMul } from "./dense";
import { binary, extremum, power, sum } from "./elementwise";
import { batchNorm, instanceNorm, lrn, softmax } from "./normalize";
import type { BuildContext, Builder, Operation } from "./operation";
import { averagePool, maxPool, maxUnpool } from "./pool";
import { reduce } from "./reduce";
import { reshape } from "./reshape";
import { resize } from "./resize";

const every = (ops: Iterable<string>, builder: Builder): [string, Builder][] => [...ops].map((op) => [op, builder]);

/** Every operator that runs, by its ONNX name. Operators used only in constant arithmetic are folded before they get here. */
const builders: ReadonlyMap<string, Builder> = /* @__PURE__ */ (() =>
  new Map<string, Builder>([
    ...every(arrangements.keys(), arranged),
    ...every([...reshaping.keys(), "Identity", "Dropout", "Cast"], reshape),
    ...every(Object.keys(activations), activation),
    ...every(["Conv", "ConvTranspose"], conv),
    ...every(["Add", "Sub", "Mul", "Div"], binary),
    ...every(["Max", "Min"], extremum),
    ...every(["AveragePool", "GlobalAveragePool"], averagePool),
    ...every(["MaxPool", "GlobalMaxPool"], maxPool),
    ...every(["ReduceMean", "ReduceSum"], reduce),
    ...every(["Softmax", "LogSoftmax"], softmax),
    ...every(["Resize", "Upsample"], resize),
    ["BatchNormalization", batchNorm],
    ["Clip", clip],
    ["Gather", gather],
    ["Gemm", gemm],
    ["InstanceNormalization", instanceNorm],
    ["LRN", lrn],
    ["MatMul", matMul],
    ["MaxUnpool", maxUnpool],
    ["PRelu", prelu],
    ["Pad", pad],
    ["Pow", power],
    ["Sum", sum],
  ]))();

class Refusal extends Error {}

/**
 * Turns every node of a graph into an operation instance.
 *
 * @param special  builders by node name, for nodes that are not built as their operator says
 * @throws {UnsupportedOperatorError} naming every use that cannot run
 */
export function buildOperations(
  graph: StaticGraph,
  kernels: Kernels,
  memory: KernelMemory,
  allowed: AlgorithmMode,
  special?: ReadonlyMap<string, Builder>,
): Operation[] {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const used = new Set(graph.nodes.flatMap((node) => node.inputs));
  const unsupported: UnsupportedUse[] = [];
  // Where a max-pool's switches decide at which place a value comes out again, a maximum that is nearly a tie must not
  // fall to the other side by rounding.
  const mode = graph.nodes.some(({ op }) => op === "MaxUnpool") ? "plain" : allowed;

  const contextOf = (node: Node): BuildContext => ({
    node,
    opset: graph.opset,
    mode,
    kernels,
    memory,
    shape: (name) => graph.shapes.get(name) ?? [],
    constant: (name) => graph.constants.get(name),
    producer: (name) => producers.get(name),
    isUsed: (name) => used.has(name) || graph.outputs.includes(name),
    refuse: (reason) => {
      throw new Refusal(reason);
    },
  });

  const operations = graph.nodes.flatMap((node) => {
    try {
      const builder = special?.get(node.name) ?? builders.get(node.op);
      if (!builder) throw new Refusal("the operator is not supported");
      const dynamic = node.inputs.some((name) => name && !graph.constants.has(name));
      if (!dynamic) throw new Refusal("all of its inputs are constants; run the file through a constant folder first");
      return [builder(contextOf(node))];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      unsupported.push({ op: node.op, node: node.name, reason: error.message });
      return [];
    }
  });
  if (unsupported.length > 0) {
    const list = unsupported.map(({ op, node, reason }) => `${op} "${node}" (${reason})`).join("; ");
    throw new UnsupportedOperatorError(`${unsupported.length} uses of operators cannot run: ${list}.`, unsupported);
  }
  return operations;
}
