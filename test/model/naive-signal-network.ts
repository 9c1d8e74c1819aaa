/** A network over signals in plain float64 loops, forward and backward: a value is `[channel][time]`. */
import type { Attribute, Constant, Graph } from "../../src/graph/ir";
import { floats, graphOf } from "../graph/build";

export type Rule = "gradient" | "deconvnet" | "guided";

export type Layer =
  | {
      readonly op: "conv";
      readonly weight: readonly number[];
      readonly shape: readonly [out: number, channels: number, kernel: number];
      readonly bias: readonly number[];
      readonly stride: number;
      readonly pad: number;
    }
  | {
      readonly op: "norm";
      readonly scale: readonly number[];
      readonly shift: readonly number[];
      readonly mean: readonly number[];
      readonly variance: readonly number[];
    }
  | { readonly op: "relu" }
  | { readonly op: "pool"; readonly kernel: number; readonly stride: number }
  | { readonly op: "mean" }
  | { readonly op: "dense"; readonly weight: readonly number[]; readonly bias: readonly number[] };

type Value = number[][];

const epsilon = 1e-5;
const zeros = (like: Value): Value => like.map((row) => row.map(() => 0));

/** Every product of a convolution: which output, which input, which weight. */
function eachProduct(
  { shape: [out, channels, kernel], stride, pad }: Extract<Layer, { op: "conv" }>,
  x: Value,
  visit: (n: number, t: number, c: number, source: number, weight: number) => void,
): void {
  const positions = Math.floor((x[0].length + 2 * pad - kernel) / stride) + 1;
  for (let n = 0; n < out; n++)
    for (let t = 0; t < positions; t++)
      for (let c = 0; c < channels; c++)
        for (let k = 0; k < kernel; k++) {
          const source = t * stride + k - pad;
          if (source >= 0 && source < x[0].length) visit(n, t, c, source, (n * channels + c) * kernel + k);
        }
}

function apply(layer: Layer, x: Value): Value {
  switch (layer.op) {
    case "conv": {
      const positions = Math.floor((x[0].length + 2 * layer.pad - layer.shape[2]) / layer.stride) + 1;
      const y = layer.bias.map((bias) => new Array<number>(positions).fill(bias));
      eachProduct(layer, x, (n, t, c, source, weight) => {
        y[n][t] += layer.weight[weight] * x[c][source];
      });
      return y;
    }
    case "norm":
      return x.map((row, c) =>
        row.map(
          (value) =>
            ((value - layer.mean[c]) / Math.sqrt(layer.variance[c] + epsilon)) * layer.scale[c] + layer.shift[c],
        ),
      );
    case "relu":
      return x.map((row) => row.map((value) => Math.max(value, 0)));
    case "pool": {
      const positions = Math.floor((x[0].length - layer.kernel) / layer.stride) + 1;
      return x.map((row) =>
        Array.from({ length: positions }, (_, t) =>
          Math.max(...row.slice(t * layer.stride, t * layer.stride + layer.kernel)),
        ),
      );
    }
    case "mean":
      return x.map((row) => [row.reduce((a, b) => a + b, 0) / row.length]);
    case "dense": {
      const flat = x.flat();
      return layer.bias.map((bias, n) => [
        flat.reduce((sum, value, i) => sum + layer.weight[n * flat.length + i] * value, bias),
      ]);
    }
  }
}

/** What arrives at x where dy arrives at y. */
function applyBackward(layer: Layer, x: Value, y: Value, dy: Value, rule: Rule): Value {
  const dx = zeros(x);
  switch (layer.op) {
    case "conv":
      eachProduct(layer, x, (n, t, c, source, weight) => {
        dx[c][source] += layer.weight[weight] * dy[n][t];
      });
      return dx;
    case "norm":
      return dy.map((row, c) => row.map((value) => (value * layer.scale[c]) / Math.sqrt(layer.variance[c] + epsilon)));
    case "relu":
      return dy.map((row, c) =>
        row.map((value, t) => {
          const arrived = rule === "gradient" ? value : Math.max(value, 0);
          return rule === "deconvnet" || x[c][t] > 0 ? arrived : 0;
        }),
      );
    case "pool":
      dy.forEach((row, c) => {
        row.forEach((value, t) => {
          dx[c][x[c].indexOf(y[c][t], t * layer.stride)] += value;
        });
      });
      return dx;
    case "mean":
      return dx.map((row, c) => row.map(() => dy[c][0] / row.length));
    case "dense": {
      const size = x.flat().length;
      return x.map((row, c) =>
        row.map((_, t) => dy.reduce((sum, [value], n) => sum + layer.weight[n * size + c * row.length + t] * value, 0)),
      );
    }
  }
}

