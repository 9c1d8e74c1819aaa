import { type ConstantKind, type Graph, type Node, numberAttribute } from "./ir";

const comparisons = new Set("Equal Greater GreaterOrEqual Less LessOrEqual Not And Or Xor IsNaN IsInf".split(" "));
const counts = new Set(["Shape", "Size", "NonZero"]);

/** Which input the output is of the kind of, where it is not the first. */
const ofInput = new Map([
  ["Where", 1],
  ["OneHot", 2],
]);

/** The kind that a TensorProto.DataType number stands for. */
export function kindOfDataType(type: number): ConstantKind {
  if (type === 9) return "bool";
  return type === 1 || type === 10 || type === 11 || type === 16 ? "float" : "int";
}

/** Whether an output holds floats, integers or booleans, given the kinds of the inputs. */
function outputKind(node: Node, index: number, inputs: readonly (ConstantKind | undefined)[]): ConstantKind {
  if (comparisons.has(node.op)) return "bool";
  if (counts.has(node.op)) return "int";
  if (node.op === "DequantizeLinear" || node.op === "com.microsoft::DequantizeLinear") return "float";
  if (node.op === "MaxPool" && index === 1) return "int";
  if (node.op === "Dropout" && index === 1) return "bool";
  if (node.op === "Cast") return kindOfDataType(numberAttribute(node, "to"));
  if (node.op === "ConstantOfShape") {
    const value = node.attributes.get("value");
    return typeof value === "object" && "kind" in value ? value.kind : "float";
  }
  if (node.op === "EyeLike" && typeof node.attributes.get("dtype") === "number") {
    return kindOfDataType(numberAttribute(node, "dtype"));
  }
  return inputs[ofInput.get(node.op) ?? 0] ?? "float";
}

/** The kind of every value of a graph. */
export function valueKinds(graph: Graph): Map<string, ConstantKind> {
  const kinds = new Map<string, ConstantKind>(graph.inputs.map(({ name }) => [name, "float"]));
  for (const [name, { kind }] of graph.constants) kinds.set(name, kind);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => kinds.get(input));
    node.outputs.forEach((output, i) => {
      kinds.set(output, outputKind(node, i, inputs));
    });
  }
  return kinds;
}
