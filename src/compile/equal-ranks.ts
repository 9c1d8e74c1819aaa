/**
 * Element-wise operators walk their operands side by side, so operands of a lower rank than the result must lie in memory as they
 * would with its rank: channels last begins at rank 3, and `[1, 7, 8]` does not lie as `[1, 1, 7, 8]` does. Where it differs, an
 * operand goes through a Reshape first.
 */

import { Constant, type Node, type StaticGraph } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { memoryStrides, withRank } from "../operation/layout";
import { operators } from "../operators/table";
import { mark } from "./own-names";

/** Operators that walk several operands repeat them along the axes of the result as they go. */
const repeats = ({ op, inputs }: Node): boolean => inputs.length > 1 && operators.get(op)?.reach === "same";

/** True where a value lies in memory as it would with a rank at least as high. */
function liesAlike(shape: Shape, rank: number): boolean {
  const padded = withRank(shape, rank);
  const [own, wanted] = [memoryStrides(shape), memoryStrides(padded)];
  const added = rank - shape.length;
  return shape.every((extent, axis) => extent === 1 || own[axis] === wanted[axis + added]);
}

/** True for a node that is not of the file. */
export const isLaidOut = ({ name }: Node): boolean => name.includes(mark);

/** The graph with operands that lie as the results of their element-wise operators do. */
export function equalRanks(graph: StaticGraph): StaticGraph {
  if (!graph.nodes.some(repeats)) return graph;
  const shapes = new Map(graph.shapes);
  const constants = new Map(graph.constants);
  const made = new Set<string>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const out = graph.shapes.get(node.outputs[0]);
    if (!out || !repeats(node)) {
      nodes.push(node);
      continue;
    }
    const inputs = node.inputs.map((name) => {
      const own = graph.shapes.get(name);
      if (!own || graph.constants.has(name)) return name;
      if (liesAlike(own, out.length)) return name;
      const shape = withRank(own, out.length);
      const laidOut = `${name}${mark}as ${shape.join("×")}`;
      if (!made.has(laidOut)) {
        made.add(laidOut);
        const target = `${laidOut} (shape)`;
        shapes.set(laidOut, shape).set(target, [shape.length]);
        constants.set(target, Constant.fromNumbers("int", shape, [shape.length]));
        nodes.push({ name: laidOut, op: "Reshape", inputs: [name, target], outputs: [laidOut], attributes: new Map() });
      }
      return laidOut;
    });
    nodes.push({ ...node, inputs });
  }
  return made.size === 0 ? graph : { ...graph, shapes, constants, nodes };
}
