import type { Constant, Node, StaticGraph } from "../ir";
import { paddings, permutation, resizeGeometry, type Shape, sliceGeometry } from "../shapes";

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
    const [input] = renamed.inputs;
    const [x, y] = [graph.shapes.get(input), graph.shapes.get(node.outputs[0])];
    if (isNoOp && !changes && x && y && sameShape(x, y) && isNoOp(node, x, constants, graph.opset))
      aliases.set(node.outputs[0], input);
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
type NoOpTest = (node: Node, x: Shape, constants: readonly (Constant | undefined)[], opset: number) => boolean;

const always: NoOpTest = () => true;
const single: NoOpTest = (node) => node.inputs.length === 1;

const noOps: ReadonlyMap<string, NoOpTest> = new Map<string, NoOpTest>([
  ["Cast", always], // from float to float: other casts do not survive specialise
  [
    "Clip",
    (node) =>
      node.inputs.slice(1).every((input) => input === "") && !node.attributes.has("min") && !node.attributes.has("max"),
  ],
  ["Concat", single],
  ["Dropout", always],
  ["Expand", always],
  ["Flatten", always],
  ["Identity", always],
  ["Max", single],
  ["Min", single],
  ["Pad", hasNoPads],
  ["Reshape", always],
  ["Resize", keepsPixels],
  ["Slice", takesAll],
  ["Split", (node) => node.outputs.length === 1],
  ["Squeeze", always],
  ["Sum", single],
  ["Tile", always],
  ["Transpose", keepsOrder],
  ["Unsqueeze", always],
  ["Upsample", keepsPixels],
]);

const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((extent, axis) => extent === b[axis]);

function hasNoPads(node: Node, x: Shape, constants: readonly (Constant | undefined)[]): boolean {
  const { begin, end } = paddings(node, x.length, constants);
  return [...begin, ...end].every((n) => n === 0);
}

function takesAll(node: Node, x: Shape, constants: readonly (Constant | undefined)[]): boolean {
  const { step } = sliceGeometry(node, x, constants);
  return step.every((n, axis) => n === 1 || x[axis] === 1);
}

/** A scale that differs from 1 by less than a pixel still moves the sampling points; only exactly 1 does nothing. */
function keepsPixels(node: Node, x: Shape, constants: readonly (Constant | undefined)[], opset: number): boolean {
  // This mode samples half a pixel off, even without a change of size.
  if (node.attributes.get("coordinate_transformation_mode") === "tf_half_pixel_for_nn") return false;
  return resizeGeometry(node, x, constants, opset).every((axis) => axis.scale === 1);
}

/** Only axes of one element change places. */
function keepsOrder(node: Node, x: Shape): boolean {
  const wide = permutation(node, x).filter((axis) => x[axis] !== 1);
  return wide.every((axis, i) => i === 0 || axis > wide[i - 1]);
}
