import { ModelError } from "../errors";
import { type Attribute, Constant, type Graph, type GraphInput, type Node } from "../graph/ir";
import { describeForeignFile } from "./foreign-files";
import { sortedNodes, uniquelyNamed } from "./node-order";
import { elementTypeName, elementTypes, readTensor } from "./tensor-data";
import { type Field, readMessage } from "./wire";

const supportedOpsets = { first: 7, last: 22 } as const;

/**
 * Reads an ONNX file.
 *
 * Weights stay views of `bytes`, so keep the bytes unchanged as long as the graph is in use. Constant nodes become
 * constants; nodes come back sorted and with unique names; the subgraphs of control flow are dropped, so that
 * `specialise` reports the node as an unsupported operator.
 *
 * @param bytes  the whole file
 * @param name   what to call the model; default: the graph's name in the file
 * @throws {ModelError} if the bytes are not a complete ONNX model with its weights inside
 */
export function readOnnx(bytes: Uint8Array, name?: string): Graph {
  const foreign = describeForeignFile(bytes);
  if (foreign) throw new ModelError(foreign);
  const file = readModel(bytes);
  checkOpset(file.opset);
  if (!file.graph) throw new ModelError("The file holds no graph. It is cut off, or it is not an ONNX model.");
  const { nodes: all, inputs, outputs, initialisers } = file.graph;
  if (all.length === 0) throw new ModelError("The graph has no nodes: there is no network in this file.");
  if (outputs.length === 0) throw new ModelError("The graph has no outputs: nothing could be computed or explained.");

  const constants = new Map(initialisers);
  const nodes: FileNode[] = [];
  for (const node of all) {
    const constant = node.op === "Constant" ? constantOf(node) : undefined;
    if (!constant) nodes.push(node);
    else if (constants.has(node.outputs[0])) throw new ModelError(`The value "${node.outputs[0]}" is defined twice.`);
    else constants.set(node.outputs[0], constant);
  }
  // Before IR version 4 every initialiser had to be listed as an input too.
  const trueInputs = inputs.filter((input) => !initialisers.has(input.name));
  const named = uniquelyNamed(nodes);
  return {
    name: name ?? file.graph.name,
    opset: file.opset as number,
    inputs: trueInputs.map(checkedInput),
    outputs,
    nodes: sortedNodes(named, [...trueInputs.map((input) => input.name), ...constants.keys()], outputs),
    constants,
    metadata: file.metadata,
  };
}

type FileNode = Omit<Node, "name"> & { readonly name: string };

interface FileInput extends GraphInput {
  readonly elementType: number;
  readonly isTensor: boolean;
}

interface FileGraph {
  name: string;
  readonly nodes: FileNode[];
  readonly inputs: FileInput[];
  readonly outputs: string[];
  readonly initialisers: Map<string, Constant>;
}

function readModel(bytes: Uint8Array) {
  const metadata = new Map<string, string>();
  let opset: number | undefined;
  let graph: FileGraph | undefined;
  readMessage(bytes, "the model", (field) => {
    if (field.number === 7) graph = readGraph(field);
    else if (field.number === 8) opset = readOpset(field) ?? opset;
    else if (field.number === 14) metadata.set(...readEntry(field));
  });
  return { metadata, opset: opset as number | undefined, graph: graph as FileGraph | undefined };
}

const isDefaultDomain = (domain: string): boolean => domain === "" || domain === "ai.onnx";

function readOpset(field: Field): number | undefined {
  let domain = "";
  let version = 0;
  field.message("an operator set", (part) => {
    if (part.number === 1) domain = part.string();
    else if (part.number === 2) version = part.int();
  });
  return isDefaultDomain(domain) ? version : undefined;
}

function checkOpset(opset: number | undefined): void {
  const { first, last } = supportedOpsets;
  if (opset === undefined) {
    throw new ModelError("The file names no ONNX operator set. It is cut off, or it is not an ONNX model.");
  }
  if (opset < first || opset > last) {
    throw new ModelError(
      `The file uses ONNX operator set ${opset}; ${first} to ${last} are supported. Export it with opset_version=17, ` +
        "or convert it with onnx.version_converter.",
    );
  }
}

function readEntry(field: Field): [string, string] {
  const entry: [string, string] = ["", ""];
  field.message("a metadata entry", (part) => {
    if (part.number === 1) entry[0] = part.string();
    else if (part.number === 2) entry[1] = part.string();
  });
  return entry;
}

function readGraph(field: Field): FileGraph {
  const graph: FileGraph = { name: "", nodes: [], inputs: [], outputs: [], initialisers: new Map() };
  field.message("the graph", (part) => {
    if (part.number === 1) graph.nodes.push(readNode(part));
    else if (part.number === 2) graph.name = part.string();
    else if (part.number === 5) {
      const { name, constant } = readTensor(part);
      graph.initialisers.set(name, constant);
    } else if (part.number === 11) graph.inputs.push(readInput(part));
    else if (part.number === 12) graph.outputs.push(readInput(part).name);
    else if (part.number === 15) {
      throw new ModelError(
        "The file stores weights as sparse tensors, which are not supported. Export the network with dense weights.",
      );
    }
  });
  return graph;
}

