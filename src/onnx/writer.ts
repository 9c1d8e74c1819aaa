import { PbfWriter } from "pbf";
import { type Attribute, Constant, type ConstantKind, type Graph, type Node, type StaticGraph } from "../graph/ir";
import { valueKinds } from "../operators/element-kind";

const producer = "seethrough";
/** Old enough for every reader of operator sets 7 to 22. */
const irVersion = 8;

/** TensorProto.DataType. */
const dataType: Readonly<Record<ConstantKind, number>> = { float: 1, int: 7, bool: 9 };

/** Integers that are written as what they are, because what reads them asks for no others: those of quantised networks. */
const bytesOf: Readonly<
  Record<string, { readonly type: number; readonly room: Uint8ArrayConstructor | Int8ArrayConstructor }>
> = {
  uint8: { type: 2, room: Uint8Array },
  int8: { type: 3, room: Int8Array },
};

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
 * Floats are written as float32, also where the graph holds float16; integers as int64, but for int8 and uint8. Reading the file back gives the
 * same graph. Subgraphs of control flow, which the reader drops, are lost.
 */
export function writeOnnx(graph: AnyGraph): Uint8Array<ArrayBuffer> {
  const file = new PbfWriter();
  file.writeVarintField(1, irVersion);
  file.writeStringField(2, producer);
  file.writeMessage(7, writeGraph, graph);
  for (const [domain, version] of operatorSets(graph)) file.writeMessage(8, writeOperatorSet, { domain, version });
  for (const [key, value] of graph.metadata) file.writeMessage(14, writeEntry, { key, value });
  // A copy, without the room the writer keeps for more.
  return new Uint8Array(file.finish());
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

function writeOperatorSet({ domain, version }: { domain: string; version: number }, pbf: PbfWriter): void {
  pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}

function writeEntry({ key, value }: { key: string; value: string }, pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeGraph(graph: AnyGraph, pbf: PbfWriter): void {
  const kinds = valueKinds(graph);
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, graph.name);
  for (const [name, constant] of graph.constants) pbf.writeMessage(5, writeTensor, { name, constant });
  for (const { name, shape } of graph.inputs) pbf.writeMessage(11, writeValue, { name, shape, kind: "float" });
  for (const name of graph.outputs) {
    const shape = graph.shapes?.get(name) ?? graph.constants.get(name)?.shape;
    pbf.writeMessage(12, writeValue, { name, shape, kind: kinds.get(name) ?? "float" });
  }
}

interface Value {
  readonly name: string;
  readonly shape: readonly (number | string | null)[] | undefined;
  readonly kind: ConstantKind;
}

function writeValue({ name, shape, kind }: Value, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(
    2,
    (_, type) => {
      type.writeMessage(1, writeTensorType, { shape, kind });
    },
    null,
  );
}

function writeTensorType({ shape, kind }: Omit<Value, "name">, pbf: PbfWriter): void {
  pbf.writeVarintField(1, dataType[kind]);
  if (shape) pbf.writeMessage(2, writeShape, shape);
}

function writeShape(shape: readonly (number | string | null)[], pbf: PbfWriter): void {
  for (const extent of shape) pbf.writeMessage(1, writeDimension, extent);
}

function writeDimension(extent: number | string | null, pbf: PbfWriter): void {
  if (typeof extent === "number") pbf.writeVarintField(1, extent);
  else if (extent !== null) pbf.writeStringField(2, extent);
}

function writeNode(node: Node, pbf: PbfWriter): void {
  const { domain, type } = splitName(node.op);
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, type);
  for (const [key, value] of node.attributes) pbf.writeMessage(5, writeAttribute, { key, value });
  if (domain !== "") pbf.writeStringField(7, domain);
}

function writeAttribute({ key, value }: { key: string; value: Attribute }, pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeVarintField(20, writeAttributeValue(key, value, pbf));
}

/** @returns the AttributeType of what was written */
function writeAttributeValue(key: string, value: Attribute, pbf: PbfWriter): number {
  if (typeof value === "string") {
    pbf.writeStringField(4, value);
    return attributeType.string;
  }
  if (value instanceof Constant) {
    pbf.writeMessage(5, writeTensor, { name: "", constant: value });
    return attributeType.tensor;
  }
  if (typeof value === "number") {
    if (floatKeys.has(key) || !Number.isInteger(value)) {
      pbf.writeFloatField(2, value);
      return attributeType.float;
    }
    pbf.writeVarintField(3, int64(value));
    return attributeType.int;
  }
  const numbers = value.filter((item) => typeof item === "number");
  if (numbers.length < value.length) {
    for (const item of value) pbf.writeStringField(9, String(item));
    return attributeType.strings;
  }
  if (floatKeys.has(key) || !numbers.every(Number.isInteger)) {
    for (const item of numbers) pbf.writeFloatField(7, item);
    return attributeType.floats;
  }
  for (const item of numbers) pbf.writeVarintField(8, int64(item));
  return attributeType.ints;
}

/** The largest int64 (as an open end, say) has no double; the largest double below it means the same. */
const int64 = (value: number): number => Math.min(value, 2 ** 63 - 1024);

function writeTensor({ name, constant }: { name: string; constant: Constant }, pbf: PbfWriter): void {
  for (const extent of constant.shape) pbf.writeVarintField(1, extent);
  pbf.writeVarintField(2, bytesOf[constant.elements ?? ""]?.type ?? dataType[constant.kind]);
  if (name !== "") pbf.writeStringField(8, name);
  pbf.writeBytesField(9, rawData(constant));
}

function rawData(constant: Constant): Uint8Array {
  if (constant.format === "float32") return constant.bytes;
  if (constant.kind === "float") {
    const floats = constant.floats();
    return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  }
  if (constant.kind === "bool") return Uint8Array.from(constant.numbers());
  const bytes = bytesOf[constant.elements ?? ""];
  if (bytes) return new Uint8Array(bytes.room.from(constant.numbers()).buffer);
  const words = BigInt64Array.from(constant.numbers(), (value) => BigInt(int64(value)));
  return new Uint8Array(words.buffer);
}
