import type { StaticGraph } from "../graph/ir";
import { reshaping } from "../graph/shapes";
import { imageShape, type Shape } from "../ops/layout";
import type { ValueName } from "../ops/operation";

/** How the file turns scores into its output. */
export type OutputKind = "logits" | "softmax" | "sigmoid";

const trailing: Readonly<Record<string, OutputKind>> = {
  Softmax: "softmax",
  LogSoftmax: "softmax",
  Sigmoid: "sigmoid",
};

/**
 * The value before a trailing Softmax, LogSoftmax or Sigmoid. Gradients of probabilities vanish where the network is
 * certain, and mix all classes; the score before is what the methods are defined on.
 */
export function throughSoftmax(graph: StaticGraph, result: ValueName): { value: ValueName; kind: OutputKind } {
  let producer = graph.nodes.find(({ outputs }) => outputs.includes(result));
  // These may stand after it: they change no number.
  while (producer && (reshaping.has(producer.op) || producer.op === "Identity")) {
    const [input] = producer.inputs;
    producer = graph.nodes.find(({ outputs }) => outputs.includes(input));
  }
  const kind = producer && trailing[producer.op];
  return producer && kind ? { value: producer.inputs[0], kind } : { value: result, kind: "logits" };
}

/** One score per class: the output itself, or the mean over all positions where it is a map. */
export function classScores(data: Float32Array, shape: Shape): Float32Array {
  if (shape.length < 3) return data;
  const { h, w, c } = imageShape(shape);
  const pixels = h * w;
  return Float32Array.from({ length: c }, (_, channel) => {
    let sum = 0;
    for (let pixel = 0; pixel < pixels; pixel++) sum += data[pixel * c + channel];
    return sum / pixels;
  });
}

/** Softmax over all scores (of maximum subtracted), or the sigmoid of each. */
export function probabilities(scores: Float32Array, kind: OutputKind): Float32Array {
  if (kind === "sigmoid") return scores.map((score) => 1 / (1 + Math.exp(-score)));
  const highest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(scores, (score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}
