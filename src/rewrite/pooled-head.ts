import { removeDeadNodes } from "../compile/remove-dead-nodes";
import { Constant, type Graph, type Node, type StaticGraph } from "../graph/ir";
import type { ValueName } from "../operation/operation";
import { freshName, type RewriteStep } from "./rewrite-step";

/** A linear layer on pooled maps, as float32. */
export interface LinearLayer {
  /** `[classes][channels]`. */
  readonly weights: Float32Array;
  /** `[classes]`. */
  readonly bias: Float32Array;
}

/**
 * Replaces everything between some maps and the scores by global average pooling and one linear layer, the head that CAM
 * is defined on (Zhou et al. 2015, https://arxiv.org/abs/1512.04150). What follows the scores stays.
 */
export function pooledHead(
  graph: StaticGraph,
  { maps, logits, layer }: { readonly maps: ValueName; readonly logits: ValueName; readonly layer: LinearLayer },
): { graph: Graph; steps: readonly RewriteStep[] } {
  const after = following(graph, logits);
  const before = new Set(removeDeadNodes(graph, [maps]).nodes);
  const classes = layer.bias.length;
  const channels = layer.weights.length / classes;
  const name = (wish: string): string => freshName(graph, wish);
  const [pooled, vector] = [name(`${logits}_pooled`), name(`${logits}_vector`)];
  const [weight, bias] = [name(`${logits}_weight`), name(`${logits}_bias`)];
  const head: Node[] = [
    { name: pooled, op: "GlobalAveragePool", inputs: [maps], outputs: [pooled], attributes: new Map() },
    { name: vector, op: "Flatten", inputs: [pooled], outputs: [vector], attributes: new Map([["axis", 1]]) },
    {
      name: name(`${logits}_linear`),
      op: "Gemm",
      inputs: [vector, weight, bias],
      outputs: [logits],
      attributes: new Map([["transB", 1]]),
    },
  ];
  const removed = graph.nodes.filter((node) => !before.has(node) && !after.has(node));
  return {
    graph: {
      ...graph,
      nodes: [
        ...graph.nodes.filter((node) => before.has(node)),
        ...head,
        ...graph.nodes.filter((node) => after.has(node)),
      ],
      constants: new Map([
        ...graph.constants,
        [weight, Constant.fromFloats(layer.weights, [classes, channels])],
        [bias, Constant.fromFloats(layer.bias, [classes])],
      ]),
    },
    steps: [
      ...removed.map(({ name: node, op }) => ({ node, op, change: "removed" })),
      { node: pooled, op: "GlobalAveragePool", change: `new: the mean of "${maps}" over all places` },
      { node: head[2].name, op: "Gemm", change: `new: ${channels} means to ${classes} scores, fitted to the images` },
    ],
  };
}

/** Nodes that read a value, directly or not. */
function following(graph: Graph, value: ValueName): ReadonlySet<Node> {
  const reached = new Set([value]);
  const found = new Set<Node>();
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => reached.has(input))) continue;
    found.add(node);
    for (const output of node.outputs) reached.add(output);
  }
  return found;
}
