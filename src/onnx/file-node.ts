import { ModelError } from "../errors";
import type { Attribute, Constant, Node } from "../graph/ir";
import { withinLimit } from "../limits";
import type { ExternalFiles } from "./external-data";
import { readTensor } from "./tensor-data";
import type { Field } from "./wire";

/** A node as the file has it. */
export interface FileNode extends Node {
  /** Inside a function: which attributes (by their name here) are those of the node that calls it (by their name there). */
  readonly references: ReadonlyMap<string, string>;
  /** Graphs inside of the node, by attribute. */
  readonly graphs?: ReadonlyMap<string, OnnxFileGraph>;
}

/** A graph inside of a node, with the names that it has there. */
export interface OnnxFileGraph {
  readonly nodes: readonly FileNode[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly initialisers: ReadonlyMap<string, Constant>;
}

export const isDefaultDomain = (domain: string): boolean => domain === "" || domain === "ai.onnx";

/** How an operator is called here: its domain's name in front of it, unless it is ONNX's own. */
export const operatorName = (domain: string, name: string): string =>
  isDefaultDomain(domain) ? name : `${domain}::${name}`;

export function readNode(field: Field, files: ExternalFiles, depth = 0): FileNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  const references = new Map<string, string>();
  const graphs = new Map<string, OnnxFileGraph>();
  let name = "";
  let op = "";
  let domain = "";
  let overload = "";
  let refusal: string | undefined;
  field.message("a node", (part) => {
    if (part.number === 1) inputs.push(part.string());
    else if (part.number === 2) outputs.push(part.string());
    else if (part.number === 3) name = part.string();
    else if (part.number === 4) op = part.string();
    else if (part.number === 5) {
      const attribute = readAttribute(part, files, name || outputs[0] || op, depth);
      if (attribute.graph) graphs.set(attribute.key, attribute.graph);
      if (attribute.reference !== "") references.set(attribute.key, attribute.reference);
      else if (attribute.value !== undefined) attributes.set(attribute.key, attribute.value);
      refusal ??= attribute.refusal;
    } else if (part.number === 7) domain = part.string();
    else if (part.number === 8) overload = part.string();
  });
  const called = operatorName(domain, op);
  return {
    name,
    op: overload === "" ? called : `${called}:${overload}`,
    inputs,
    outputs,
    attributes,
    references,
    ...(refusal !== undefined && { refusal }),
    ...(graphs.size > 0 && { graphs }),
  };
}

function readSubgraph(field: Field, files: ExternalFiles, depth: number): OnnxFileGraph {
  withinLimit(field.limits, "subgraphs", depth, "The file has graphs inside of graphs, too deep");
  const nodes: FileNode[] = [];
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const initialisers = new Map<string, Constant>();
  const nameOf = (part: Field, to: string[]): void =>
    part.message("an input or output", (info) => {
      if (info.number === 1) to.push(info.string());
    });
  field.message("a graph inside of a node", (part) => {
    if (part.number === 1) nodes.push(readNode(part, files, depth));
    else if (part.number === 5) {
      const { name, constant } = readTensor(part, files);
      if (constant) initialisers.set(name, constant);
    } else if (part.number === 11) nameOf(part, inputs);
    else if (part.number === 12) nameOf(part, outputs);
  });
  return { nodes, inputs, outputs, initialisers };
}

/** AttributeProto.AttributeType of what we read; subgraphs and the rest are left out. */
const attributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8, sparse: 11 } as const;

interface FileAttribute {
  readonly key: string;
  readonly value: Attribute | undefined;
  /** The attribute of the calling node that this one stands for, or nothing. */
  readonly reference: string;
  /** Why a value cannot be used. */
  readonly refusal: string | undefined;
  readonly graph: OnnxFileGraph | undefined;
}

export function readAttribute(field: Field, files: ExternalFiles, node: string, depth = 0): FileAttribute {
  let key = "";
  let type = 0;
  let reference = "";
  let refusal: string | undefined;
  let graph: OnnxFileGraph | undefined;
  let single: Attribute | undefined;
  const floats: Uint8Array[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  field.message("an attribute", (part) => {
    if (part.number === 1) key = part.string();
    else if (part.number === 2) single = part.float();
    else if (part.number === 3) single = part.int();
    else if (part.number === 4) single = part.text();
    else if (part.number === 5) {
      const tensor = readTensor(part, files, node);
      single = tensor.constant;
      refusal = tensor.refusal;
    } else if (part.number === 6) graph = readSubgraph(part, files, depth + 1);
    else if (part.number === 7) floats.push(part.fixed(4));
    else if (part.number === 8) part.ints(ints);
    else if (part.number === 9) strings.push(part.text());
    else if (part.number === 20) type = part.int();
    else if (part.number === 21) reference = part.string();
  });
  if (type === attributeType.sparse) {
    throw new ModelError(`Node "${node}": attribute "${key}" is a sparse tensor, which is not supported.`);
  }
  return { key, value: written(), reference, refusal, graph };

  function written(): Attribute | undefined {
    if (single !== undefined) return single;
    if (type === attributeType.floats || floats.length > 0) return floats.flatMap(toFloats);
    if (type === attributeType.ints || ints.length > 0) return ints;
    if (type === attributeType.strings || strings.length > 0) return strings;
    // proto3 writers leave out zeros and empty strings.
    if (type === attributeType.float || type === attributeType.int) return 0;
    if (type === attributeType.string) return "";
    return undefined;
  }
}

function toFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(i * 4, true));
}
