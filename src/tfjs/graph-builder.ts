import { cut } from "../addresses";
import { messageOf } from "../checks";
import { ModelError, SeethroughError } from "../errors";
import { type Attribute, Constant, type Graph, type GraphInput, type Node } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { type Limits, withinLimit, withinListed } from "../limits";
import { Folding } from "../operators/evaluate";

/**
 * A value of the graph that is being built.
 *
 * TensorFlow writes channels last, our graph channels first. Memory is channels last in both, so from rank 3 on a value
 * keeps its numbers where they are and only names its axes in the other order; `moved` says that it does.
 */
export interface Value {
  /** Key inside the builder; the graph's name is given at the end. */
  readonly id: string;
  /** As the graph writes it: N, C, spatial… where `moved`. */
  readonly shape: Shape;
  /** True where TensorFlow's last axis is axis 1 of the graph; otherwise both write the axes in one order. */
  readonly moved: boolean;
  readonly constant?: Constant;
  /** What follows from an operator that cannot run: it has no shape. */
  readonly unknown?: boolean;
  /** The network's input, whose axes are in the order of the file. */
  readonly isInput?: boolean;
}

/** Why a layer or operator of the file cannot be said in ONNX operators. */
class Refusal extends Error {}

export function refuse(reason: string): never {
  throw new Refusal(reason);
}

/** What a converter trips over is not what the operator has by its definition: a shape, a number or an input of another kind. */
const damaged = (name: string, op: string, file: string, cause: unknown): ModelError =>
  new ModelError(
    `"${cut(name)}" (${cut(op)}): its inputs and attributes do not fit together; ${file} is damaged, or made by a newer ` +
      `exporter (${messageOf(cause)}).`,
    { cause },
  );

/** The numbers of a value that decides a shape or an axis. */
export function numbersOf({ constant }: Value, what: string): readonly number[] {
  return constant ? constant.numbers() : refuse(`its ${what} depends on the image, not only on its size`);
}

const fixedInFile = "Its shape is written in the file: export the network without it.";

/** The operator set whose forms are written: the first with Gelu. */
const graphOpset = 20;

/** Builds a graph with known shapes, operator by operator; what depends on constants only is computed at once. */
export class GraphBuilder {
  /** True where the file's convolutions take channels first: then all values keep the file's order of axes. */
  readonly channelsFirst: boolean;
  /** What is read, as an error says it. */
  readonly #file: string;
  readonly #limits: Limits;
  readonly #folding: Folding;
  /** Values that exist in the moved order too, by id. */
  readonly movedBefore = new Map<string, Value>();
  #nodes: Node[] = [];
  readonly #constants = new Map<string, Constant>();
  readonly #inputs: GraphInput[] = [];
  /** What to call a value that has no name in the file. */
  readonly #labels: string[] = [];
  /** Ids of values whose axes are in the graph's order, not in the file's. */
  readonly #moved = new Set<string>();
  /** Names of the file, by id. */
  readonly #fileNames = new Map<string, string>();
  #scope = "";

  /** @param bytes  of the files: there are no more elements in their constants */
  constructor(channelsFirst: boolean, file: string, bytes: number, limits: Limits) {
    this.channelsFirst = channelsFirst;
    this.#file = file;
    this.#limits = limits;
    this.#folding = new Folding(limits, bytes);
  }

  input(name: string, shape: Shape): Value {
    const id = this.#newId(name);
    this.#fileNames.set(id, name);
    this.#inputs.push({ name: id, shape });
    return { id, shape, moved: false, isInput: true };
  }

