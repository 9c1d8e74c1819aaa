import { Constant, type Node, numberAttribute, type StaticGraph } from "../graph/ir";
import { operators } from "../operators/table";
import { innerValues } from "./inner-values";

/**
 * Merges a BatchNormalization into the Conv, ConvTranspose or Gemm before it:
 *
 *   s = scale / sqrt(variance + epsilon)      weight' = s · weight      bias' = s · (bias − mean) + shift
 *
 * in float64, rounded to float32 once. Only where the layer's own result has no other reader, is no output of the graph
 * and is not in `keep`. The merged node keeps the layer's name and produces the normalised value; its weights get names of
 * their own, because layers may share weights.
 *
 * @param keep  names of values that must still be computed
 */
export function foldBatchNorm(graph: StaticGraph, keep: ReadonlySet<string>): StaticGraph {
  if (!graph.nodes.some(({ op }) => op === "BatchNormalization")) return graph;
  const innermost = innerValues(graph, keep);
  const layers = new Map(
    graph.nodes.filter((node) => operators.get(node.op)?.weight).map((node) => [node.outputs[0], node]),
  );

  const constants = new Map(graph.constants);
  const shapes = new Map(graph.shapes);
  const merged = new Map<Node, Node>();
  const removed = new Set<Node>();
  for (const norm of graph.nodes) {
    if (norm.op !== "BatchNormalization") continue;
    const [inner] = norm.inputs;
    const layer = layers.get(inner);
    if (!layer || !innermost.has(inner)) continue;
    const folded = foldedWeights(graph, layer, norm);
    if (!folded) continue;
    const weight = freshName(`${layer.name}.weight`, shapes);
    shapes.set(weight, folded.weight.shape);
    constants.set(weight, folded.weight);
    const bias = freshName(`${layer.name}.bias`, shapes);
    shapes.set(bias, folded.bias.shape);
    constants.set(bias, folded.bias);
    shapes.delete(inner);
    const attributes = new Map(layer.attributes);
    attributes.delete("beta"); // Gemm's factors are part of the new weights
    attributes.delete("alpha");
    merged.set(layer, { ...layer, inputs: [layer.inputs[0], weight, bias], outputs: norm.outputs, attributes });
    removed.add(norm);
  }
  if (merged.size === 0) return graph;
  const nodes = graph.nodes.filter((node) => !removed.has(node)).map((node) => merged.get(node) ?? node);
  const read = new Set([...graph.outputs, ...nodes.flatMap((node) => node.inputs)]);
  for (const name of constants.keys()) {
    if (read.has(name)) continue;
    constants.delete(name);
    shapes.delete(name);
  }
  const aliases = new Map([...graph.aliases].filter(([, remaining]) => shapes.has(remaining)));
  return { ...graph, nodes, constants, shapes, aliases };
}

function foldedWeights(graph: StaticGraph, layer: Node, norm: Node): { weight: Constant; bias: Constant } | undefined {
  const constant = (name: string | undefined): Constant | undefined => (name ? graph.constants.get(name) : undefined);
  const weight = constant(layer.inputs[1]);
  const layout = weight && operators.get(layer.op)?.weight?.(layer, weight);
  const [scale, shift, mean, variance] = norm.inputs.slice(1).map((name) => constant(name)?.floats());
  if (!weight || !layout || !scale || !shift || !mean || !variance) return undefined;
  // Before operator set 9 spatial = 0 meant statistics per pixel.
  if (numberAttribute(norm, "spatial", 1) === 0 || scale.length !== layout.channels) return undefined;
  const bias = biasOf(graph, layer, layout.channels);
  if (!bias) return undefined;

  const epsilon = numberAttribute(norm, "epsilon", 1e-5);
  const alpha = layer.op === "Gemm" ? numberAttribute(layer, "alpha", 1) : 1;
  const factor = Float64Array.from(variance, (v, c) => scale[c] / Math.sqrt(v + epsilon));
  const shifted = Float32Array.from(bias, (b, c) => factor[c] * (b - mean[c]) + shift[c]);
  const newBias = Constant.fromFloats(shifted, [layout.channels]);
  if (layer.op === "Conv") return { weight: Constant.fromScaled(weight, factor), bias: newBias };
  const values = weight.floats();
  const scaled = new Float32Array(values.length);
  for (let i = 0; i < values.length; ) {
    const s = alpha * factor[layout.channelOf(i / layout.run)];
    for (const end = i + layout.run; i < end; i++) scaled[i] = s * values[i];
  }
  return { weight: Constant.fromFloats(scaled, weight.shape), bias: newBias };
}

/** One bias per channel in float64, zeros where the layer has none; undefined where it is not a constant per channel. */
function biasOf(graph: StaticGraph, layer: Node, channels: number): Float64Array | undefined {
  const name = layer.inputs[2];
  if (!name) return new Float64Array(channels);
  const bias = graph.constants.get(name);
  // Gemm also takes one number, one row, or a whole matrix.
  const isRow = bias && (bias.size === 1 || bias.shape[bias.shape.length - 1] === bias.size);
  if (!bias || !isRow || (bias.size !== 1 && bias.size !== channels)) return undefined;
  const values = bias.floats();
  const beta = layer.op === "Gemm" ? numberAttribute(layer, "beta", 1) : 1;
  return Float64Array.from({ length: channels }, (_, c) => beta * values[bias.size === 1 ? 0 : c]);
}

function freshName(wish: string, taken: ReadonlyMap<string, unknown>): string {
  let name = `${wish} (batch norm folded)`;
  for (let n = 2; taken.has(name); n++) name = `${wish} (batch norm folded, ${n})`;
  return name;
}