function readNode(field: Field): FileNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let name = "";
  let op = "";
  let domain = "";
  field.message("a node", (part) => {
    if (part.number === 1) inputs.push(part.string());
    else if (part.number === 2) outputs.push(part.string());
    else if (part.number === 3) name = part.string();
    else if (part.number === 4) op = part.string();
    else if (part.number === 5) {
      const [key, value] = readAttribute(part, name || outputs[0] || op);
      if (value !== undefined) attributes.set(key, value);
    } else if (part.number === 7) domain = part.string();
  });
  return { name, op: isDefaultDomain(domain) ? op : `${domain}::${op}`, inputs, outputs, attributes };
}

/** AttributeProto.AttributeType of what we read; subgraphs and the rest are left out. */
const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8, sparse: 11 } as const;

function readAttribute(field: Field, node: string): [string, Attribute | undefined] {
  let key = "";
  let type = 0;
  let single: Attribute | undefined;
  const floats: Uint8Array[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  field.message("an attribute", (part) => {
    if (part.number === 1) key = part.string();
    else if (part.number === 2) single = part.float();
    else if (part.number === 3) single = part.int();
    else if (part.number === 4) single = part.string();
    else if (part.number === 5) single = readTensor(part, node).constant;
    else if (part.number === 7) floats.push(part.fixed(4));
    else if (part.number === 8) part.ints(ints);
    else if (part.number === 9) strings.push(part.string());
    else if (part.number === 20) type = part.int();
  });
  if (type === attributeType.sparse) {
    throw new ModelError(`Node "${node}": attribute "${key}" is a sparse tensor, which is not supported.`);
  }
  if (single !== undefined) return [key, single];
  if (type === attributeType.floats || floats.length > 0) return [key, floats.flatMap(toFloats)];
  if (type === attributeType.ints || ints.length > 0) return [key, ints];
  if (type === attributeType.strings || strings.length > 0) return [key, strings];
  // proto3 writers leave out zeros and empty strings.
  if (type === attributeType.float || type === attributeType.int) return [key, 0];
  if (type === attributeType.string) return [key, ""];
  return [key, undefined];
}

function toFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

function readInput(field: Field): FileInput {
  let name = "";
  let elementType = 0;
  let isTensor = true;
  const shape: (number | string | null)[] = [];
  field.message("an input or output", (info) => {
    if (info.number === 1) name = info.string();
    else if (info.number === 2) {
      info.message("a type", (type) => {
        if (type.number !== 1) {
          isTensor &&= type.number === 6; // 6 is the denotation, anything else a sequence, map or optional
          return;
        }
        type.message("a tensor type", (tensor) => {
          if (tensor.number === 1) elementType = tensor.int();
          else if (tensor.number === 2) {
            tensor.message("a shape", (dims) => {
              if (dims.number === 1) shape.push(readDimension(dims));
            });
          }
        });
      });
    }
  });
  return { name, shape, elementType, isTensor };
}

function readDimension(field: Field): number | string | null {
  let extent: number | string | null = null;
  field.message("a dimension", (part) => {
    if (part.number === 1) extent = part.int();
    else if (part.number === 2) extent = part.string();
  });
  // Some exporters write 0 or -1 for a dimension they leave open.
  if (typeof extent === "number" && extent < 1) return null;
  return extent === "" ? null : extent;
}

function checkedInput({ name, shape, elementType, isTensor }: FileInput): GraphInput {
  const isFloat = isTensor && (elementType === 0 || elementTypes.get(elementType)?.kind === "float");
  if (!isFloat) {
    const type = isTensor ? elementTypeName(elementType) : "something that is not a tensor";
    throw new ModelError(
      `Input "${name}" holds ${type}; an input must be a float tensor. Export the network without the conversion in front of it.`,
    );
  }
  return { name, shape };
}

/** The value of a Constant node, or undefined where it is none that this package knows (strings). */
function constantOf(node: FileNode): Constant | undefined {
  if (!node.outputs[0]) return undefined;
  const value = node.attributes.get("value");
  if (value instanceof Constant) return value;
  const float = node.attributes.get("value_float");
  if (typeof float === "number") return Constant.fromFloats(Float32Array.of(float), []);
  const int = node.attributes.get("value_int");
  if (typeof int === "number") return Constant.fromNumbers("int", [int], []);
  const floats = numbersOf(node.attributes.get("value_floats"));
  if (floats) return Constant.fromFloats(Float32Array.from(floats), [floats.length]);
  const ints = numbersOf(node.attributes.get("value_ints"));
  if (ints) return Constant.fromNumbers("int", ints, [ints.length]);
  return undefined;
}

const numbersOf = (value: Attribute | undefined): readonly number[] | undefined =>
  Array.isArray(value) ? value.filter((item): item is number => typeof item === "number") : undefined;
