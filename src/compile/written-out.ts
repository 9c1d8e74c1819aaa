/** Softmax and sigmoid where a file writes them in pieces: exponentials, sums and divisions in place of the one operator. */
import { type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import { isReshaping } from "../operators/table";

type ValueName = string;

/** What the pieces amount to. */
export interface WrittenOut {
  readonly kind: "softmax" | "sigmoid";
  /** The scores that go in. */
  readonly value: ValueName;
  /** The axes that a softmax normalises together. */
  readonly axes?: readonly number[];
  /** True where their maximum is taken off first. */
  readonly shifted?: boolean;
}

type NodeOf = (value: ValueName) => Node | undefined;

/** The softmax, logarithm of a softmax or sigmoid whose last piece computes a value. */
export function writtenOut(graph: StaticGraph, nodeOf: NodeOf, result: ValueName): WrittenOut | undefined {
  const found = new Pieces(graph, nodeOf).read(result);
  const shape = (value: ValueName): string | undefined => graph.shapes.get(value)?.join();
  return found && shape(found.value) === shape(result) && !graph.constants.has(found.value) ? found : undefined;
}

class Pieces {
  readonly #graph: StaticGraph;
  readonly #nodeOf: NodeOf;

  constructor(graph: StaticGraph, nodeOf: NodeOf) {
    this.#graph = graph;
    this.#nodeOf = nodeOf;
  }

  read(result: ValueName): WrittenOut | undefined {
    const node = this.#nodeOf(result);
    if (!node) return undefined;
    const [a, b] = node.inputs;
    if (node.op === "Reciprocal") return this.#sigmoidOver(undefined, a);
    if (node.op === "Pow" && this.#isAll(b, -1)) return this.#sigmoidOver(undefined, a);
    if (node.op === "Div") {
      return this.#isAll(a, 1) ? this.#sigmoidOver(undefined, b) : (this.#softmaxOf(a, b) ?? this.#sigmoidOver(a, b));
    }
    if (node.op === "Mul") {
      for (const [part, other] of [
        [a, b],
        [b, a],
      ]) {
        const inverse = this.#nodeOf(other);
        if (inverse?.op === "Reciprocal") {
          const [sum] = inverse.inputs;
          return this.#softmaxOf(part, sum) ?? this.#sigmoidOver(part, sum);
        }
      }
    }
    if (node.op === "Log") return this.#logarithm(a);
    return node.op === "Sub" ? this.#minusLogarithm(a, b) : undefined;
  }

  /** log softmax(x), of either kind of softmax. */
  #logarithm(value: ValueName): WrittenOut | undefined {
    const inner = this.read(value);
    return inner?.kind === "softmax" ? inner : undefined;
  }

  /** z − log Σ exp z. */
  #minusLogarithm(value: ValueName, logarithm: ValueName): WrittenOut | undefined {
    const node = this.#nodeOf(this.#unreshaped(logarithm));
    if (node?.op === "ReduceLogSumExp") return node.inputs[0] === value ? this.#softmaxBefore(value, node) : undefined;
    const sum = node?.op === "Log" ? this.#nodeOf(this.#unreshaped(node.inputs[0])) : undefined;
    const power = sum?.op === "ReduceSum" ? this.#nodeOf(sum.inputs[0]) : undefined;
    return sum && power?.op === "Exp" && power.inputs[0] === value ? this.#softmaxBefore(value, sum) : undefined;
  }

  /** exp z / Σ exp z. */
  #softmaxOf(power: ValueName, total: ValueName): WrittenOut | undefined {
    const exp = this.#nodeOf(power);
    const sum = this.#nodeOf(this.#unreshaped(total));
    if (exp?.op !== "Exp" || sum?.op !== "ReduceSum" || sum.inputs[0] !== power) return undefined;
    return this.#softmaxBefore(exp.inputs[0], sum);
  }

  /** The scores before their maximum was taken off, which changes no probability. */
  #softmaxBefore(value: ValueName, sum: Node): WrittenOut | undefined {
    const axes = this.#axesOf(sum);
    if (!axes) return undefined;
    const shifted = this.#nodeOf(value);
    if (shifted?.op === "Sub") {
      const [scores, most] = shifted.inputs;
      const highest = this.#nodeOf(this.#unreshaped(most));
      if (highest?.op === "ReduceMax" && highest.inputs[0] === scores)
        return { kind: "softmax", value: scores, axes, shifted: true };
    }
    return { kind: "softmax", value, axes };
  }

  #axesOf({ inputs, attributes }: Node): readonly number[] | undefined {
    const rank = this.#graph.shapes.get(inputs[0])?.length ?? 0;
    const given = attributes.get("axes") ?? this.#graph.constants.get(inputs[1] ?? "")?.numbers();
    if (given === undefined) return undefined; // all axes, samples too
    const axes = Array.from(given as readonly number[], (axis) => (axis < 0 ? axis + rank : axis));
    return axes.length > 0 && axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank)
      ? axes.sort((a, b) => a - b)
      : undefined;
  }

  /** 1 / (1 + exp −x), or, over a part, exp x / (1 + exp x). */
  #sigmoidOver(part: ValueName | undefined, total: ValueName): WrittenOut | undefined {
    const sum = this.#nodeOf(total);
    if (sum?.op !== "Add") return undefined;
    const power = sum.inputs.find((input) => !this.#isAll(input, 1));
    const exp = power === undefined ? undefined : this.#nodeOf(power);
    if (exp?.op !== "Exp" || !sum.inputs.some((input) => this.#isAll(input, 1))) return undefined;
    if (part !== undefined) return part === power ? { kind: "sigmoid", value: exp.inputs[0] } : undefined;
    const value = this.#negated(exp.inputs[0]);
    return value === undefined ? undefined : { kind: "sigmoid", value };
  }

  /** What a value is the negative of. */
  #negated(value: ValueName): ValueName | undefined {
    const node = this.#nodeOf(value);
    const [a, b] = node?.inputs ?? [];
    if (node?.op === "Neg") return a;
    if (node?.op === "Sub" && this.#isAll(a, 0)) return b;
    if ((node?.op === "Mul" || node?.op === "Div") && this.#isAll(b, -1)) return a;
    return node?.op === "Mul" && this.#isAll(a, -1) ? b : undefined;
  }

  /** Behind a reduction that dropped its axis stands what brings it back. */
  #unreshaped(value: ValueName): ValueName {
    const node = this.#nodeOf(value);
    const reduced = node && (isReshaping(node.op) || node.op === "Expand") ? this.#nodeOf(node.inputs[0]) : undefined;
    if (!node || !reduced?.op.startsWith("Reduce")) return value;
    return node.op === "Expand" || numberAttribute(reduced, "keepdims", 1) === 0 ? node.inputs[0] : value;
  }

  #isAll(value: ValueName | undefined, number: number): boolean {
    const constant = value === undefined ? undefined : this.#graph.constants.get(value);
    return constant?.kind === "float" && constant.floats().every((each) => each === number);
  }
}
