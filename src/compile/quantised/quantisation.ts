/**
 * Quantised ONNX networks. Values stay real numbers, those that the integers of the file stand for; what computes with integers is
 * written by operators that do it as deployed. Loaded for a network that has such operators.
 */
import type { Constant, Graph, Node } from "../../graph/ir";
import { integerRanges } from "../../operators/quantize";
import type { Lowered, Lowering, Rewriting } from "../lowering/emitter";
import { dynamicQuantizeLinear, dynamicQuantizeMatMul, matMulNBits } from "./dynamic";
import * as elementwise from "./elementwise";
import { wholes } from "./grid";
import type { Knowledge, QuantisedReading, QuantisedValue, Weight } from "./known";
import { convInteger, matMulInteger, matMulIntegerToFloat, qGemm, qLinearConv, qLinearMatMul } from "./layers";
import { cast, dequantizeLinear, quantizeLinear } from "./linear";
import { passOn } from "./moving";
import { type Followers, writePair } from "./pairs";

type QuantisedLowering = (known: Knowledge, from: Lowered) => ReturnType<Lowering>;

const table: ReadonlyMap<string, QuantisedLowering> = (() => {
  const microsoft = (op: string): string => `com.microsoft::${op}`;
  return new Map<string, QuantisedLowering>([
    ["Cast", cast],
    ["ConvInteger", convInteger],
    ["DequantizeLinear", dequantizeLinear],
    ["DynamicQuantizeLinear", dynamicQuantizeLinear],
    ["MatMulInteger", matMulInteger],
    ["QLinearConv", qLinearConv],
    ["QLinearMatMul", qLinearMatMul],
    ["QuantizeLinear", quantizeLinear],
    [microsoft("DequantizeLinear"), dequantizeLinear],
    [microsoft("DynamicQuantizeMatMul"), dynamicQuantizeMatMul],
    [microsoft("MatMulIntegerToFloat"), matMulIntegerToFloat],
    [microsoft("MatMulNBits"), matMulNBits],
    [microsoft("QGemm"), qGemm],
    [microsoft("QLinearAdd"), elementwise.qLinearAdd],
    [microsoft("QLinearAveragePool"), elementwise.qLinearAveragePool],
    [microsoft("QLinearConcat"), elementwise.qLinearConcat],
    [microsoft("QLinearGlobalAveragePool"), elementwise.qLinearGlobalAveragePool],
    [microsoft("QLinearLeakyRelu"), elementwise.qLinearLeakyRelu],
    [microsoft("QLinearMul"), elementwise.qLinearMul],
    [microsoft("QLinearSigmoid"), elementwise.qLinearSigmoid],
    [microsoft("QLinearSoftmax"), elementwise.qLinearSoftmax],
    [microsoft("QuantizeLinear"), quantizeLinear],
  ]);
})();

/** What is computed of constants while the network is read. */
const folding = /^(Cast|(com.microsoft::)?QuantizeLinear)$/;

class Quantisation implements Rewriting {
  readonly #known: Knowledge;
  readonly #followers: Followers;
  /** Nodes that were written here, and what they were written by: they compute with the values as they are kept. */
  readonly #written = new WeakSet<Node>();

  constructor(graph: Graph, constants: ReadonlyMap<string, Constant>, reading: QuantisedReading) {
    const values = new Map<string, QuantisedValue>();
    for (const { name, integers } of graph.inputs) {
      if (integers !== undefined && integerRanges.has(integers))
        values.set(name, { grid: wholes(integers), whole: true, between: true });
    }
    this.#known = { reading, values, weights: new Map<string, Weight>() };
    const readers = new Map<string, Node[]>();
    for (const node of graph.nodes) {
      for (const name of new Set(node.inputs)) {
        const list = readers.get(name);
        if (list) list.push(node);
        else readers.set(name, [node]);
      }
    }
    const results = new Set(graph.outputs);
    this.#followers = {
      onlyReader: (value) => {
        const list = readers.get(value);
        return list?.length === 1 && !results.has(value) ? list[0] : undefined;
      },
      constant: (name) => constants.get(name),
    };
  }

  write(from: Lowered): string | undefined {
    const { node } = from;
    if (this.#written.has(node)) return undefined;
    const own = table.get(node.op);
    let reason: string | undefined;
    // Constants are quantised, and cast, where the others are computed.
    const isFolded = folding.test(node.op) && node.inputs.every((name, i) => name === "" || from.known[i]);
    if (own && !isFolded) reason = own(this.#known, from);
    if (reason === undefined && from.nodes.length === 0 && (!own || node.op === "Cast")) {
      writePair(this.#known, from, this.#followers);
      if (from.nodes.length === 0) reason = passOn(this.#known, from);
    }
    for (const each of from.nodes) this.#written.add(each);
    return reason;
  }

  wrote(node: Node, nodes: readonly Node[]): void {
    if (this.#written.has(node)) for (const each of nodes) this.#written.add(each);
  }
}

/** How a quantised network is written by others. */
export const quantisation =
  (reading: QuantisedReading) =>
  (graph: Graph, constants: ReadonlyMap<string, Constant>): Rewriting =>
    new Quantisation(graph, constants, reading);
