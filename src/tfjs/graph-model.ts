import { cut } from "../addresses";
import { fixedShape } from "../compile/input-shapes";
import { ModelError } from "../errors";
import type { Constant } from "../graph/ir";
import { entryOf } from "../guard";
import { GraphAttributes } from "./graph-attributes";
import type { GraphBuilder, Value } from "./graph-builder";
import type { KnownInputShape } from "./input-shapes";
import { Fields, isObject, type Json, type JsonObject } from "./json";
import { leastInputs, operations } from "./operations";

interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** `node`, `node:1` for another output than the first; without those that only say what must run before. */
  readonly inputs: readonly string[];
  readonly attributes: GraphAttributes;
}

/** The network of a graph-model: a GraphDef whose constants are weights. */
export class GraphModel {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #topology: JsonObject;
  readonly #signature: JsonObject;
  readonly #builder: GraphBuilder;
  readonly #weights: ReadonlyMap<string, Constant>;
  readonly #inputShapes: KnownInputShape;
  readonly #values = new Map<string, readonly Value[]>();
  /** Nodes whose inputs are being converted. */
  readonly #pending = new Set<string>();
  #inputs = 0;

  constructor(
    model: JsonObject,
    builder: GraphBuilder,
    weights: ReadonlyMap<string, Constant>,
    inputShapes: KnownInputShape,
  ) {
    this.#topology = isObject(model.modelTopology) ? model.modelTopology : {};
    this.#signature = isObject(model.signature) ? model.signature : {};
    this.#builder = builder;
    this.#weights = weights;
    this.#inputShapes = inputShapes;
    for (const json of new Fields(this.#topology, "The graph in model.json").list("node")) {
      const fields = new Fields(isObject(json) ? json : {}, "A node of the graph");
      const listed = fields.list("input", []).filter((input) => typeof input === "string");
      const node: GraphNode = {
        name: fields.string("name"),
        op: fields.string("op"),
        inputs: listed.filter((input) => !input.startsWith("^")),
        attributes: new GraphAttributes(fields.object.attr),
      };
      this.#nodes.set(node.name, node);
    }
    if (this.#nodes.size === 0) throw new ModelError("The graph has no nodes: there is no network in this file.");
  }

  /** The outputs of the signature, or where there is none the values that nothing reads. */
  build(): Value[] {
    const outputs = this.#outputs();
    if (outputs.length === 0) throw new ModelError("The graph has no outputs: nothing could be computed or explained.");
    const needed = this.#needed(outputs);
    // In the order of the file, so that operators run as they are listed.
    for (const name of this.#nodes.keys()) if (needed.has(name)) this.#resultsOf(name);
    return outputs.map((output) => this.#value(output));
  }

  #outputs(): string[] {
    const named = isObject(this.#signature.outputs) ? Object.entries(this.#signature.outputs) : [];
    const listed = named.map(([key, output]) =>
      isObject(output) && typeof output.name === "string" ? output.name : key,
    );
    if (listed.length > 0) return listed;
    const read = new Set([...this.#nodes.values()].flatMap(({ inputs }) => inputs.map((input) => nodeOf(input))));
    const ends = [...this.#nodes.values()].filter(({ name, op }) => !read.has(name) && op !== "Const" && op !== "NoOp");
    return ends.map(({ name }) => name);
  }

  #needed(outputs: readonly string[]): ReadonlySet<string> {
    const needed = new Set<string>();
    const next = outputs.map(nodeOf);
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (needed.has(name)) continue;
      needed.add(name);
      for (const input of this.#nodes.get(name)?.inputs ?? []) next.push(nodeOf(input));
    }
    return needed;
  }

  #value(reference: string): Value {
    const results = this.#resultsOf(nodeOf(reference));
    const index = Number(reference.split(":")[1] ?? 0);
    return results[index] ?? results[0];
  }

  /** What a node gives, after all that it waits for; without recursion, since files list their nodes in any order. */
  #resultsOf(name: string): readonly Value[] {
    const waiting = [name];
    for (let last = waiting.at(-1); last !== undefined; last = waiting.at(-1)) {
      const node = this.#nodes.get(last);
      if (!node)
        throw new ModelError(`The graph reads "${cut(last)}", which no node of it defines; model.json is damaged.`);
      const open = this.#values.has(last) ? [] : node.inputs.map(nodeOf).filter((input) => !this.#values.has(input));
      if (open.length === 0) {
        if (!this.#values.has(last)) this.#values.set(last, this.#convert(node));
        waiting.pop();
        continue;
      }
      this.#pending.add(last);
      for (const input of open.reverse()) {
        if (this.#pending.has(input))
          throw new ModelError(`Node "${cut(input)}" waits for its own result; model.json is damaged.`);
        waiting.push(input);
      }
    }
    return entryOf(this.#values, name);
  }

  #convert(node: GraphNode): Value[] {
    const { name, op, attributes } = node;
    if (op === "Const") return [this.#constant(name)];
    if (op === "Placeholder") return [this.#input(node)];
    const b = this.#builder;
    const inputs = node.inputs.map((input) => this.#value(input));
    const convert = Object.hasOwn(operations, op) ? operations[op] : undefined;
    const least = leastInputs.get(op) ?? (convert ? 1 : 0);
    if (inputs.length < least) {
      throw new ModelError(
        `Node "${cut(name)}" (${op}) has ${inputs.length} inputs and needs at least ${least}; model.json is damaged.`,
      );
    }
    return b.layer(name, op, inputs, convert && (() => convert({ b, attributes, inputs })));
  }

  #constant(name: string): Value {
    const constant = this.#weights.get(name);
    if (!constant) {
      throw new ModelError(
        `Node "${name}" is a constant that the weightsManifest does not have. The model.json and its weights may belong ` +
          "to different exports.",
      );
    }
    return this.#builder.constant(constant, name);
  }

  #input({ name, attributes }: GraphNode): Value {
    const shape = this.#signatureShape(name) ?? attributes.shape("shape") ?? [];
    const position = this.#inputs++;
    const ask = (example: string): string => `Pass inputs: { "${name}": { inputShape: ${example} } }.`;
    const asked = this.#inputShapes(name, position);
    const [, ...rest] = fixedShape({ name, shape }, asked, position === 0 ? undefined : ask);
    return this.#builder.input(name, [1, ...rest]);
  }

  #signatureShape(name: string): (number | null)[] | undefined {
    const inputs: readonly (Json | undefined)[] = isObject(this.#signature.inputs)
      ? Object.values(this.#signature.inputs)
      : [];
    const own = inputs.find(
      (input) => isObject(input) && typeof input.name === "string" && nodeOf(input.name) === name,
    );
    return isObject(own) ? new GraphAttributes({ own: { shape: own.tensorShape } }).shape("own") : undefined;
  }
}

const nodeOf = (reference: string): string => reference.split(":")[0];

/** True where a convolution or pooling of the graph takes channels first. */
export const graphTakesChannelsFirst = (topology: JsonObject): boolean =>
  new Fields(topology, "The graph in model.json")
    .list("node", [])
    .some((node) => isObject(node) && new GraphAttributes(node.attr).string("data_format", "NHWC") === "NCHW");
