/**
 * Nodes that read constants alone and that plain loops do not evaluate (a product of matrices, a convolution, a resizing of position
 * embeddings): each runs once, through the kernels, and its result is a constant of the network.
 */
import { mark } from "../compile/own-names";
import { ModelError, UnsupportedOperatorError } from "../errors";
import { Constant, type Node, type StaticGraph } from "../graph/ir";
import { keptEntries } from "../graph/kept-entries";
import { label } from "../graph/shape-rule";
import { type Limits, withinLimit } from "../limits";
import { toMemoryOrder, toRowMajor } from "../operation/layout";
import { evaluate } from "../operators/evaluate";
import { sizeOf } from "../tensor";
import type { Kernels } from "../wasm/kernels";
import { KernelMemory } from "../wasm/memory";
import { buildNetwork } from "./network";
import { Session } from "./session";

/** True for a node that could have been evaluated, had its operator been known on constants. */
const readsConstants = ({ op, inputs }: Node, constants: ReadonlyMap<string, Constant>): boolean =>
  op !== "Constant" && inputs.some((name) => name !== "") && inputs.every((name) => name === "" || constants.has(name));

/** Multiplications of constants with one another: what is folded in good faith takes thousands. */
const mostProducts = 2 ** 30;

/**
 * @param kernels  an instance of their own; asked for only if there is something to run
 * @throws {LimitError} if the results, together, are beyond the limit of folded bytes; {ModelError} if they take too many multiplications
 */
export async function runConstantNodes(
  graph: StaticGraph,
  kernels: () => Promise<Kernels>,
  maxMemory: number,
  limits: Limits,
): Promise<StaticGraph> {
  if (!graph.nodes.some((node) => readsConstants(node, graph.constants))) return graph;
  const instance = await kernels();
  const memory = new KernelMemory(instance, maxMemory);
  const constants = new Map(graph.constants);
  let [bytes, products] = [0, 0];
  const spend = (node: Node, macs: number): void => {
    products += macs;
    if (products <= mostProducts) return;
    throw new ModelError(
      `${label(node)}: the arithmetic on constants takes ${products.toLocaleString("en")} multiplications, and at most ` +
        `${mostProducts.toLocaleString("en")} are made while a network is loaded. Run the file through a constant folder first.`,
    );
  };
  const readers = new Map<string, number>();
  for (const name of [...graph.outputs, ...graph.nodes.flatMap(({ inputs }) => inputs)])
    readers.set(name, (readers.get(name) ?? 0) + 1);
  const left = graph.nodes.filter((node) => {
    if (!readsConstants(node, constants)) return true;
    const shapes = node.outputs.map((name) => graph.shapes.get(name) ?? []);
    bytes += shapes.reduce((sum, shape) => sum + sizeOf(shape) * 4, 0);
    const what = `The arithmetic on constants, at ${label(node)}, makes too many bytes of constants`;
    withinLimit(limits, "foldedBytes", bytes, what);
    const given = node.inputs.map((name) => constants.get(name));
    const known = given.map((constant) => constant?.shape);
    const results =
      evaluate(node, given, known, shapes) ??
      run(graph, node, constants, instance, memory, (macs) => spend(node, macs));
    if (!results) return true;
    node.outputs.forEach((name, i) => {
      if (name !== "") constants.set(name, results[i]);
    });
    // What nobody reads any more makes room for what comes.
    for (const name of node.inputs) {
      const left = (readers.get(name) ?? 1) - 1;
      readers.set(name, left);
      if (left === 0) constants.delete(name);
    }
    return false;
  });
  const read = new Set([...graph.outputs, ...left.flatMap(({ inputs }) => inputs)]);
  return { ...graph, nodes: left, constants: keptEntries(constants, (name) => read.has(name)) };
}

/** The node as a network of its own whose input is its first constant; undefined where it cannot run. */
function run(
  graph: StaticGraph,
  node: Node,
  constants: ReadonlyMap<string, Constant>,
  kernels: Kernels,
  memory: KernelMemory,
  spend: (macs: number) => void,
): Constant[] | undefined {
  const [first, ...others] = node.inputs;
  const source = constants.get(first);
  const [input, outputs] = [`${first}${mark}`, node.outputs.filter((name) => name !== "")];
  if (source?.kind !== "float") return undefined;
  const { shape } = source;
  try {
    const network = buildNetwork(
      {
        ...graph,
        ...{ inputs: [{ name: input, shape }], outputs, nodes: [{ ...node, inputs: [input, ...others] }] },
        ...{ constants, shapes: new Map([...graph.shapes, [input, shape]]) },
      },
      kernels,
      memory,
    );
    for (const { macs } of network.operations) spend(macs);
    const data = toMemoryOrder(source.floats(), shape);
    const { values } = new Session(kernels, memory).run(network, { batch: 1, data, keep: outputs });
    return node.outputs.map((name) => {
      const own = graph.shapes.get(name) ?? [];
      const value = values.get(name);
      return Constant.fromFloats(value ? toRowMajor(value, own) : new Float32Array(sizeOf(own)), own);
    });
  } catch (error) {
    if (error instanceof UnsupportedOperatorError) return undefined;
    throw error;
  }
}
