/**
 * A second opinion: plain loops in float64 over (N, C, H, W), written from the definitions and sharing nothing with the
 * engine but the parsed file. Knows the operators of the pet-shop networks.
 */
import { type Graph, type Node, numbersAttribute } from "../../src/graph/ir";

export type Rule = "gradient" | "deconvnet" | "guided";

interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface Step {
  readonly node: Node;
  readonly x: Value;
  readonly y: Value;
  backward(dy: Float64Array, rule: Rule): Float64Array;
}

export class NaiveNetwork {
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Runs a chain of nodes and remembers each step. */
  forward(input: Float64Array, shape: readonly number[]): Step[] {
    const steps: Step[] = [];
    let x: Value = { shape, data: input };
    for (const node of this.#graph.nodes) {
      const step = this.#step(node, x);
      steps.push(step);
      x = step.y;
    }
    return steps;
  }

  /** What travels back from one element of the output to the input. */
  backward(steps: readonly Step[], index: number, rule: Rule): Float64Array {
    const last = steps.at(-1) as Step;
    let gradient: Float64Array = new Float64Array(last.y.data.length);
    gradient[index] = 1;
    for (const step of [...steps].reverse()) gradient = step.backward(gradient, rule);
    return gradient;
  }

  #constant(name: string): { data: Float32Array; shape: readonly number[] } {
    const constant = this.#graph.constants.get(name);
    if (!constant) throw new Error(`no constant ${name}`);
    return { data: constant.floats(), shape: constant.shape };
  }

  #step(node: Node, x: Value): Step {
    switch (node.op) {
      case "Conv":
        return this.#conv(node, x);
      case "Relu": {
        const y = { shape: x.shape, data: x.data.map((value) => Math.max(value, 0)) };
        const pass = (dy: number, value: number, rule: Rule): number => {
          if (rule === "deconvnet") return Math.max(dy, 0);
          if (rule === "guided") return value > 0 ? Math.max(dy, 0) : 0;
          return value > 0 ? dy : 0;
        };
        return { node, x, y, backward: (dy, rule) => dy.map((d, i) => pass(d, x.data[i], rule)) };
      }
      case "MaxPool":
        return maxPool(node, x);
      case "GlobalAveragePool": {
        const [n, c, h, w] = x.shape;
        const data = new Float64Array(n * c);
        x.data.forEach((value, i) => {
          data[Math.floor(i / (h * w))] += value / (h * w);
        });
        const backward = (dy: Float64Array) => x.data.map((_, i) => dy[Math.floor(i / (h * w))] / (h * w));
        return { node, x, y: { shape: [n, c, 1, 1], data }, backward };
      }
      case "Flatten": {
        const size = x.data.length / x.shape[0];
        return { node, x, y: { shape: [x.shape[0], size], data: x.data }, backward: (dy) => dy };
      }
      case "Gemm": {
        const weight = this.#constant(node.inputs[1]);
        const bias = this.#constant(node.inputs[2]);
        const [outputs, inputs] = weight.shape;
        const data = new Float64Array(outputs);
        for (let o = 0; o < outputs; o++) {
          data[o] = bias.data[o];
          for (let i = 0; i < inputs; i++) data[o] += weight.data[o * inputs + i] * x.data[i];
        }
        const backward = (dy: Float64Array) =>
          x.data.map((_, i) => dy.reduce((total, d, o) => total + d * weight.data[o * inputs + i], 0));
        return { node, x, y: { shape: [1, outputs], data }, backward };
      }
      default:
        throw new Error(`the naive network does not know ${node.op}`);
    }
  }

  #conv(node: Node, x: Value): Step {
    const weight = this.#constant(node.inputs[1]);
    const bias = this.#constant(node.inputs[2]);
    const [, inC, inH, inW] = x.shape;
    const [outC, , kH, kW] = weight.shape;
    const [top, left, bottom, right] = numbersAttribute(node, "pads", [0, 0, 0, 0]);
    const [outH, outW] = [inH + top + bottom - kH + 1, inW + left + right - kW + 1];
    const data = new Float64Array(outC * outH * outW);
    const each = (visit: (out: number, input: number, weight: number) => void): void => {
      for (let o = 0; o < outC; o++)
        for (let y = 0; y < outH; y++)
          for (let z = 0; z < outW; z++)
            for (let c = 0; c < inC; c++)
              for (let ky = 0; ky < kH; ky++)
                for (let kx = 0; kx < kW; kx++) {
                  const [iy, ix] = [y + ky - top, z + kx - left];
                  if (iy < 0 || ix < 0 || iy >= inH || ix >= inW) continue;
                  visit(
                    (o * outH + y) * outW + z,
                    (c * inH + iy) * inW + ix,
                    weight.data[((o * inC + c) * kH + ky) * kW + kx],
                  );
                }
    };
    for (let i = 0; i < data.length; i++) data[i] = bias.data[Math.floor(i / (outH * outW))];
    each((out, input, w) => {
      data[out] += w * x.data[input];
    });
    const backward = (dy: Float64Array): Float64Array => {
      const dx = new Float64Array(x.data.length);
      each((out, input, w) => {
        dx[input] += w * dy[out];
      });
      return dx;
    };
    return { node, x, y: { shape: [1, outC, outH, outW], data }, backward };
  }
}

function maxPool(node: Node, x: Value): Step {
  const [, c, h, w] = x.shape;
  const [kH, kW] = numbersAttribute(node, "kernel_shape");
  const [sH, sW] = numbersAttribute(node, "strides");
  const [outH, outW] = [Math.floor((h - kH) / sH) + 1, Math.floor((w - kW) / sW) + 1];
  const data = new Float64Array(c * outH * outW).fill(Number.NEGATIVE_INFINITY);
  const from = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / (outH * outW));
    const [y, z] = [Math.floor(i / outW) % outH, i % outW];
    for (let k = 0; k < kH * kW; k++) {
      const source = (channel * h + y * sH + Math.floor(k / kW)) * w + z * sW + (k % kW);
      if (x.data[source] > data[i]) {
        data[i] = x.data[source];
        from[i] = source;
      }
    }
  }
  const backward = (dy: Float64Array): Float64Array => {
    const dx = new Float64Array(x.data.length);
    dy.forEach((d, i) => {
      dx[from[i]] += d;
    });
    return dx;
  };
  return { node, x, y: { shape: [1, c, outH, outW], data }, backward };
}
