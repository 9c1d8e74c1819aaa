/** Writes the operators that an operator stands for. */
import { type Attribute, Constant, type Node, numberAttribute } from "../../graph/ir";
import { hasInput, type InputConstants, type InputShapes, inputShape, label, type Shape } from "../../graph/shape-rule";
import { withinListed } from "../../limits";
import { sizeOf } from "../../tensor";

/** Says what a node is made of; a text is why it cannot be. */
export type Lowering = (from: Lowered) => string | undefined;

/** Operators that are known by what they are written by alone, by name (`compounds.ts`). */
export type Compounds = ReadonlyMap<string, Lowering>;

/** Writes nodes by others as the whole network needs it: one for every reading of a graph. */
export interface Rewriting {
  /** Writes a node, or takes note of it. @returns why it cannot */
  write(from: Lowered): string | undefined;
  /** Says what a node was written by elsewhere. */
  wrote(node: Node, nodes: readonly Node[]): void;
}

/** A node that is written by others, with what is known of its inputs. */
export class Lowered {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Constant>();
  #count = 0;

  constructor(
    readonly node: Node,
    readonly shapes: InputShapes,
    readonly known: InputConstants,
    readonly opset: number,
    /** True if somebody reads an output. */
    readonly isRead: (output: number) => boolean,
    /** True if what it makes are integers. */
    readonly isWhole: boolean,
    /** Called before room for constants is made; throws where it is too much. */
    readonly spend: (bytes: number) => void,
  ) {}

  has(index: number): boolean {
    return hasInput(this.node, index);
  }

  input(index: number): string {
    return this.node.inputs[index];
  }

  shape(index: number): Shape {
    return inputShape(this.node, this.shapes, index);
  }

  number(key: string, fallback?: number): number {
    return numberAttribute(this.node, key, fallback);
  }

  /** Another operator, whose outputs get names of their own. */
  several(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: number,
  ): string[] {
    this.#count += 1;
    const name = `${this.node.name || this.node.outputs[0]} ${op} ${this.#count}`;
    const names = Array.from({ length: outputs }, (_, i) => (i === 0 ? name : `${name} ${i}`));
    this.nodes.push({ name, op, inputs, outputs: names, attributes: new Map(Object.entries(attributes)) });
    return names;
  }

  emit(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.several(op, inputs, attributes, 1)[0];
  }

  ints(values: ArrayLike<number>): string {
    this.spend(values.length * 8);
    return this.#constant(Constant.fromNumbers("int", values, [values.length]));
  }

  floats(values: Float32Array, shape: readonly number[]): string {
    this.spend(values.byteLength);
    return this.#constant(Constant.fromFloats(values, shape));
  }

  /** Floats that are zero before they are written, once there is known to be room for them. */
  filled(shape: readonly number[], write: (values: Float32Array) => void): string {
    this.spend(sizeOf(shape) * 4);
    const values = new Float32Array(sizeOf(shape));
    write(values);
    return this.#constant(Constant.fromFloats(values, shape));
  }

  /** Places that are listed one by one. */
  listed(count: number, place: (i: number) => number): string {
    withinListed(count, label(this.node));
    this.spend(count * 4);
    return this.#constant(
      Constant.fromNumbers(
        "int",
        Int32Array.from({ length: count }, (_, i) => place(i)),
        [count],
      ),
    );
  }

  scalar(value: number): string {
    return this.floats(Float32Array.of(value), []);
  }

  /** A number that counts something, as operators take an axis. */
  integer(value: number): string {
    return this.#constant(Constant.fromNumbers("int", [value], []));
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.emit("Reshape", [x, this.ints(shape)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.emit("Transpose", [x], { perm });
  }

  /** A reduction over some axes, which stay with one element each. */
  reduce(op: string, x: string, axes: readonly number[]): string {
    return this.emit(op, [x], { axes, keepdims: 1 });
  }

  /** Parts along an axis. */
  split(x: string, axis: number, parts: readonly number[]): string[] {
    return parts.length === 1 ? [x] : this.several("Split", [x, this.ints(parts)], { axis }, parts.length);
  }

  /** The value is what the node gives: the operator that makes it gets the node's name. */
  result(value: string, output = 0): undefined {
    const name = this.node.outputs[output] ?? "";
    if (name === "") return;
    const at = this.nodes.findIndex(({ outputs }) => outputs[0] === value);
    const isReadHere = this.nodes.some(({ inputs }) => inputs.includes(value));
    if (output > 0 || at < 0 || isReadHere) {
      this.nodes.push({
        ...{ name: output === 0 ? this.node.name : `${this.node.name}/${name}`, op: "Identity" },
        ...{ inputs: [value], outputs: [name], attributes: new Map() },
      });
      return;
    }
    const last = this.nodes[at];
    this.nodes[at] = { ...last, name: this.node.name, outputs: [name, ...last.outputs.slice(1)] };
  }

  #constant(value: Constant): string {
    this.#count += 1;
    const name = `${this.node.name || this.node.outputs[0]} constant ${this.#count}`;
    this.constants.set(name, value);
    return name;
  }
}
