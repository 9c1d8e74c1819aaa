import { Constant, type Node, type StaticGraph } from "../ir";
import { rowMajorLoops, visitPairs } from "../regions";
import type { Shape } from "../shapes";
import { filled } from "../shapes/rule";

const channelsFirst = [0, 3, 1, 2];
/** Give every element from the one in its place, whatever the order of axes. */
const unary: ReadonlySet<string> = new Set("Cast Identity Neg Abs Relu Clip Tanh Sigmoid Sqrt Exp Log".split(" "));
/** The same with a constant beside it, which is turned round too. */
const scaling: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]);

/**
 * Files from TensorFlow take images channels last, [N, H, W, C], and start with a Transpose to channels first, sometimes behind a
 * scaling of the pixels. Memory is channels last here anyway, so that node does nothing: the graph then takes [N, C, H, W] like
 * every other file, and what stands before the Transpose is computed in that order.
 */
export function channelsFirstInput(graph: StaticGraph): StaticGraph {
  const [input] = graph.inputs;
  if (graph.shapes.get(input?.name)?.length !== 4 || graph.outputs.includes(input.name)) return graph;
  const before: Node[] = [];
  let value = input.name;
  for (;;) {
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(value));
    const [reader] = readers;
    if (readers.length !== 1 || graph.outputs.includes(reader.outputs[0])) return graph;
    if (reader.op === "Transpose") {
      const order = reader.attributes.get("perm");
      if (!Array.isArray(order) || order.join() !== channelsFirst.join()) return graph;
      return turned(graph, before, reader, value);
    }
    if (!turns(graph, reader, value)) return graph;
    before.push(reader);
    [value] = reader.outputs;
  }
}

/** True where a node does the same in another order of axes. */
function turns(graph: StaticGraph, { op, inputs, outputs }: Node, value: string): boolean {
  const sameShape = graph.shapes.get(outputs[0])?.join() === graph.shapes.get(value)?.join();
  if (!sameShape) return false;
  if (unary.has(op)) return true;
  return (
    scaling.has(op) &&
    inputs.filter((name) => name === value).length === 1 &&
    inputs.every((name) => name === value || graph.constants.has(name))
  );
}

function turned(graph: StaticGraph, before: readonly Node[], transpose: Node, last: string): StaticGraph {
  const [input] = graph.inputs;
  const [output] = transpose.outputs;
  const shape = graph.shapes.get(output) ?? [];
  const shapes = new Map(graph.shapes);
  const constants = new Map(graph.constants);
  const changed = new Map<Node, Node>();
  for (const node of before) {
    const inputs = node.inputs.map((name) => {
      const constant = graph.constants.get(name);
      if (!constant || constant.size === 1 || !scaling.has(node.op)) return name;
      const channels = turnedConstant(constant);
      const own = `${name} (channels first)`;
      constants.set(own, channels);
      shapes.set(own, channels.shape);
      return own;
    });
    changed.set(node, { ...node, inputs });
    shapes.set(node.outputs[0], shape);
  }
  shapes.set(input.name, shape);
  shapes.delete(output);
  return {
    ...graph,
    inputs: [{ ...input, shape }],
    shapes,
    constants,
    aliases: new Map([...graph.aliases, [output, last]]),
    nodes: graph.nodes
      .filter((node) => node !== transpose)
      .map((node) => changed.get(node) ?? node)
      .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === output ? last : name)) })),
  };
}

/** A constant that broadcasts to [N, H, W, C], for [N, C, H, W]. */
function turnedConstant(constant: Constant): Constant {
  const from: Shape = [...filled(4 - constant.shape.length, 1), ...constant.shape];
  const to = channelsFirst.map((axis) => from[axis]);
  const values = constant.floats();
  const out = new Float32Array(values.length);
  visitPairs(rowMajorLoops({ extents: to, from: { axes: channelsFirst } }, from, to), (a, b) => {
    out[b] = values[a];
  });
  return Constant.fromFloats(out, to);
}
