import type { ConstantKind, Graph } from "../graph/ir";
import { quantisedOperators } from "./quantised-names";
import { operators } from "./table";

/** The kind of every value of a graph. */
export function valueKinds(graph: Graph): Map<string, ConstantKind> {
  const kinds = new Map<string, ConstantKind>(graph.inputs.map(({ name }) => [name, "float"]));
  for (const [name, { kind }] of graph.constants) kinds.set(name, kind);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => kinds.get(input));
    const { kind } = operators.get(node.op) ?? {};
    // Of quantised values the real numbers are kept, whatever their constants hold.
    const isReal = quantisedOperators.has(node.op);
    node.outputs.forEach((output, i) => {
      kinds.set(output, isReal ? "float" : (kind?.(node, i, inputs) ?? inputs[0] ?? "float"));
    });
  }
  return kinds;
}