  constant(constant: Constant, label = `${this.#scope}/constant`): Value {
    return { id: this.#newId(label), shape: constant.shape, moved: false, constant };
  }

  ints(numbers: readonly number[]): Value {
    return this.constant(Constant.fromNumbers("int", numbers, [numbers.length]));
  }

  floats(numbers: readonly number[]): Value {
    return this.constant(Constant.fromFloats(Float32Array.from(numbers), [numbers.length]));
  }

  /** Whole numbers for places that are listed one by one. */
  listed(count: number, place: (i: number) => number): Value {
    withinListed(count, `"${cut(this.#scope)}"`);
    this.#folding.spend(this.#scope, count * 4);
    return this.constant(
      Constant.fromNumbers(
        "int",
        Int32Array.from({ length: count }, (_, i) => place(i)),
        [count],
      ),
    );
  }

  /** @throws {LimitError} if an operator has more outputs than a file may have nodes */
  allow(outputs: number): void {
    withinLimit(this.#limits, "nodes", outputs, `"${cut(this.#scope)}" has too many outputs`);
  }

  /** A number that fits values of every shape. */
  scalar(number: number): Value {
    return this.constant(Constant.fromFloats(Float32Array.of(number), []));
  }

  /**
   * Adds an ONNX operator. The axes of its result are in the order of the first input's unless `moved` says otherwise; where
   * all inputs are constants it is one.
   */
  emit(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
    moved = inputs[0]?.moved ?? false,
  ): Value {
    return this.emitAll(op, inputs, attributes, 1, moved)[0];
  }

  /** The same for an operator with several outputs. */
  emitAll(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>>,
    count: number,
    moved: boolean,
  ): Value[] {
    this.allow(count);
    const ids = Array.from({ length: count }, (_, i) => this.#newId(`${this.#scope}/${op}${i > 0 ? `:${i}` : ""}`));
    const node: Node = {
      name: this.#scope,
      op,
      inputs: inputs.map((input) => input?.id ?? ""),
      outputs: ids,
      attributes: new Map(Object.entries(attributes)),
    };
    const constants = inputs.map((input) => input?.constant);
    const given = inputs.map((input) => input?.shape);
    const shapes = this.#folding.shapesOf(node, given, constants, graphOpset);
    const known = inputs.every((input) => input === undefined || input.constant !== undefined);
    const evaluated = known ? this.#folding.fold(node, constants, given, shapes, fixedInFile) : undefined;
    if (evaluated) return evaluated.map((constant, i) => ({ id: ids[i], shape: constant.shape, moved, constant }));
    this.#push(node, inputs);
    if (moved) for (const id of ids) this.#moved.add(id);
    return ids.map((id, i) => ({ id, shape: shapes[i], moved }));
  }

  /**
   * Converts one layer or operator of the file. The last node that it adds gets its name, the others that name and their
   * operator's; where it adds none, an Identity keeps the name. What cannot be converted becomes a node that is refused
   * later, together with all others.
   *
   * @param convert  undefined for an operator that is not known
   * @param names  of its results, where the file has one for each
   */
  layer(
    name: string,
    op: string,
    inputs: readonly Value[],
    convert: (() => Value | Value[]) | undefined,
    names: readonly string[] = [name],
  ): Value[] {
    const outer = this.#scope;
    this.#scope = name;
    const before = this.#nodes.length;
    try {
      if (!convert) return [this.#unknown(op, inputs, "")];
      const unknown = inputs.filter((input) => input.unknown);
      if (unknown.length > 0) return [this.#unknown("Identity", unknown)];
      const results = [convert()].flat();
      const made = new Set(this.#nodes.slice(before).flatMap(({ outputs }) => outputs));
      return results.map((value, i) => this.#named(value, names[i] ?? `${name}:${i}`, made));
    } catch (error) {
      if (error instanceof SeethroughError) throw error;
      if (!(error instanceof Refusal)) throw damaged(name, op, this.#file, error);
      this.#cutBack(before);
      return [this.#unknown(op, inputs, error.message)];
    } finally {
      this.#scope = outer;
    }
  }

  /** Whether the network looks at pictures: its first input has height, width and channels. */
  get takesPictures(): boolean {
    return this.#inputs[0]?.shape.length === 4;
  }

  /** A later form of a value, which takes its name over. */
  inPlaceOf(value: Value, convert: () => Value): Value {
    const name = this.#fileNames.get(value.id);
    if (name === undefined) return convert();
    this.#fileNames.delete(value.id);
    return this.layer(name, "Transpose", [value], convert)[0];
  }

  #named(value: Value, name: string, made: ReadonlySet<string>): Value {
    // The input's order of axes is decided by who reads it in earnest.
    if (value.constant || value.isInput) return value;
    // What other layers may read too keeps its own name.
    const shared = this.#fileNames.has(value.id) || [...this.movedBefore.values()].some(({ id }) => id === value.id);
    const own = made.has(value.id) && !shared ? value : this.emit("Identity", [value]);
    this.#fileNames.set(own.id, name);
    return own;
  }

  #cutBack(length: number): void {
    const gone = new Set(this.#nodes.slice(length).flatMap(({ outputs }) => outputs));
    this.#nodes = this.#nodes.slice(0, length);
    for (const [id, moved] of this.movedBefore) if (gone.has(moved.id)) this.movedBefore.delete(id);
  }

  #unknown(op: string, inputs: readonly Value[], refusal?: string): Value {
    const id = this.#newId(this.#scope);
    this.#fileNames.set(id, this.#scope);
    const ids = inputs.map((input) => input.id);
    const node: Node = { name: this.#scope, op, inputs: ids, outputs: [id], attributes: new Map() };
    this.#push(refusal === undefined ? node : { ...node, refusal }, inputs);
    return { id, shape: [], moved: false, unknown: true };
  }

  #push(node: Node, inputs: readonly (Value | undefined)[]): void {
    for (const input of inputs) if (input?.constant) this.#constants.set(input.id, input.constant);
    this.#nodes.push(node);
  }

  #newId(label: string): string {
    this.#labels.push(label);
    return String(this.#labels.length - 1);
  }

  /** The graph, with the names of the file, and which of its values have their axes moved. */
  finish(
    name: string,
    outputs: readonly Value[],
    metadata: ReadonlyMap<string, string>,
  ): { readonly graph: Graph; readonly moved: ReadonlySet<string> } {
    if (outputs.some((output) => output.constant)) {
      throw new ModelError("An output of the network does not depend on its input.");
    }
    this.#moveInputs();
    const names = this.#names();
    const nameOf = (id: string): string => names.get(id) ?? "";
    const graph = {
      name,
      opset: graphOpset,
      inputs: this.#inputs.map((input) => ({ ...input, name: nameOf(input.name) })),
      outputs: outputs.map(({ id }) => nameOf(id)),
      nodes: this.#nodes.map((node) => ({
        ...node,
        name: nameOf(node.outputs[0]),
        inputs: node.inputs.map(nameOf),
        outputs: node.outputs.map(nameOf),
      })),
      constants: new Map([...this.#constants].map(([id, constant]) => [nameOf(id), constant])),
      metadata,
    };
    return { graph, moved: new Set([...this.#moved].map(nameOf)) };
  }

  /**
   * An input that is only read with its axes moved is declared so: memory is channels last anyway, so the Transpose does
   * nothing, and the network takes channels first like every other.
   */
  #moveInputs(): void {
    this.#inputs.forEach(({ name: id }, i) => {
      const moved = this.movedBefore.get(id);
      const readers = this.#nodes.filter(({ inputs }) => inputs.includes(id));
      if (!moved || readers.length !== 1 || readers[0].outputs[0] !== moved.id) return;
      this.#inputs[i] = { name: id, shape: moved.shape };
      this.#nodes = this.#nodes
        .filter((node) => node !== readers[0])
        .map((node) => ({ ...node, inputs: node.inputs.map((input) => (input === moved.id ? id : input)) }));
    });
  }

  /** Names of the file come first, so that they stay as they are; who comes later to a name gets a number behind it. */
  #names(): ReadonlyMap<string, string> {
    const used = new Set(this.#nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
    for (const { name } of this.#inputs) used.add(name);
    used.delete("");
    const unnamed = [...used].filter((id) => !this.#fileNames.has(id));
    const wishes = [...this.#fileNames, ...unnamed.map((id) => [id, this.#labels[Number(id)]] as const)];
    const names = new Map<string, string>();
    const taken = new Set<string>();
    for (const [id, wish] of wishes) {
      if (!used.has(id)) continue;
      let name = wish;
      for (let n = 2; taken.has(name); n++) name = `${wish}_${n}`;
      taken.add(name);
      names.set(id, name);
    }
    return names;
  }
}
