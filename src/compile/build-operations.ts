import type { UnsupportedUse } from "../errors";
import type { Constant, Node, StaticGraph } from "../graph/ir";
import { producersOf, valuesRead } from "../graph/producers";
import type { AlgorithmMode, BuildContext, Builder, Operation, PackedMatrix } from "../operation/operation";
import { constantOutput } from "../operators/constant-output";
import { operators } from "../operators/table";
import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { constantOp } from "./constant-outputs";
import type { RefusedLater } from "./round";
import { unsupported } from "./unsupported-operators";

class Refusal extends Error {}

const refuse = (reason: string): never => {
  throw new Refusal(reason);
};

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
  const producers = producersOf(graph);
  const used = valuesUsed(graph);
  const uses: UnsupportedUse[] = [];
  // Where a max-pool's switches decide at which place a value comes out again, a maximum that is nearly a tie must not
  // fall to the other side by rounding.
  const mode = graph.nodes.some(({ op }) => op === "MaxUnpool") ? "plain" : allowed;

  const matrices = new Map<Constant, PackedMatrix>();
  const shared: Omit<BuildContext, "node"> = {
    opset: graph.opset,
    mode,
    kernels,
    memory,
    matrices,
    shape: (name) => graph.shapes.get(name) ?? [],
    constant: (name) => graph.constants.get(name),
    producer: (name) => producers.get(name),
    isUsed: (name) => used.has(name),
    refuse,
  };

  const operations: Operation[] = [];
  for (const node of graph.nodes) {
    try {
      operations.push(built(node, { ...shared, node }, special));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      uses.push({ op: node.op, node: node.name, reason: error.message });
    }
  }
  if (uses.length > 0) throw unsupported(uses, graph);
  return operations;
}

function valuesUsed({ nodes, outputs }: StaticGraph): ReadonlySet<string> {
  const used = valuesRead(nodes);
  for (const output of outputs) used.add(output);
  return used;
}

function built(node: Node, context: BuildContext, special?: ReadonlyMap<string, Builder>): Operation {
  const builder = special?.get(node.name) ?? (node.op === constantOp ? constantOutput : operators.get(node.op)?.build);
  if (!builder) throw new Refusal("the operator is not supported");
  const dynamic = node.inputs.some((name) => name && !context.constant(name));
  if (!dynamic) throw new Refusal("all of its inputs are constants; run the file through a constant folder first");
  return builder(context);
}

class Unknown extends Error {}

const unknown = (): never => {
  throw new Unknown();
};

/** Stands for what is not there while nothing is built: whoever comes to need it has not refused the node before. */
const absent = <T extends object>(): T => new Proxy<T>({} as T, { get: unknown });

/**
 * The uses that `buildOperations` would refuse, as far as a network is known that does not get that far.
 *
 * @param graph  values without a shape are not known
 * @param nodes  those to look at
 */
export const refusedUses: RefusedLater = (graph, nodes) => {
  const producers = producersOf(graph);
  const used = valuesUsed(graph);
  // What reads constants alone is run once, while the network is loaded.
  const dynamic = nodes.filter(({ inputs }) => inputs.some((name) => name !== "" && !graph.constants.has(name)));
  return dynamic.flatMap((node) => {
    try {
      built(node, {
        node,
        opset: graph.opset,
        mode: "plain",
        kernels: absent(),
        memory: absent(),
        shape: (name) => (name === "" ? [] : (graph.shapes.get(name) ?? unknown())),
        constant: (name) => graph.constants.get(name),
        producer: (name) => producers.get(name),
        isUsed: (name) => used.has(name),
        refuse,
      });
    } catch (error) {
      if (error instanceof Refusal) return [{ op: node.op, node: node.name, reason: error.message }];
      if (!(error instanceof Unknown)) throw error;
    }
    return [];
  });
};
