import type { Attribute, Node, StaticGraph } from "../graph/ir";
import { bothWays, GraphPieces } from "./graph-pieces";
import { wantedValues, withoutValues } from "./inner-values";

/**
 * x·½·(1 + erf(x/√2)), as exporters write it before operator set 20, and its approximation x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))),
 * become the operator Gelu: one pass over the values instead of five to eight. The factors may come in any order.
 *
 * @param keep  names of values that must still be computed
 */
export function combineGelu(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "Erf" || op === "Tanh")) return graph;
  const pieces = new Pieces(graph);
  const asked = wantedValues(graph, keep);
  const gone = new Set<string>();
  const made = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const found = node.op === "Erf" ? pieces.fromErf(node) : node.op === "Tanh" ? pieces.fromTanh(node) : undefined;
    const whole = found && pieces.halved(node, found.value);
    if (!whole) continue;
    const between = [...found.between, ...whole.between];
    // Nobody else may need what lies in between.
    if (between.some((name) => asked.has(name)) || !pieces.areReadInside(between, whole.last)) continue;
    for (const name of between) gone.add(name);
    made.set(whole.last, { ...whole.last, op: "Gelu", inputs: [found.value], attributes: found.attributes });
  }
  if (made.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => (gone.has(node.outputs[0]) ? [] : [made.get(node) ?? node]));
  return withoutValues({ ...graph, nodes }, gone);
}

/** The argument of a GELU's curve. */
interface Curve {
  readonly value: string;
  /** Values on the way, that of the curve included. */
  readonly between: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

class Pieces extends GraphPieces {
  /** erf(x/√2). */
  fromErf(node: Node): Curve | undefined {
    const value = this.#multiple(node.inputs[0], Math.SQRT1_2);
    const between = [node.inputs[0], node.outputs[0]];
    return value === undefined ? undefined : { value, between, attributes: new Map() };
  }

  /** tanh(√(2/π)·(x + 0.044715·x³)). */
  fromTanh(node: Node): Curve | undefined {
    const sum = this.#multiple(node.inputs[0], Math.sqrt(2 / Math.PI));
    const added = sum === undefined ? undefined : this.producer(sum);
    if (sum === undefined || added?.op !== "Add") return undefined;
    for (const [value, term] of bothWays(added)) {
      const cube = this.#multiple(term, 0.044715);
      const squares = cube === undefined ? undefined : this.#cubeOf(cube, value);
      if (cube === undefined || squares === undefined) continue;
      const between = [node.inputs[0], node.outputs[0], sum, term, cube, ...squares];
      return { value, between, attributes: new Map([["approximate", "tanh"]]) };
    }
    return undefined;
  }

  /** From the curve on: 1 is added, and it is multiplied with x and ½, in whatever order. */
  halved(curve: Node, x: string): { last: Node; between: string[] } | undefined {
    let at = this.onlyReader(curve.outputs[0]);
    if (at?.op !== "Add" || !bothWays(at).some(([, other]) => this.isNumber(other, 1))) return undefined;
    const between: string[] = [];
    for (let [byX, byHalf] = [false, false]; ; ) {
      between.push(at.outputs[0]);
      const before: string = at.outputs[0];
      at = this.onlyReader(before);
      if (at?.op === "Div" && at.inputs[0] === before && this.isNumber(at.inputs[1], 2) && !byHalf) byHalf = true;
      else if (at?.op === "Mul") {
        const other: string = at.inputs[0] === before ? at.inputs[1] : at.inputs[0];
        if (other === x && !byX) byX = true;
        else if (this.isNumber(other, 0.5) && !byHalf) byHalf = true;
        else if (this.#multiple(other, 0.5) === x && !byX && !byHalf) {
          between.push(other);
          byX = true;
          byHalf = true;
        } else return undefined;
      } else return undefined;
      if (byX && byHalf) return this.haveSameShape(x, at.outputs[0]) ? { last: at, between } : undefined;
    }
  }

  /** What a value is this multiple of. */
  #multiple(name: string, factor: number): string | undefined {
    const node = this.producer(name);
    if (node?.op === "Div" && this.isNumber(node.inputs[1], 1 / factor)) return node.inputs[0];
    if (node?.op !== "Mul") return undefined;
    return bothWays(node).find(([, other]) => this.isNumber(other, factor))?.[0];
  }

  /** The values on the way from x to x³, itself not among them; absent where it is none. */
  #cubeOf(name: string, x: string): string[] | undefined {
    const node = this.producer(name);
    if (node?.op === "Pow") return node.inputs[0] === x && this.isNumber(node.inputs[1], 3) ? [] : undefined;
    if (node?.op !== "Mul") return undefined;
    for (const [square, other] of bothWays(node)) {
      const inner = this.producer(square);
      if (other !== x) continue;
      if (inner?.op === "Mul" && inner.inputs.every((input) => input === x)) return [square];
      if (inner?.op === "Pow" && inner.inputs[0] === x && this.isNumber(inner.inputs[1], 2)) return [square];
    }
    return undefined;
  }
}
