import { ModelError } from "../errors";
import type { Constant, Graph, GraphInput, Node } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import { InnerNames, withBranches } from "./branches";
import { constantOf } from "./constant-node";
import { ExternalFiles } from "./external-data";
import { type FileNode, readNode } from "./file-node";
import { type FileFunction, inlineFunctions, readFunction, readOpset } from "./functions";
import { readAsFloats } from "./integer-inputs";
import { sortedNodes, uniquelyNamed } from "./node-order";
import { checkOpset, tooOld } from "./operator-sets";
import { elementTypeName, elementTypes, readTensor } from "./tensor-data";
import { type Field, readMessage } from "./wire";

/**
 * Reads an ONNX file.
 *
 * Weights stay views of `bytes`, so keep the bytes unchanged as long as the graph is in use. Constant nodes become
 * constants; the functions of the file are put in the place of their calls; nodes come back sorted and with unique names;
 * an If keeps its branches and a loop its body for `specialise`; other graphs inside of nodes are dropped.
 *
 * @param bytes  the whole file
 * @param name   what to call the model; default: the graph's name in the file
 * @param beside the files that the model keeps weights in, by their path relative to it
 * @param limits what the file may ask for
 * @throws {LimitError} if it asks for more
 * @throws {MissingFilesError} if weights lie in files that are not there
 * @throws {ModelError} if the bytes are not a complete ONNX model
 */
export function readOnnx(
  bytes: Uint8Array,
  name?: string,
  beside: ReadonlyMap<string, Uint8Array> = new Map(),
  limits: Limits = defaultLimits,
): Graph {
  const files = new ExternalFiles(beside);
  const file = readModel(bytes, files, limits);
  const opset = checkOpset(file.opset);
  if (!file.graph) throw new ModelError("The file holds no graph. It is cut off, or it is not an ONNX model.");
  const { nodes: written, inputs, outputs, initialisers, refused } = file.graph;
  if (written.length === 0) throw new ModelError("The graph has no nodes: there is no network in this file.");
  if (outputs.length === 0) throw new ModelError("The graph has no outputs: nothing could be computed or explained.");

  files.checkComplete();
  const constants = new Map(initialisers);
  const nodes: Node[] = [...refused];
  const check = (node: FileNode): Node => checkedNode(node, opset);
  const inlined = inlineFunctions(written, file.functions, opset, limits);
  const outside = inlined.some(({ graphs }) => graphs) ? inlined.flatMap((node) => node.outputs) : [];
  const names = new InnerNames([...outside, ...constants.keys(), ...inputs.map((input) => input.name)]);
  for (const node of inlined) {
    const constant = node.op === "Constant" ? constantOf(node) : undefined;
    if (!constant) nodes.push(withBranches(node, check, names));
    else if (constants.has(node.outputs[0])) throw new ModelError(`The value "${node.outputs[0]}" is defined twice.`);
    else constants.set(node.outputs[0], constant);
  }
  // Before IR version 4 every initialiser had to be listed as an input too.
  const given = new Set([...initialisers.keys(), ...refused.flatMap((node) => node.outputs)]);
  const trueInputs = inputs.filter((input) => !given.has(input.name));
  const graphInputs = trueInputs.map(checkedInput);
  let sorted = sortedNodes(uniquelyNamed(nodes), [...trueInputs.map(({ name }) => name), ...constants.keys()], outputs);
  for (const input of trueInputs) if (isOfIntegers(input)) sorted = readAsFloats(sorted, input, outputs, constants);
  return {
    name: name ?? file.graph.name,
    opset,
    inputs: graphInputs,
    outputs,
    nodes: sorted,
    constants,
    metadata: file.metadata,
  };
}

function checkedNode({ name, op, inputs, outputs, attributes, references, refusal }: FileNode, opset: number): Node {
  const [outside] = references.size > 0 ? references.values() : [];
  const why =
    refusal ??
    (outside === undefined
      ? tooOld(op, opset)
      : `it refers to the attribute "${outside}" of a function and is in none`);
  return { name, op, inputs, outputs, attributes, ...(why !== undefined && { refusal: why }) };
}

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
  /** In the place of tensors that nothing here computes with. */
  readonly refused: Node[];
}

function readModel(bytes: Uint8Array, files: ExternalFiles, limits: Limits) {
  const metadata = new Map<string, string>();
  const functions = new Map<string, FileFunction>();
  let opset: number | undefined;
  let graph: FileGraph | undefined;
  readMessage(
    bytes,
    "the model",
    (field) => {
      if (field.number === 7) graph = readGraph(field, files);
      else if (field.number === 8) opset = readOpset(field) ?? opset;
      else if (field.number === 14) metadata.set(...readEntry(field));
      else if (field.number === 25) {
        const read = readFunction(field, files);
        functions.set(read.op, read);
      }
    },
    limits,
  );
  return { metadata, functions, opset: opset as number | undefined, graph: graph as FileGraph | undefined };
}

function readEntry(field: Field): [string, string] {
  const entry: [string, string] = ["", ""];
  field.message("a metadata entry", (part) => {
    if (part.number === 1) entry[0] = part.string();
    else if (part.number === 2) entry[1] = part.text();
  });
  return entry;
}

function readGraph(field: Field, files: ExternalFiles): FileGraph {
  const graph: FileGraph = { name: "", nodes: [], inputs: [], outputs: [], initialisers: new Map(), refused: [] };
  field.message("the graph", (part) => {
    if (part.number === 1) graph.nodes.push(readNode(part, files));
    else if (part.number === 2) graph.name = part.string();
    else if (part.number === 5) {
      const { name, constant, refusal = "" } = readTensor(part, files);
      if (constant) graph.initialisers.set(name, constant);
      else
        graph.refused.push({ name: "", op: "Constant", inputs: [], outputs: [name], attributes: new Map(), refusal });
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

function isOfIntegers({ elementType, isTensor }: FileInput): boolean {
  const type = elementTypes.get(elementType);
  return isTensor && (type?.kind === "int" || type?.kind === "bool") && type.bits >= 8;
}

function checkedInput(input: FileInput): GraphInput {
  const { name, shape, elementType, isTensor } = input;
  if (isOfIntegers(input)) return { name, shape, integers: elementTypeName(elementType) };
  if (!isTensor || (elementType !== 0 && elementTypes.get(elementType)?.kind !== "float")) {
    const type = isTensor ? elementTypeName(elementType) : "something that is not a tensor";
    throw new ModelError(
      `Input "${name}" holds ${type}; an input must be a float tensor. Export the network without the conversion in front of it.`,
    );
  }
  return { name, shape };
}
