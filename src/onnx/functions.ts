import { LimitError, ModelError } from "../errors";
import type { Attribute } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import type { ExternalFiles } from "./external-data";
import { type FileNode, isDefaultDomain, operatorName, readAttribute, readNode } from "./file-node";
import { meansTheSame } from "./operator-sets";
import type { Field } from "./wire";

/** A FunctionProto: an operator that the file itself defines by others. */
export interface FileFunction {
  /** The operator's name, as nodes call it. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly FileNode[];
  /** What its attributes are where a call leaves them out. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  /** The ONNX operator set it is written for; absent where it names none. */
  readonly opset: number | undefined;
}

type FileFunctions = ReadonlyMap<string, FileFunction>;

export function readFunction(field: Field, files: ExternalFiles): FileFunction {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const nodes: FileNode[] = [];
  const defaults = new Map<string, Attribute>();
  let [name, domain, overload] = ["", "", ""];
  let opset: number | undefined;
  field.message("a function", (part) => {
    if (part.number === 1) name = part.string();
    else if (part.number === 4) inputs.push(part.string());
    else if (part.number === 5) outputs.push(part.string());
    else if (part.number === 7) nodes.push(readNode(part, files));
    else if (part.number === 9) opset = readOpset(part) ?? opset;
    else if (part.number === 10) domain = part.string();
    else if (part.number === 11) {
      const { key, value } = readAttribute(part, files, name);
      if (value !== undefined) defaults.set(key, value);
    } else if (part.number === 13) overload = part.string();
  });
  const op = operatorName(domain, name);
  return { op: overload === "" ? op : `${op}:${overload}`, inputs, outputs, nodes, defaults, opset };
}

/** @returns the version, where the field is about ONNX's own operators */
export function readOpset(field: Field): number | undefined {
  let domain = "";
  let version = 0;
  field.message("an operator set", (part) => {
    if (part.number === 1) domain = part.string();
    else if (part.number === 2) version = part.int();
  });
  return isDefaultDomain(domain) ? version : undefined;
}

const longestPrefix = 200;

/** Calls are counted too, and what is in the end used by nobody. */
const roomForCalls = 4;

/**
 * Puts the nodes of a function in the place of every node that calls it, and of those that call others inside it. A value
 * `v` of a function that the node `call` stands for becomes `call/v`; so do the names of its nodes.
 *
 * @param opset  the ONNX operator set of the file
 * @throws {ModelError} if a function calls itself, or is called with more inputs than it has; {LimitError} if the network would be too large
 */
export function inlineFunctions(
  nodes: readonly FileNode[],
  functions: FileFunctions,
  opset: number,
  limits: Limits = defaultLimits,
): FileNode[] {
  if (!nodes.some(({ op }) => functions.has(op))) return [...nodes];
  checkExpansion(nodes, functions, limits);
  const names = new UniqueNames(nodes);
  const result: FileNode[] = [];
  // Nodes that wait, the next one last: calls may lie in calls as deep as the file likes, and the stack of the host is short.
  const waiting = [...nodes].reverse();
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    const called = functions.get(node.op);
    if (!called) result.push(node);
    else for (const inner of bodyOf(node, called, names, opset).reverse()) waiting.push(inner);
  }
  return result;
}

/** The nodes of one call, with the names and attributes that they have there. */
function bodyOf(call: FileNode, called: FileFunction, names: UniqueNames, opset: number): FileNode[] {
  const prefix = names.prefixOf(call);
  const known = new Map<string, string>([["", ""]]);
  if (call.inputs.length > called.inputs.length || call.outputs.length > called.outputs.length) {
    throw new ModelError(
      `${call.op} "${call.name}": it has ${call.inputs.length} inputs and ${call.outputs.length} outputs, the function has ` +
        `${called.inputs.length} and ${called.outputs.length}. The file is damaged.`,
    );
  }
  called.inputs.forEach((input, i) => {
    known.set(input, call.inputs[i] ?? "");
  });
  const passed: FileNode[] = [];
  called.outputs.forEach((output, i) => {
    const outside = call.outputs[i] ?? "";
    if (outside === "") return;
    // An output that is an input, or another output, too.
    const inside = known.get(output);
    if (inside === undefined) known.set(output, outside);
    else passed.push({ ...plain, name: `${prefix}${output}`, op: "Identity", inputs: [inside], outputs: [outside] });
  });
  const inner = (value: string): string => {
    const found = known.get(value) ?? names.fresh(prefix + value);
    known.set(value, found);
    return found;
  };
  const body = called.nodes.map((node): FileNode => {
    const inside = node.graphs && "control flow inside of a function is not supported";
    const refusal = node.refusal ?? inside ?? otherMeaning(node, called, opset);
    return {
      name: `${prefix}${node.name || node.outputs[0] || node.op}`,
      op: node.op,
      inputs: node.inputs.map(inner),
      outputs: node.outputs.map(inner),
      attributes: resolved(node, call, called),
      references: plain.references,
      ...(refusal !== undefined && { refusal }),
    };
  });
  return [...body, ...passed];
}

