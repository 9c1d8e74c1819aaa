import { type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import { bothWays, GraphPieces } from "./graph-pieces";
import { wantedValues, withoutValues } from "./inner-values";

/**
 * (x − mean x) / √(mean (x − mean x)² + ε), as exporters write layer normalisation before operator set 17, becomes the operator
 * LayerNormalization, and x / √(mean x² + ε) RMSNormalization, each with the scale and the bias behind it: two passes over the values
 * instead of six to nine.
 *
 * @param keep  names of values that must still be computed
 */
export function combineLayerNorm(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "Sqrt")) return graph;
  const pieces = new Pieces(graph);
  const asked = wantedValues(graph, keep);
  const gone = new Set<string>();
  const made = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const found = node.op === "Sqrt" ? pieces.fromRoot(node) : undefined;
    if (!found) continue;
    const inside = (to: Found): boolean =>
      !to.between.some((name) => asked.has(name)) && pieces.areReadInside(to.between, to.last);
    const whole = [...found].reverse().find(inside);
    if (!whole) continue;
    for (const name of whole.between) gone.add(name);
    made.set(whole.last, {
      ...whole.last,
      op: whole.isCentred ? "LayerNormalization" : "RMSNormalization",
      inputs: [whole.value, whole.scale ?? "", ...(whole.bias === undefined ? [] : [whole.bias])],
      attributes: new Map([
        ["axis", whole.axis],
        ["epsilon", whole.epsilon],
      ]),
    });
  }
  if (made.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => (gone.has(node.outputs[0]) ? [] : [made.get(node) ?? node]));
  return withoutValues({ ...graph, nodes }, gone);
}

/** A normalisation, as far as it has been followed. */
interface Found {
  readonly value: string;
  readonly isCentred: boolean;
  readonly axis: number;
  readonly epsilon: number;
  readonly scale?: string;
  readonly bias?: string;
  readonly last: Node;
  /** Values on the way. */
  readonly between: readonly string[];
}

class Pieces extends GraphPieces {
  readonly #shapes: StaticGraph["shapes"];
  readonly #constants: StaticGraph["constants"];

  constructor(graph: StaticGraph) {
    super(graph);
    this.#shapes = graph.shapes;
    this.#constants = graph.constants;
  }

  /** What a root is the deviation of, first alone, then with a scale, then with a bias too. */
  fromRoot(root: Node): readonly Found[] | undefined {
    const sum = this.producer(root.inputs[0]);
    if (sum?.op !== "Add") return undefined;
    for (const [variance, constant] of bothWays(sum)) {
      const epsilon = this.numberOf(constant);
      const mean = this.#meanOf(variance);
      const squared = mean && this.#squareOf(mean.value);
      if (epsilon === undefined || !(epsilon > 0) || !mean || squared === undefined) continue;
      const quotient = this.#quotientBy(root.outputs[0], squared);
      if (!quotient) continue;
      const between = [mean.value, variance, sum.outputs[0], root.outputs[0], ...quotient.between];
      const own = { axis: mean.axis, epsilon, last: quotient.node };
      const centre = this.#centreOf(squared, mean.axis);
      const alone: Found = centre
        ? { ...own, value: centre.value, isCentred: true, between: [...between, ...centre.between] }
        : { ...own, value: squared, isCentred: false, between };
      return this.#scaled(alone);
    }
    return undefined;
  }

