/** What an output's channels went through last: boxes as they are beside scores through a sigmoid tell a detector. */
import { type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import { permutation } from "../operators/moving";
import { softmaxAxes } from "../operators/normalization";
import { isReshaping, operators } from "../operators/table";
import { reshapedAxis } from "./channel-axis";
import { producerOf } from "./output";

export type Finish = "none" | "sigmoid" | "softmax";

/** Channels that follow one another and were computed alike. */
export interface ChannelPart {
  readonly size: number;
  readonly finish: Finish;
  /** The value that holds exactly these channels, where there is one. */
  readonly value?: string;
}

/** No detector's output is further from its layers, or made of more pieces; a file that says so is not followed. */
const deepest = 64;
const mostParts = 1024;

type Known = Map<string, readonly ChannelPart[]>;

/** The parts of a value along one of its axes, in order. */
export const channelParts = (graph: StaticGraph, value: string, axis: number): readonly ChannelPart[] =>
  partsAt(graph, value, axis, new Map(), 0);

function partsAt(graph: StaticGraph, value: string, axis: number, known: Known, depth: number): readonly ChannelPart[] {
  const key = `${axis} ${value}`;
  const before = known.get(key);
  if (before) return before;
  const size = graph.shapes.get(value)?.[axis] ?? 0;
  const whole: readonly ChannelPart[] = [{ size, finish: "none", value }];
  const found = depth < deepest ? partsOf(graph, value, axis, known, depth) : whole;
  const parts = found.length > mostParts ? whole : found;
  known.set(key, parts);
  return parts;
}

function partsOf(graph: StaticGraph, value: string, axis: number, known: Known, depth: number): readonly ChannelPart[] {
  const shape = graph.shapes.get(value) ?? [];
  const size = shape[axis];
  const whole = (finish: Finish): ChannelPart[] => [{ size, finish, value }];
  const node = producerOf(graph, value);
  if (!node) return whole("none");
  const inputs = node.inputs.filter((input) => input !== "" && !graph.constants.has(input));
  const along = (input: string, at = axis): readonly ChannelPart[] => partsAt(graph, input, at, known, depth + 1);
  const [first] = inputs;
  const from = graph.shapes.get(first) ?? [];
  switch (node.op) {
    case "Sigmoid":
    case "HardSigmoid":
      return whole("sigmoid");
    case "Softmax":
    case "LogSoftmax":
      return whole(softmaxAxes(node, shape, graph.opset).includes(axis) ? "softmax" : "none");
    case "Concat": {
      const given = numberAttribute(node, "axis");
      if ((given < 0 ? given + shape.length : given) === axis) {
        return node.inputs.flatMap((input) =>
          graph.constants.has(input)
            ? [{ size: graph.constants.get(input)?.shape[axis] ?? 0, finish: "none" as const }]
            : along(input),
        );
      }
      return alike(inputs.map((input) => along(input))) ?? whole("none");
    }
    case "Identity":
    case "Clip":
    case "Dropout":
    case "Cast":
      return along(first);
    case "Transpose":
      return along(first, permutation(node, from)[axis]);
    case "Slice":
    case "Split":
      return cut(graph, node, value, axis, along(first)) ?? whole("none");
    case "Mul": {
      // Objectness times class score: a product of probabilities is one.
      const [a, b] = node.inputs.map((input) => (graph.constants.has(input) ? "none" : finishOf(graph, input)));
      return whole(a === "sigmoid" && b === "sigmoid" ? "sigmoid" : "none");
    }
    case "Sub": {
      const [one] = graph.constants.get(node.inputs[0])?.numbers() ?? [];
      return whole(one === 1 ? finishOf(graph, node.inputs[1]) : "none");
    }
    default: {
      if (!isReshaping(node.op)) return whole("none");
      const source = from.findIndex((_, each) => reshapedAxis(from, shape, each) === axis && from[each] === size);
      if (source >= 0) return along(first, source);
      return whole(finishOf(graph, first));
    }
  }
}

/** What a whole value went through, whatever its axes. */
function finishOf(graph: StaticGraph, value: string): Finish {
  for (let node = producerOf(graph, value); node; node = producerOf(graph, node.inputs[0])) {
    if (node.op === "Sigmoid" || node.op === "HardSigmoid") return "sigmoid";
    if (node.op === "Softmax") return "softmax";
    const moves =
      ["Identity", "Transpose", "Slice", "Split", "Clip", "Gather"].includes(node.op) || isReshaping(node.op);
    if (!moves) return "none";
  }
  return "none";
}

/** Several values with the same parts, like the scales of a pyramid. */
function alike(lists: readonly (readonly ChannelPart[])[]): readonly ChannelPart[] | undefined {
  const shown = (parts: readonly ChannelPart[]): string => parts.map(({ size, finish }) => `${size} ${finish}`).join();
  const [first, ...others] = lists;
  if (!first || others.some((parts) => shown(parts) !== shown(first))) return undefined;
  return first.map(({ size, finish }) => ({ size, finish }));
}

/** The parts of what is cut out along the axis; of a cut along another axis, all. */
function cut(
  graph: StaticGraph,
  node: Node,
  value: string,
  axis: number,
  parts: readonly ChannelPart[],
): readonly ChannelPart[] | undefined {
  const size = (graph.shapes.get(value) ?? [])[axis];
  const total = parts.reduce((sum, part) => sum + part.size, 0);
  if (size === total) return parts;
  const [only, ...more] = parts;
  if (more.length === 0) return [{ size, finish: only.finish, value }];
  const start = startOf(graph, node, value, axis);
  return start === undefined ? undefined : within(parts, start, start + size);
}

/** Where a cut begins along the axis; undefined where it takes only some of what follows. */
function startOf(graph: StaticGraph, node: Node, value: string, axis: number): number | undefined {
  const shapes = node.inputs.map((input) => graph.shapes.get(input));
  const constants = node.inputs.map((input) => graph.constants.get(input));
  const regions = operators.get(node.op)?.arrange?.(node, shapes, constants).regions() ?? [];
  const from = regions.find(({ output = 0 }) => node.outputs[output] === value)?.from;
  return (from?.steps?.[axis] ?? 1) === 1 ? (from?.start?.[axis] ?? 0) : undefined;
}

function within(parts: readonly ChannelPart[], start: number, end: number): ChannelPart[] {
  let at = 0;
  return parts.flatMap(({ size, finish }) => {
    const [from, to] = [Math.max(start, at), Math.min(end, at + size)];
    at += size;
    return to > from ? [{ size: to - from, finish }] : [];
  });
}
