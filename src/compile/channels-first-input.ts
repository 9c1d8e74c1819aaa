import { Constant, type GraphInput, type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import { rowMajorLoops, visitPairs } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { filled } from "../graph/shape-rule";

const channelsFirst = [0, 3, 1, 2];
/** Give every element from the one in its place, whatever the order of axes. */
const unary: ReadonlySet<string> = new Set("Cast Identity Neg Abs Relu Clip Tanh Sigmoid Sqrt Exp Log".split(" "));
/** The same with a constant beside it, which is turned round too. */
const scaling: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"]);
/** Take elements along axes that an attribute or a constant names. */
const picking: ReadonlySet<string> = new Set(["Gather", "Slice"]);

/**
 * Files from TensorFlow take images channels last, [N, H, W, C], and start with a Transpose to channels first, sometimes behind a
 * scaling of the pixels. Memory is channels last here anyway, so that node does nothing: the graph then takes [N, C, H, W] like
 * every other file, and what stands before the Transpose is computed in that order.
 */
export function channelsFirstInput(graph: StaticGraph): StaticGraph {
  return graph.inputs.reduce((found, { name }) => turnedInput(found, name), graph);
}

function turnedInput(graph: StaticGraph, name: string): StaticGraph {
  const input = graph.inputs.find((each) => each.name === name) as StaticGraph["inputs"][number];
  if (graph.shapes.get(name)?.length !== 4 || graph.outputs.includes(input.name)) return graph;
  const before: Node[] = [];
  const readersOf = new Map<string, Set<Node>>();
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      const others = readersOf.get(name);
      if (others) others.add(node);
      else readersOf.set(name, new Set([node]));
    }
  }
  let value = input.name;
  for (;;) {
    const readers = [...(readersOf.get(value) ?? [])];
    const [reader] = readers;
    if (readers.length !== 1 || graph.outputs.includes(reader.outputs[0])) return graph;
    if (reader.op === "Transpose") {
      const order = reader.attributes.get("perm");
      if (!Array.isArray(order) || order.join() !== channelsFirst.join()) return graph;
      return turned(graph, input, before, reader, value);
    }
    if (!turns(graph, reader, value)) return graph;
    before.push(reader);
    [value] = reader.outputs;
  }
}

/** True where a node does the same in another order of axes. */
function turns(graph: StaticGraph, node: Node, value: string): boolean {
  const { op, inputs } = node;
  const outputs = node.outputs.filter((name) => name !== "");
  const sameShape = graph.shapes.get(outputs[0])?.join() === graph.shapes.get(value)?.join();
  if (!sameShape) return false;
  if (unary.has(op)) return true;
  // Of channels in another order: BGR for RGB.
  if (picking.has(op)) return inputs[0] === value && inputs.slice(1).every((name) => graph.constants.has(name));
  if (op === "BatchNormalization") {
    return inputs[0] === value && outputs.length === 1 && inputs.slice(1).every((name) => graph.constants.has(name));
  }
  return (
    scaling.has(op) &&
    inputs.filter((name) => name === value).length === 1 &&
    inputs.every((name) => name === value || graph.constants.has(name))
  );
}

function turned(
  graph: StaticGraph,
  input: GraphInput,
  before: readonly Node[],
  transpose: Node,
  last: string,
): StaticGraph {
  const [output] = transpose.outputs;
  const shape = graph.shapes.get(output) ?? [];
  const shapes = new Map(graph.shapes);
  const constants = new Map(graph.constants);
  const changed = new Map<Node, readonly Node[]>();
  const own = (name: string, constant: Constant): string => {
    const key = `${name} (channels first)`;
    constants.set(key, constant);
    shapes.set(key, constant.shape);
    return key;
  };
  for (const node of before) {
    shapes.set(node.outputs[0], shape);
    if (node.op === "BatchNormalization") {
      const between = `${node.outputs[0]} (scaled)`;
      shapes.set(between, shape);
      changed.set(node, turnedNormalization(graph, node, between, own));
    } else if (picking.has(node.op)) changed.set(node, [turnedPicking(graph, node, own)]);
    else {
      const inputs = node.inputs.map((name) => {
        const constant = graph.constants.get(name);
        return constant && constant.size > 1 && scaling.has(node.op) ? own(name, turnedConstant(constant)) : name;
      });
      changed.set(node, [{ ...node, inputs }]);
    }
  }
  shapes.set(input.name, shape);
  shapes.delete(output);
  return {
    ...graph,
    inputs: graph.inputs.map((each) => (each === input ? { ...input, shape } : each)),
    shapes,
    constants,
    aliases: new Map([...graph.aliases, [output, last]]),
    nodes: graph.nodes
      .filter((node) => node !== transpose)
      .flatMap((node) => changed.get(node) ?? [node])
      .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === output ? last : name)) })),
  };
}

const turnedAxis = (axis: number): number => channelsFirst.indexOf(axis < 0 ? axis + 4 : axis);

/** Gather and Slice along the same axes, where these are now. */
function turnedPicking(graph: StaticGraph, node: Node, own: (name: string, constant: Constant) => string): Node {
  const attributes = new Map(node.attributes);
  if (node.op === "Gather") {
    attributes.set("axis", turnedAxis(numberAttribute(node, "axis", 0)));
    return { ...node, attributes };
  }
  const starts = graph.constants.get(node.inputs[1])?.size ?? 0;
  const given = node.attributes.get("axes") ?? graph.constants.get(node.inputs[3])?.numbers();
  const axes = Array.isArray(given) ? (given as number[]) : Array.from({ length: starts }, (_, axis) => axis);
  const turnedAxes = axes.map(turnedAxis);
  if (node.inputs.length < 2) return { ...node, attributes: attributes.set("axes", turnedAxes) };
  const [data, from, to, , ...steps] = node.inputs;
  const axesName = own(`${node.outputs[0]} axes`, Constant.fromNumbers("int", turnedAxes, [axes.length]));
  return { ...node, inputs: [data, from, to, axesName, ...steps] };
}

/** Axis 1 of a batch normalisation is no longer axis 1: it becomes a factor and a shift for every place along it. */
function turnedNormalization(
  graph: StaticGraph,
  node: Node,
  between: string,
  own: (name: string, constant: Constant) => string,
): readonly Node[] {
  const [value, ...names] = node.inputs;
  const [gamma, beta, mean, variance] = names.map((name) => graph.constants.get(name)?.floats() ?? new Float32Array());
  const epsilon = numberAttribute(node, "epsilon", 1e-5);
  const factors = gamma.map((factor, i) => factor / Math.sqrt(variance[i] + epsilon));
  const shifts = beta.map((shift, i) => shift - mean[i] * factors[i]);
  // [N, H, W, C] has H on axis 1, [N, C, H, W] on axis 2.
  const along = (values: Float32Array): Constant => Constant.fromFloats(values, [1, 1, values.length, 1]);
  const attributes: Node["attributes"] = new Map();
  const [output] = node.outputs;
  return [
    {
      ...node,
      op: "Mul",
      name: `${node.name} (scaled)`,
      inputs: [value, own(`${output} factors`, along(factors))],
      outputs: [between],
      attributes,
    },
    { ...node, op: "Add", inputs: [between, own(`${output} shifts`, along(shifts))], outputs: [output], attributes },
  ];
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
