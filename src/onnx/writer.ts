import { valueKinds } from "../graph/element-kind";
import { type Attribute, Constant, type ConstantKind, type Graph, type Node, type StaticGraph } from "../graph/ir";
import { Message } from "./wire";

const producer = "seethrough";
/** Old enough for every reader of operator sets 7 to 22. */
const irVersion = 8;

/** TensorProto.DataType. */
const dataType: Readonly<Record<ConstantKind, number>> = { float: 1, int: 7, bool: 9 };

/** AttributeProto.AttributeType. */
const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

/** Attributes of the ONNX operators that are floats; every other number is an integer. */
const floatKeys: ReadonlySet<string> = new Set([
  "alpha",
  "beta",
  "bias",
  "cubic_coeff_a",
  "epsilon",
  "extrapolation_value",
  "gamma",
  "high",
  "lambd",
  "low",
  "max",
  "mean",
  "min",
  "momentum",
  "ratio",
  "scale",
  "scales",
  "seed",
  "value",
  "value_float",
  "value_floats",
]);

type AnyGraph = Graph & Partial<Pick<StaticGraph, "shapes">>;

/**
 * Writes a graph as an ONNX file.
 *
 * Floats are written as float32, also where the graph holds float16; integers as int64. Reading the file back gives the
 * same graph. Subgraphs of control flow, which the reader drops, are lost.
 */
export function writeOnnx(graph: AnyGraph): Uint8Array<ArrayBuffer> {
  const file = new Message().int(1, irVersion).string(2, producer).message(7, graphMessage(graph));
  for (const [domain, version] of operatorSets(graph)) {
    file.message(8, new Message().string(1, domain).int(2, version));
  }
  for (const [key, value] of graph.metadata) file.message(14, new Message().string(1, key).string(2, value));
  return file.finish();
}

function operatorSets(graph: Graph): Map<string, number> {
  const sets = new Map([["", graph.opset]]);
  for (const { op } of graph.nodes) {
    const { domain } = splitName(op);
    if (!sets.has(domain)) sets.set(domain, 1);
  }
  return sets;
}

/** `com.microsoft::Gelu` is operator Gelu of the domain com.microsoft. */
function splitName(op: string): { domain: string; type: string } {
  const at = op.lastIndexOf("::");
  return at < 0 ? { domain: "", type: op } : { domain: op.slice(0, at), type: op.slice(at + 2) };
}

function graphMessage(graph: AnyGraph): Message {
  const kinds = valueKinds(graph);
  const message = new Message();
  for (const node of graph.nodes) message.message(1, nodeMessage(node));
  message.string(2, graph.name);
  for (const [name, constant] of graph.constants) message.message(5, tensorMessage(constant, name));
  for (const { name, shape } of graph.inputs) message.message(11, valueMessage(name, "float", shape));
  for (const name of graph.outputs) {
    const shape = graph.shapes?.get(name) ?? graph.constants.get(name)?.shape;
    message.message(12, valueMessage(name, kinds.get(name) ?? "float", shape));
  }
  return message;
}

function valueMessage(name: string, kind: ConstantKind, shape?: readonly (number | string | null)[]): Message {
  const type = new Message().int(1, dataType[kind]);
  if (shape) {
    const extents = new Message();
    for (const extent of shape) extents.message(1, dimensionMessage(extent));
    type.message(2, extents);
  }
  return new Message().string(1, name).message(2, new Message().message(1, type));
}

function dimensionMessage(extent: number | string | null): Message {
  if (typeof extent === "number") return new Message().int(1, extent);
  return extent === null ? new Message() : new Message().string(2, extent);
}

function nodeMessage(node: Node): Message {
  const { domain, type } = splitName(node.op);
  const message = new Message();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, node.name).string(4, type);
  for (const [key, value] of node.attributes) {
    const attribute = new Message().string(1, key);
    message.message(5, attribute.int(20, writeAttribute(key, value, attribute)));
  }
  return domain === "" ? message : message.string(7, domain);
}

/** @returns the AttributeType of what was written */
function writeAttribute(key: string, value: Attribute, message: Message): number {
  if (typeof value === "string") {
    message.string(4, value);
    return attributeType.string;
  }
  if (value instanceof Constant) {
    message.message(5, tensorMessage(value));
    return attributeType.tensor;
  }
  if (typeof value === "number") {
    if (floatKeys.has(key) || !Number.isInteger(value)) {
      message.float(2, value);
      return attributeType.float;
    }
    message.int(3, int64(value));
    return attributeType.int;
  }
  const numbers = value.filter((item) => typeof item === "number");
  if (numbers.length < value.length) {
    for (const item of value) message.string(9, String(item));
    return attributeType.strings;
  }
  if (floatKeys.has(key) || !numbers.every(Number.isInteger)) {
    for (const item of numbers) message.float(7, item);
    return attributeType.floats;
  }
  for (const item of numbers) message.int(8, int64(item));
  return attributeType.ints;
}

/** The largest int64 (as an open end, say) has no double; the largest double below it means the same. */
const int64 = (value: number): number => Math.min(value, 2 ** 63 - 1024);

function tensorMessage(constant: Constant, name = ""): Message {
  const message = new Message();
  for (const extent of constant.shape) message.int(1, extent);
  message.int(2, dataType[constant.kind]);
  if (name !== "") message.string(8, name);
  return message.bytes(9, rawData(constant));
}

function rawData(constant: Constant): Uint8Array {
  if (constant.format === "float32") return constant.bytes;
  if (constant.kind === "float") {
    const floats = constant.floats();
    return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  }
  if (constant.kind === "bool") return Uint8Array.from(constant.numbers());
  const words = BigInt64Array.from(constant.numbers(), (value) => BigInt(int64(value)));
  return new Uint8Array(words.buffer);
}
