import type { NetworkBuilder, Value } from "./builder";

/** The layers of transformers, as PyTorch exports them: dense layers as product and addition, GELU and attention in pieces. */

/** Over the last axis. */
export function layerNorm(net: NetworkBuilder, x: Value, epsilon = 1e-6): Value {
  const width = [x.shape[x.shape.length - 1]];
  const inputs = [x.name, net.uniform(width, 0.8, 1.2), net.uniform(width, -0.2, 0.2)];
  return net.apply("LayerNormalization", inputs, x.shape, 1, { axis: -1, epsilon });
}

/** A dense layer of every token. */
export function tokenwise(net: NetworkBuilder, x: Value, outputs: number, bias = true): Value {
  const inputs = x.shape[x.shape.length - 1];
  const shape = [...x.shape.slice(0, -1), outputs];
  const product = net.apply("MatMul", [x.name, net.weight([inputs, outputs], inputs * x.meanSquare)], shape, 1);
  return bias ? net.apply("Add", [net.uniform([outputs], -0.1, 0.1), product.name], shape, 1) : product;
}

/** x·½(1 + erf(x/√2)) in five nodes. */
export function gelu(net: NetworkBuilder, x: Value): Value {
  const step = (op: string, inputs: readonly string[]): Value => net.apply(op, inputs, x.shape, 1);
  const erf = step("Erf", [step("Div", [x.name, net.scalar(Math.SQRT2)]).name]);
  const product = step("Mul", [x.name, step("Add", [erf.name, net.scalar(1)]).name]);
  return { ...step("Mul", [product.name, net.scalar(0.5)]), meanSquare: 0.42 * x.meanSquare };
}

/** Two dense layers with an activation between them. */
export function perceptron(
  net: NetworkBuilder,
  x: Value,
  hidden: number,
  activation: (net: NetworkBuilder, x: Value) => Value = gelu,
): Value {
  return tokenwise(net, activation(net, tokenwise(net, x, hidden)), x.shape[x.shape.length - 1]);
}

/** What is added to the scores of attention, of a shape that repeats to theirs. */
export type ScoreBias = (net: NetworkBuilder, scores: Value) => Value;

/** Self-attention of [B, T, C] with `heads` heads. */
export function attention(net: NetworkBuilder, x: Value, heads: number, bias?: ScoreBias): Value {
  const [batch, tokens, width] = x.shape;
  const each = width / heads;
  const all = net.reshape(tokenwise(net, x, 3 * width), [batch, tokens, 3, heads, each]);
  const turned = net.transpose(all, [2, 0, 3, 1, 4]);
  const [queries, keys, values] = net
    .node("Split", [turned.name, net.ints([1, 1, 1])], { axis: 0 }, 3)
    .map((name) => net.apply("Squeeze", [name, net.ints([0])], [batch, heads, tokens, each], 1));
  const scaled = net.apply("Mul", [queries.name, net.scalar(each ** -0.5)], queries.shape, 1 / each);
  const keysTurned = net.transpose(keys, [0, 1, 3, 2]);
  const square = [batch, heads, tokens, tokens];
  let scores = net.apply("MatMul", [scaled.name, keysTurned.name], square, 1);
  if (bias) scores = bias(net, scores);
  const shares = net.apply("Softmax", [scores.name], square, 1, { axis: -1 });
  const mixed = net.apply("MatMul", [shares.name, values.name], values.shape, 0.1);
  return tokenwise(net, net.reshape(net.transpose(mixed, [0, 2, 1, 3]), x.shape), width);
}

/** Channels of the last axis of an image, [N, C, H, W] → [N, H, W, C]. */
export const channelsLast = (net: NetworkBuilder, x: Value): Value => net.transpose(x, [0, 2, 3, 1]);
export const channelsFirst = (net: NetworkBuilder, x: Value): Value => net.transpose(x, [0, 3, 1, 2]);