const plain = { attributes: new Map<string, Attribute>(), references: new Map<string, string>() } as const;

function otherMeaning({ op }: FileNode, { op: called, opset: own }: FileFunction, opset: number): string | undefined {
  if (own === undefined || meansTheSame(op, own, opset)) return undefined;
  return (
    `the function "${called}" means that of operator set ${own}, the network is of set ${opset}, and the operator changed ` +
    "in between; export both with one"
  );
}

function resolved(node: FileNode, call: FileNode, called: FileFunction): ReadonlyMap<string, Attribute> {
  if (node.references.size === 0) return node.attributes;
  const attributes = new Map(node.attributes);
  for (const [key, outside] of node.references) {
    // Without a value out there the operator's own default is meant.
    const value = call.attributes.get(outside) ?? called.defaults.get(outside);
    if (value !== undefined) attributes.set(key, value);
  }
  return attributes;
}

/** Names that nothing in the network has yet. */
class UniqueNames {
  readonly #taken: Set<string>;
  readonly #calls = new Map<string, number>();

  constructor(nodes: readonly FileNode[]) {
    this.#taken = new Set(nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  }

  /** What stands in front of everything inside a call. Names of calls in calls in calls are cut, or they would fill the memory. */
  prefixOf({ name, outputs, op }: FileNode): string {
    const called = (name || outputs.find((output) => output !== "") || op).slice(-longestPrefix);
    const calls = (this.#calls.get(called) ?? 0) + 1;
    this.#calls.set(called, calls);
    return calls === 1 ? `${called}/` : `${called}_${calls}/`;
  }

  fresh(name: string): string {
    let found = name;
    for (let n = 2; this.#taken.has(found); n++) found = `${name}_${n}`;
    this.#taken.add(found);
    return found;
  }
}

interface Size {
  readonly nodes: number;
  readonly characters: number;
}

/**
 * Adds up what the calls would become before anything is written down: functions inside out, each once.
 *
 * @throws {ModelError} if a function calls itself; {LimitError} if it is too much
 */
function checkExpansion(nodes: readonly FileNode[], functions: FileFunctions, limits: Limits): void {
  const sizes = new Map<string, Size | "open">();
  const sizeOf = (body: readonly FileNode[]): Size => {
    let [count, characters] = [1, 0];
    for (const node of body) {
      const inside = sizes.get(node.op);
      if (inside && inside !== "open") {
        count += inside.nodes;
        characters += inside.characters;
      }
      count += 1;
      characters += charactersOf(node);
    }
    return { nodes: count, characters };
  };
  const waiting = calledBy(nodes, functions);
  for (let op = waiting.pop(); op !== undefined; op = waiting.pop()) {
    const called = functions.get(op);
    const before = sizes.get(op);
    if (!called || (before !== undefined && before !== "open")) continue;
    if (before === "open") {
      // Everything it calls is done.
      sizes.set(op, sizeOf(called.nodes));
      continue;
    }
    sizes.set(op, "open");
    const inner = calledBy(called.nodes, functions);
    const around = inner.find((name) => sizes.get(name) === "open");
    if (around !== undefined) {
      throw new ModelError(
        `The function "${around}" of the file calls itself${around === op ? "" : `, by way of "${op}"`}: it has no end. The file is damaged.`,
      );
    }
    waiting.push(op);
    for (const name of inner) waiting.push(name);
  }
  const { nodes: count, characters } = sizeOf(nodes);
  const most = roomForCalls * limits.nodes;
  if (count > most || characters > limits.textBytes) {
    const [limit, value, allowed] =
      count > most ? (["nodes", count, most] as const) : (["textBytes", characters, limits.textBytes] as const);
    throw new LimitError(
      `The file's functions call one another so often that the network would have ${shownCount(count)} nodes; ` +
        `${most.toLocaleString("en")} with names of ${limits.textBytes / 2 ** 20} MB are allowed. Export the network without ` +
        `functions, inline them first (onnx.inliner.inline_local_functions), or raise limits.${limit}.`,
      limit,
      value,
      allowed,
    );
  }
}

const shownCount = (count: number): string => (count < 1e9 ? count.toLocaleString("en") : "more than a billion");

const calledBy = (nodes: readonly FileNode[], functions: FileFunctions): string[] => [
  ...new Set(nodes.map(({ op }) => op).filter((op) => functions.has(op))),
];

/** Roughly what one copy of a node takes. */
function charactersOf({ name, inputs, outputs, attributes, references }: FileNode): number {
  const values = [...inputs, ...outputs].reduce((sum, value) => sum + value.length + 32, 0);
  return name.length + values + (references.size > 0 ? (attributes.size + references.size) * 32 : 0);
}