/** `values[i]` is what layer i takes, `values[i + 1]` what it makes. */
export function forward(layers: readonly Layer[], x: readonly number[], channels: number) {
  const length = x.length / channels;
  const values: Value[] = [Array.from({ length: channels }, (_, c) => x.slice(c * length, (c + 1) * length))];
  for (const layer of layers) values.push(apply(layer, values[values.length - 1]));
  return { values, scores: values[values.length - 1].flat() };
}

/** Sends a seed from behind the last of the layers down to what layer `first` takes. */
export function backward(
  layers: readonly Layer[],
  values: readonly Value[],
  seed: Value,
  first: number,
  rule: Rule,
): Value {
  let arrived = seed;
  for (let i = layers.length - 1; i >= first; i--) {
    arrived = applyBackward(layers[i], values[i], values[i + 1], arrived, rule);
  }
  return arrived;
}

/** ∂score/∂ of what layer `first` takes. */
export function gradientAt(
  layers: readonly Layer[],
  x: readonly number[],
  channels: number,
  target: number,
  first: number,
  rule: Rule = "gradient",
): Value {
  const { values, scores } = forward(layers, x, channels);
  return backward(
    layers,
    values,
    scores.map((_, n) => [Number(n === target)]),
    first,
    rule,
  );
}

export const gradientOf = (
  layers: readonly Layer[],
  x: readonly number[],
  channels: number,
  target: number,
  rule: Rule,
): number[] => gradientAt(layers, x, channels, target, 0, rule).flat();

/** The same network as a graph; layer i is node `n<i>`. */
export function graphOfLayers(layers: readonly Layer[], inputShape: readonly number[]): Graph {
  const constants: Record<string, Constant> = {};
  const nodes: [string, string[], string[], Record<string, Attribute>?][] = [];
  const constant = (name: string, shape: readonly number[], values: readonly number[]): string => {
    constants[name] = floats(shape, values);
    return name;
  };
  let from = "x";
  layers.forEach((layer, i) => {
    const to = `n${i}`;
    switch (layer.op) {
      case "conv": {
        const inputs = [
          from,
          constant(`w${i}`, layer.shape, layer.weight),
          constant(`b${i}`, [layer.shape[0]], layer.bias),
        ];
        const attributes = { kernel_shape: [layer.shape[2]], strides: [layer.stride], pads: [layer.pad, layer.pad] };
        nodes.push(["Conv", inputs, [to], attributes]);
        break;
      }
      case "norm": {
        const parts = [layer.scale, layer.shift, layer.mean, layer.variance];
        const names = parts.map((values, k) => constant(`norm${i}${k}`, [values.length], values));
        nodes.push(["BatchNormalization", [from, ...names], [to], { epsilon }]);
        break;
      }
      case "relu":
        nodes.push(["Relu", [from], [to]]);
        break;
      case "pool":
        nodes.push(["MaxPool", [from], [to], { kernel_shape: [layer.kernel], strides: [layer.stride] }]);
        break;
      case "mean":
        nodes.push(["GlobalAveragePool", [from], [to]]);
        break;
      case "dense": {
        const size = layer.weight.length / layer.bias.length;
        const weight = constant(`w${i}`, [layer.bias.length, size], layer.weight);
        nodes.push(["Flatten", [from], [`flat${i}`]]);
        nodes.push([
          "Gemm",
          [`flat${i}`, weight, constant(`b${i}`, [layer.bias.length], layer.bias)],
          [to],
          { transB: 1 },
        ]);
        break;
      }
    }
    from = to;
  });
  return graphOf({ inputs: { x: inputShape }, constants, nodes });
}
