import { sizeOf } from "../../tensor";
import type { Node, StaticGraph } from "../ir";
import { collapseLoops, rowMajorLoops } from "../regions";
import { arrangements, type InputConstants, type InputShapes, reshaping } from "../shapes";

/**
 * Removes nodes that give back their input unchanged. The removed value's name becomes an alias of the remaining one; the
 * graph's `outputs` then name the remaining value, so every output is still computed.
 */
export function removeNoOps(graph: StaticGraph): StaticGraph {
  const aliases = new Map(graph.aliases);
  const resolved = (name: string): string => aliases.get(name) ?? name;
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const renamed = { ...node, inputs: node.inputs.map(resolved) };
    const isNoOp = noOps.get(node.op);
    const constants = node.inputs.map((input) => graph.constants.get(input));
    const changes = node.outputs.slice(1).some((output) => output !== "");
    const shapes = renamed.inputs.map((name) => graph.shapes.get(name));
    const same = shapes[0]?.join() === graph.shapes.get(node.outputs[0])?.join();
    if (isNoOp && !changes && same && isNoOp(node, shapes, constants)) aliases.set(node.outputs[0], renamed.inputs[0]);
    else nodes.push(renamed);
  }
  // A pass before may have left aliases of what is removed here.
  for (const [removed, remaining] of aliases) aliases.set(removed, resolved(remaining));
  return {
    ...graph,
    nodes,
    aliases,
    outputs: graph.outputs.map(resolved),
    shapes: new Map([...graph.shapes].filter(([name]) => !aliases.has(name))),
  };
}

/** Asked only where input and output have the same shape. */
type NoOpTest = (node: Node, shapes: InputShapes, constants: InputConstants) => boolean;

const always: NoOpTest = () => true;
const single: NoOpTest = (node) => node.inputs.length === 1;

const noOps: ReadonlyMap<string, NoOpTest> = /* @__PURE__ */ (() =>
  new Map<string, NoOpTest>([
    ...[...reshaping.keys()].map((op): [string, NoOpTest] => [op, always]),
    ["Cast", always], // from float to float: other casts do not survive specialise
    [
      "Clip",
      (node) =>
        node.inputs.slice(1).every((input) => input === "") &&
        !node.attributes.has("min") &&
        !node.attributes.has("max"),
    ],
    ["Concat", keepsPlaces],
    ["Dropout", always],
    ["Expand", always],
    ["Identity", always],
    ["Max", single],
    ["Min", single],
    ["Pad", keepsPlaces],
    ["Resize", always],
    ["Slice", keepsPlaces],
    ["Split", keepsPlaces],
    ["Sum", single],
    ["Tile", always],
    ["Transpose", keepsPlaces],
    ["Upsample", always],
  ]))();

/** Every element comes from its own place. */
function keepsPlaces(node: Node, shapes: InputShapes, constants: InputConstants): boolean {
  const [x = []] = shapes;
  const [region, ...others] = arrangements.get(node.op)?.(node, shapes, constants).regions() ?? [];
  const loops = rowMajorLoops(region, x, x);
  const { a, b } = collapseLoops(loops);
  const whole = sizeOf(region.extents) === sizeOf(x);
  return others.length === 0 && whole && loops.aOffset === loops.bOffset && a.join() === b.join();
}