  /** What a value is the mean of, over all axes from one on. */
  #meanOf(name: string): { readonly value: string; readonly axis: number } | undefined {
    const node = this.producer(name);
    if (node?.op !== "ReduceMean" || numberAttribute(node, "keepdims", 1) === 0) return undefined;
    const rank = this.#shapes.get(node.inputs[0])?.length ?? 0;
    const given = node.attributes.get("axes") ?? this.#constants.get(node.inputs[1] ?? "")?.numbers();
    if (given === undefined || typeof given === "string") return undefined;
    const axes = Array.from(given as ArrayLike<number>, (axis) => (axis < 0 ? axis + rank : axis)).sort(
      (a, b) => a - b,
    );
    const [axis] = axes;
    // The first axis is that of samples, which are normalised each by itself.
    const isTail =
      axes.length > 0 && axis > 0 && axes.every((each, i) => each === axis + i) && axis + axes.length === rank;
    return isTail ? { value: node.inputs[0], axis } : undefined;
  }

  #squareOf(name: string): string | undefined {
    const node = this.producer(name);
    if (node?.op === "Pow") return this.isNumber(node.inputs[1], 2) ? node.inputs[0] : undefined;
    if (node?.op !== "Mul") return undefined;
    const [a, b] = node.inputs;
    return a === b || this.#isSameDifference(a, b) ? a : undefined;
  }

  /** Some exporters write x − mean x twice, once for each that reads it. */
  #isSameDifference(a: string, b: string): boolean {
    if (a === b) return true;
    const [one, other] = [this.producer(a), this.producer(b)];
    return one?.op === "Sub" && other?.op === "Sub" && one.inputs.every((input, i) => input === other.inputs[i]);
  }

  /** The one node that divides by the root what was squared. */
  #quotientBy(root: string, squared: string): { node: Node; between: readonly string[] } | undefined {
    const node = this.onlyReader(root);
    if (node?.op === "Div" && node.inputs[1] === root && this.#isSameDifference(node.inputs[0], squared)) {
      return { node, between: node.inputs[0] === squared ? [] : [node.inputs[0]] };
    }
    if (node?.op !== "Reciprocal" && !(node?.op === "Div" && this.isNumber(node.inputs[0], 1))) return undefined;
    const product = this.onlyReader(node.outputs[0]);
    const other = product?.inputs.find((input) => input !== node.outputs[0]);
    if (product?.op !== "Mul" || other === undefined || !this.#isSameDifference(other, squared)) return undefined;
    return { node: product, between: [node.outputs[0], ...(other === squared ? [] : [other])] };
  }

  /** What a value is the difference from its mean of. */
  #centreOf(name: string, axis: number): { value: string; between: readonly string[] } | undefined {
    const node = this.producer(name);
    if (node?.op !== "Sub") return undefined;
    const [value, mean] = node.inputs;
    const found = this.#meanOf(mean);
    return found?.value === value && found.axis === axis ? { value, between: [name, mean] } : undefined;
  }

  /** With what is multiplied and added behind it. */
  #scaled(alone: Found): readonly Found[] {
    const all = [alone];
    for (const [op, key] of [
      ["Mul", "scale"],
      ["Add", "bias"],
    ] as const) {
      const before = all[all.length - 1];
      const [result] = before.last.outputs;
      const next = this.onlyReader(result);
      const other = next?.inputs.find((input) => input !== result);
      if (next?.op !== op || other === undefined || !this.#fits(other, before)) continue;
      // A constant of more axes gives the result more.
      if (!this.haveSameShape(next.outputs[0], before.value)) continue;
      all.push({ ...before, [key]: other, last: next, between: [...before.between, result] });
    }
    // The operator of root mean squares has no bias, and each has a scale.
    return all.filter(({ bias, scale, isCentred }) => scale !== undefined && (isCentred || bias === undefined));
  }

  /** True of a constant whose axes are among those that are normalised. */
  #fits(name: string, { value, axis }: Found): boolean {
    const constant = this.#constants.get(name);
    const extents = this.#shapes.get(value)?.slice(axis) ?? [];
    if (constant?.kind !== "float") return false;
    const own = constant.shape.slice(Math.max(0, constant.shape.length - extents.length));
    const offset = extents.length - own.length;
    return (
      own.reduce((product, extent) => product * extent, 1) === constant.size &&
      own.every((extent, i) => extent === 1 || extent === extents[offset + i])
    );
  }
}
