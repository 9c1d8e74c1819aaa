/** Which axis of a value holds its channels: read off the layers it comes from, not off its shape. */

import { type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { permutation } from "../operators/moving";
import { softmaxAxes } from "../operators/normalization";
import { isReshaping, operators } from "../operators/table";
import { sizeOf } from "../tensor";
import { producerOf } from "./output";

export interface ChannelAxis {
  readonly axes: readonly number[];
  /** What says so: a softmax, which normalises them, or the layer that computes them. */
  readonly by: "softmax" | "layer";
}

/** Layers that write their channels to axis 1. */
const channelsFirst: ReadonlySet<string> = /* @__PURE__ */ new Set(
  (
    "Conv ConvTranspose BatchNormalization InstanceNormalization LRN Gemm DepthToSpace SpaceToDepth " +
    "AveragePool GlobalAveragePool GlobalMaxPool MaxPool MaxUnpool"
  ).split(" "),
);
/** Layers whose result is along the last axis. */
const channelsLast: ReadonlySet<string> = /* @__PURE__ */ new Set(["LayerNormalization"]);

/** @returns undefined where the layers do not say */
export function channelAxis(graph: StaticGraph, value: string): ChannelAxis | undefined {
  // In execution order, so that what a value comes from is known: no graph is too deep.
  const known = new Map<string, ChannelAxis | undefined>();
  for (const { outputs } of graph.nodes) {
    for (const name of outputs)
      if (name !== "")
        known.set(
          name,
          axisAt(graph, name, (input) => known.get(input)),
        );
    if (outputs.includes(value)) break;
  }
  return known.get(value);
}

/** The same of a value inside of a network: what a convolution reads has its channels at axis 1, wherever they come from. */
export function innerChannelAxis(graph: StaticGraph, value: string): ChannelAxis | undefined {
  const shape = graph.shapes.get(value) ?? [];
  const alike = new Set([value]);
  for (const { op, inputs, outputs } of graph.nodes) {
    if (!inputs.some((input) => alike.has(input))) continue;
    if (channelsFirst.has(op) && alike.has(inputs[0])) return { axes: [1], by: "layer" };
    if (operators.get(op)?.reach === "same" && graph.shapes.get(outputs[0])?.join() === shape.join())
      alike.add(outputs[0]);
  }
  return channelAxis(graph, value);
}

function axisAt(
  graph: StaticGraph,
  value: string,
  before: (value: string) => ChannelAxis | undefined,
): ChannelAxis | undefined {
  const node = producerOf(graph, value);
  if (!node) return undefined;
  const shape = graph.shapes.get(value) ?? [];
  const rank = shape.length;
  const layer = (axis: number): ChannelAxis | undefined => (axis < rank ? { axes: [axis], by: "layer" } : undefined);
  if (node.op === "Softmax" || node.op === "LogSoftmax") {
    const axes = softmaxAxes(node, shape, graph.opset);
    if (sizeOf(axes.map((axis) => shape[axis])) > 1) return { axes, by: "softmax" };
  }
  if (channelsFirst.has(node.op)) return layer(1);
  if (channelsLast.has(node.op)) return layer(rank - 1);
  if (node.op === "MatMul") {
    // Weights on the left make new rows, weights on the right new columns.
    return layer(graph.constants.has(node.inputs[0]) && rank > 1 ? rank - 2 : rank - 1);
  }
  for (const input of node.inputs) {
    if (input === "" || graph.constants.has(input)) continue;
    const found = before(input);
    const axes = found && movedAxes(graph, node, graph.shapes.get(input) ?? [], shape, found.axes);
    if (found && axes) return { axes, by: found.by };
  }
  return undefined;
}

/** Where axes of an operator's input are in its output. */
function movedAxes(
  graph: StaticGraph,
  node: Node,
  from: Shape,
  to: Shape,
  axes: readonly number[],
): readonly number[] | undefined {
  if (node.op === "Transpose") {
    const perm = permutation(node, from);
    return axes.map((axis) => perm.indexOf(axis)).sort((a, b) => a - b);
  }
  const [axis, ...more] = axes;
  if (isReshaping(node.op)) return more.length === 0 ? listed(reshapedAxis(from, to, axis)) : undefined;
  // Elementwise operators, and those that work on other axes.
  if (from.length === to.length) return axes;
  const gone = removedAxes(graph, node, from.length);
  if (!gone || from.length - gone.length !== to.length || axes.some((each) => gone.includes(each))) return undefined;
  return axes.map((each) => each - gone.filter((other) => other < each).length);
}

const listed = (axis: number | undefined): readonly number[] | undefined => (axis === undefined ? undefined : [axis]);

/** The axes that Gather of one index, or a reduction without keepdims, takes away. */
function removedAxes(graph: StaticGraph, node: Node, rank: number): readonly number[] | undefined {
  const second = graph.constants.get(node.inputs[1]);
  const given =
    node.op === "Gather"
      ? [numberAttribute(node, "axis", 0)]
      : node.op.startsWith("Reduce")
        ? (node.attributes.get("axes") ?? second?.numbers())
        : undefined;
  return Array.isArray(given) ? given.map((axis: number) => (axis < 0 ? axis + rank : axis)) : undefined;
}

/**
 * The axis of a reshaped value that runs over the same channels. Where channels are split ([1, A·C, h, w] to [1, A, C, h, w], or
 * [1, h, w, A·C] to [1, h·w·A, C]) the last part is followed: an anchor's numbers lie together.
 */
export function reshapedAxis(from: Shape, to: Shape, axis: number): number | undefined {
  if (from[axis] === 1) {
    // A single channel stays where as many elements lie before it.
    const before = sizeOf(from.slice(0, axis));
    const same = [...to.keys()].filter((k) => to[k] === 1 && sizeOf(to.slice(0, k)) === before);
    return same.includes(axis) ? axis : same.at(-1);
  }
  // Axes that together hold the same elements on both sides.
  let [i, j, left, right] = [0, 0, 1, 1];
  let [groupI, groupJ] = [0, 0];
  while (i < from.length || j < to.length) {
    if (left <= right && i < from.length) left *= from[i++];
    else if (j < to.length) right *= to[j++];
    else left *= from[i++];
    if (left !== right) continue;
    // Ones belong to either group; they change nothing.
    while (i < from.length && from[i] === 1) i++;
    while (j < to.length && to[j] === 1) j++;
    if (axis < i) return lastOfGroup(from, to, axis, { groupI, i, groupJ, j });
    [groupI, groupJ, left, right] = [i, j, 1, 1];
  }
  return undefined;
}

function lastOfGroup(
  from: Shape,
  to: Shape,
  axis: number,
  { groupI, i, groupJ, j }: { groupI: number; i: number; groupJ: number; j: number },
): number | undefined {
  const wide = (shape: Shape, start: number, end: number): number[] =>
    [...shape.keys()].slice(start, end).filter((k) => shape[k] > 1);
  const [sources, results] = [wide(from, groupI, i), wide(to, groupJ, j)];
  const last = results.at(-1);
  if (last === undefined || sources.at(-1) !== axis) return undefined;
  return from[axis] % to[last] === 0 ? last : undefined;
}
