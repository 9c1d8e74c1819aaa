/** Which element of which layer a single element of an output is, followed back through whatever only moves it. */

import type { Node, StaticGraph } from "../../graph/ir";
import { unravel } from "../../graph/regions";
import { isReshaping, operators } from "../../operators/table";
import { producerOf } from "../output";

/** An element by its index in row-major order. */
export interface Element {
  readonly value: string;
  readonly index: number;
}

/** Where a probability comes from: the score before its sigmoid or softmax, or the element as it is. */
export interface Origin extends Element {
  readonly finish: "none" | "sigmoid" | "softmax";
}

/** No file moves an element more often. */
const deepest = 256;
const still: ReadonlySet<string> = new Set(["Identity", "Dropout", "Cast"]);

/** The element of the layer that computes it. */
export function movedFrom(graph: StaticGraph, element: Element): Element {
  let at = element;
  for (let step = 0; step < deepest; step++) {
    const node = producerOf(graph, at.value);
    const before = node && moved(graph, node, at);
    if (!before || graph.constants.has(before.value)) return at;
    at = before;
  }
  return at;
}

/** The same behind factors that are constants. */
export function scaledFrom(graph: StaticGraph, element: Element): Element {
  let at = movedFrom(graph, element);
  for (let step = 0; step < deepest; step++) {
    const node = producerOf(graph, at.value);
    const [scaled, ...more] = node?.inputs.filter((input) => !graph.constants.has(input)) ?? [];
    if (!node || !["Mul", "Div"].includes(node.op) || !scaled || more.length > 0) return at;
    at = movedFrom(graph, broadcast(graph, at, scaled));
  }
  return at;
}

/** The scores that a probability is made of: one, or several where it is a product of probabilities. */
export function originsOf(graph: StaticGraph, element: Element, depth = 0): readonly Origin[] {
  const at = movedFrom(graph, element);
  const node = producerOf(graph, at.value);
  if (node?.op === "Sigmoid") return [{ value: node.inputs[0], index: at.index, finish: "sigmoid" }];
  if (node?.op === "Softmax") return [{ value: node.inputs[0], index: at.index, finish: "softmax" }];
  if (node?.op === "Mul" && depth < 4) {
    const factors = node.inputs.map((input) => originsOf(graph, broadcast(graph, at, input), depth + 1));
    // A probability times a plain number is none.
    if (factors.every((each) => each.every(({ finish }) => finish !== "none"))) return factors.flat();
  }
  return [{ ...element, finish: "none" }];
}

/** The element of an operand that meets this element of the result. */
function broadcast(graph: StaticGraph, { value, index }: Element, input: string): Element {
  const shape = graph.shapes.get(value) ?? [];
  const from = graph.shapes.get(input) ?? [];
  const place = unravel(index, shape).slice(shape.length - from.length);
  return {
    value: input,
    index: flat(
      from.map((extent, axis) => (extent === 1 ? 0 : place[axis])),
      from,
    ),
  };
}

const flat = (place: readonly number[], shape: readonly number[]): number =>
  place.reduce((sum, at, axis) => sum * shape[axis] + at, 0);

/** One step back; undefined where the operator computes something. */
function moved(graph: StaticGraph, node: Node, { value, index }: Element): Element | undefined {
  if (isReshaping(node.op) || still.has(node.op)) return { value: node.inputs[0], index };
  const arrange = operators.get(node.op)?.arrange;
  if (!arrange) return undefined;
  const shapes = node.inputs.map((input) => graph.shapes.get(input));
  const constants = node.inputs.map((input) => graph.constants.get(input));
  const place = unravel(index, graph.shapes.get(value) ?? []);
  for (const { input = 0, output = 0, extents, from = {}, to = {} } of arrange(node, shapes, constants).regions()) {
    if (node.outputs[output] !== value) continue;
    const rounds = extents.map((extent, loop) => {
      const axis = to.axes?.[loop] ?? loop;
      const step = to.steps?.[loop] ?? 1;
      const round = (place[axis] - (to.start?.[axis] ?? 0)) / step;
      return step > 0 && Number.isInteger(round) && round >= 0 && round < extent ? round : undefined;
    });
    if (rounds.includes(undefined)) continue;
    const source = shapes[input] ?? [];
    const found = source.map((_, axis) => from.start?.[axis] ?? 0);
    rounds.forEach((round, loop) => {
      const axis = from.axes?.[loop] ?? loop;
      if (found[axis] !== undefined) found[axis] += (round as number) * (from.steps?.[loop] ?? 1);
    });
    // Several loops along one axis of the output would need more than a division each: such an element is not followed.
    const axes = extents.map((_, loop) => to.axes?.[loop] ?? loop);
    return new Set(axes).size === axes.length ? { value: node.inputs[input], index: flat(found, source) } : undefined;
  }
  return undefined;
}
