import { type WrittenOut, writtenOut } from "../compile/written-out";
import type { Node, StaticGraph } from "../graph/ir";
import { producersOf } from "../graph/producers";
import type { ValueName } from "../operation/operation";
import { permutation } from "../operators/moving";
import { softmaxAxes } from "../operators/normalization";
import type { Nature } from "../operators/operator";
import { isReshaping, natureOf } from "../operators/table";

/** What the explained values are: scores before a softmax or a sigmoid, or probabilities already. */
export type OutputKind = "logits" | "softmax" | "sigmoid" | "probabilities";

const trailing: Readonly<Record<string, WrittenOut["kind"]>> = {
  Softmax: "softmax",
  LogSoftmax: "softmax",
  Sigmoid: "sigmoid",
};

/** The value that is explained, and how its axes became those of the file's output. */
export interface ExplainedValue {
  readonly value: ValueName;
  readonly kind: OutputKind;
  /** The axes of the value that the file's Softmax normalises. */
  readonly softmax?: readonly number[];
  /** The axes of the value in the order in which the output has them, where that is another one. */
  readonly order?: readonly number[];
}

const producers = /* @__PURE__ */ new WeakMap<StaticGraph, ReadonlyMap<ValueName, Node>>();

/** The node that computes a value; none for an input. */
export function producerOf(graph: StaticGraph, value: ValueName): Node | undefined {
  let found = producers.get(graph);
  if (!found) {
    found = producersOf(graph);
    producers.set(graph, found);
  }
  return found.get(value);
}

/** What stands behind a softmax and leaves every number where it is; the grid of a quantised output is that of probabilities. */
const passing: ReadonlySet<string> = /* @__PURE__ */ new Set(["Identity", "RoundToGrid"]);

/**
 * The value before a trailing Softmax, LogSoftmax or Sigmoid. Gradients of probabilities vanish where the network is
 * certain, and mix all classes; the score before is what the methods are defined on.
 */
export function throughSoftmax(graph: StaticGraph, result: ValueName): ExplainedValue {
  const shapeOf = (value: ValueName): readonly number[] => graph.shapes.get(value) ?? [];
  let order: readonly number[] | undefined = shapeOf(result).map((_, axis) => axis);
  let producer = producerOf(graph, result);
  // These may stand after it: they change no number.
  while (producer && (isReshaping(producer.op) || passing.has(producer.op) || producer.op === "Transpose")) {
    const [input] = producer.inputs;
    const perm = producer.op === "Transpose" ? permutation(producer, shapeOf(input)) : undefined;
    order = perm ? order?.map((axis) => perm[axis]) : passing.has(producer.op) ? order : undefined;
    producer = producerOf(graph, input);
  }
  const squashed = producer && squashedBy(graph, producer);
  if (!squashed) return asItIs(graph, result);
  const { kind, value, axes: softmax } = squashed;
  const before = producerOf(graph, value);
  if (order && before?.op === "Transpose") {
    // Old files turn the axes for the softmax and turn them back: the value before has them as the output does.
    const perm = permutation(before, shapeOf(before.inputs[0]));
    if (order.every((axis, i) => perm[axis] === i)) {
      return { value: before.inputs[0], kind, ...(softmax && { softmax: softmax.map((axis) => perm[axis]).sort() }) };
    }
  }
  const turned = order?.some((axis, i) => axis !== i);
  return { value, kind, ...(softmax && { softmax }), ...(turned && { order }) };
}

/** The softmax or sigmoid that a node computes: by itself, or as the last of several pieces. */
function squashedBy(graph: StaticGraph, node: Node): WrittenOut | undefined {
  const [value] = node.inputs;
  const kind = Object.hasOwn(trailing, node.op) ? trailing[node.op] : undefined;
  if (kind === "sigmoid") return { kind, value };
  if (kind) return { kind, value, axes: softmaxAxes(node, graph.shapes.get(value) ?? [], graph.opset) };
  const before = node.op === "Log" ? producerOf(graph, value) : undefined;
  if (before?.op === "Softmax") return squashedBy(graph, before);
  return writtenOut(graph, (name) => producerOf(graph, name), node.outputs[0]);
}

/** A value explained as it is, because it was asked for or because nothing that could be seen through stands at the end. */
export function asItIs(graph: StaticGraph, value: ValueName): ExplainedValue {
  return { value, kind: holdsProbabilities(graph, value) ? "probabilities" : "logits" };
}

/** What makes probabilities of probabilities: moving, choosing, averaging. */
const keeping: ReadonlySet<Nature | undefined> = /* @__PURE__ */ new Set<Nature>([
  "identity",
  "moves",
  "clamp",
  "rounding",
  "mean",
  "maximum",
]);

/** True where every element is a probability: computed by Softmax or Sigmoid, and only moved or averaged since. */
function holdsProbabilities(graph: StaticGraph, value: ValueName): boolean {
  const node = producerOf(graph, value);
  const nature = natureOf(node?.op);
  if (!node || nature === "gate") return node !== undefined;
  if (node.op !== "Log" && node.op !== "Sub" && squashedBy(graph, node)) return true;
  if (!keeping.has(nature)) return false;
  const sources = node.inputs.filter((input) => input !== "" && !graph.constants.has(input));
  return sources.length > 0 && sources.every((source) => holdsProbabilities(graph, source));
}

/**
 * Softmax over all scores (of maximum subtracted), or the sigmoid of each. One score has nothing to be compared with: its
 * probability is its sigmoid, and where two labels share it (the first has the negative) the two add up to one.
 */
export function probabilities(scores: Float32Array, kind: OutputKind, mirrored = false): Float32Array {
  if (kind === "probabilities") return mirrored ? Float32Array.of(1 - scores[1], scores[1]) : scores;
  if (kind === "sigmoid" || mirrored || scores.length === 1) return scores.map((score) => 1 / (1 + Math.exp(-score)));
  const highest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(scores, (score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** The classes by rising rank: by score; one probability that two labels share is compared with its complement. */
export function rankedClasses(scores: Float32Array, kind: OutputKind, mirrored: boolean): number[] {
  const by = mirrored && kind === "probabilities" ? probabilities(scores, kind, mirrored) : scores;
  return Array.from(by.keys()).sort((a, b) => by[b] - by[a] || a - b);
}
