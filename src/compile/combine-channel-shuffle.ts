import { Constant, type Node, type StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { permutation } from "../operators/moving";
import { innerValues, withoutValues } from "./inner-values";

/**
 * ShuffleNet's channel shuffle, as exporters write it, becomes one Gather of channels:
 *
 *   Reshape [N, C, …] → [N, g, C/g, …], Transpose of axes 1 and 2, Reshape → [N, C, …]     y[c·g + i] = x[i·C/g + c]
 *
 * Zhang et al., CVPR 2018, https://arxiv.org/abs/1707.01083, section 3.1. The shape in between has another channel axis, so
 * both reshapes would move every number.
 *
 * @param keep  names of values that must still be computed
 */
export function combineChannelShuffle(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!["Reshape", "Transpose"].every((op) => graph.nodes.some((node) => node.op === op))) return graph;
  const inner = innerValues(graph, keep);
  const producers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const shapeOf = (name: string): Shape => graph.shapes.get(name) ?? [];
  const constants = new Map(graph.constants);
  const shapes = new Map(graph.shapes);
  const gone = new Set<string>();
  const nodes = graph.nodes.map((node): Node => {
    const swap = producers.get(node.inputs[0]);
    const spread = swap && producers.get(swap.inputs[0]);
    if (node.op !== "Reshape" || swap?.op !== "Transpose" || spread?.op !== "Reshape") return node;
    const between = [swap.outputs[0], spread.outputs[0]];
    const groups = groupsOf(
      shapeOf(spread.inputs[0]),
      shapeOf(spread.outputs[0]),
      permutation(swap, shapeOf(swap.inputs[0])),
    );
    if (groups === undefined || !between.every((name) => inner.has(name))) return node;
    if (shapeOf(node.outputs[0]).join() !== shapeOf(spread.inputs[0]).join()) return node;
    const channels = shapeOf(node.outputs[0])[1];
    const order = Array.from(
      { length: channels },
      (_, k) => (k % groups) * (channels / groups) + Math.floor(k / groups),
    );
    const indices = `${node.outputs[0]}.order`;
    constants.set(indices, Constant.fromNumbers("int", order, [channels]));
    shapes.set(indices, [channels]);
    for (const name of between) gone.add(name);
    return { ...node, op: "Gather", inputs: [spread.inputs[0], indices], attributes: new Map([["axis", 1]]) };
  });
  if (gone.size === 0) return graph;
  return withoutValues(
    { ...graph, constants, shapes, nodes: nodes.filter(({ outputs }) => !gone.has(outputs[0])) },
    gone,
  );
}

/** The number of groups, if the axes are those of a shuffle. */
function groupsOf(from: Shape, spread: Shape, order: readonly number[]): number | undefined {
  const swaps = order.every((axis, i) => axis === (i === 1 ? 2 : i === 2 ? 1 : i));
  const splits = spread.length === from.length + 1 && spread[1] * spread[2] === from[1];
  const keeps = from[0] === spread[0] && from.slice(2).join() === spread.slice(3).join();
  return swaps && splits && keeps ? spread[1] : undefined;
}
