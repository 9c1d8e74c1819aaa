import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { sizeOf } from "../../src/tensor";

/** A value of the network under construction. */
export interface Value {
  readonly name: string;
  /** ONNX order: N, C, spatial. */
  readonly shape: readonly number[];
  /** Expected square of an element. Weights are scaled by it, so that every layer's output has unit variance. */
  readonly meanSquare: number;
}

export interface ConvOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

export interface PoolOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly ceil?: boolean;
}

/**
 * Builds a network layer by layer as an exporter would write it, with seeded random weights.
 *
 *   variance of a weight = 1 / (fan-in · E[x²])
 *
 * which for rectified unit-variance inputs is He's 2 / fan-in: activations neither vanish nor explode at any depth.
 * Batch normalisation stays a node of its own; its statistics are near those of a unit-variance input.
 */
export class NetworkBuilder {
  readonly input: Value;
  readonly #name: string;
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Constant>();
  readonly #random: Random;

  readonly #opset: number;

  constructor(name: string, inputShape: readonly number[] = [1, 3, 224, 224], opset = 13) {
    this.#name = name;
    this.#opset = opset;
    this.#random = new Random(Array.from(name).reduce((seed, letter) => seed * 31 + letter.charCodeAt(0), 7));
    this.input = { name: "input", shape: inputShape, meanSquare: 1 };
  }

  conv(x: Value, outChannels: number, kernel: number, options: ConvOptions = {}): Value {
    const { stride = 1, pad = 0, groups = 1, bias = true } = options;
    const [n, channels, ...spatial] = x.shape;
    const shape = [outChannels, channels / groups, kernel, kernel];
    const weight = this.weight(shape, shape[1] * kernel * kernel * x.meanSquare);
    const inputs = [x.name, weight, ...(bias ? [this.uniform([outChannels], -0.1, 0.1)] : [])];
    const out = spatial.map((extent) => Math.floor((extent + 2 * pad - kernel) / stride) + 1);
    const attributes = { ...window(kernel, stride, pad), dilations: [1, 1], group: groups };
    return this.apply("Conv", inputs, [n, outChannels, ...out], 1, attributes);
  }

  batchNorm(x: Value, epsilon = 1e-5): Value {
    const channels = [x.shape[1]];
    const scale = this.uniform(channels, 0.8, 1.2);
    const shift = this.uniform(channels, -0.2, 0.2);
    const mean = this.uniform(channels, -0.2, 0.2);
    const variance = this.uniform(channels, 0.7 * x.meanSquare, 1.3 * x.meanSquare);
    return this.apply("BatchNormalization", [x.name, scale, shift, mean, variance], x.shape, 1, {
      epsilon,
      momentum: 0.9,
    });
  }

  /** Convolution without bias, then batch normalisation. */
  convNorm(x: Value, outChannels: number, kernel: number, options: ConvOptions = {}, epsilon?: number): Value {
    return this.batchNorm(this.conv(x, outChannels, kernel, { ...options, bias: false }), epsilon);
  }

  linear(x: Value, outputs: number): Value {
    const weight = this.weight([outputs, x.shape[1]], x.shape[1] * x.meanSquare);
    const inputs = [x.name, weight, this.uniform([outputs], -0.1, 0.1)];
    return this.apply("Gemm", inputs, [x.shape[0], outputs], 1, { alpha: 1, beta: 1, transB: 1 });
  }

  relu(x: Value): Value {
    return this.apply("Relu", [x.name], x.shape, x.meanSquare / 2);
  }

  relu6(x: Value): Value {
    return this.apply("Clip", [x.name, this.scalar(0), this.scalar(6)], x.shape, x.meanSquare / 2);
  }

  sigmoid(x: Value): Value {
    return this.apply("Sigmoid", [x.name], x.shape, 0.3);
  }

  /** x · sigmoid(x), which the ONNX operator sets have only as two nodes. */
  silu(x: Value): Value {
    return { ...this.multiply(x, this.sigmoid(x)), meanSquare: 0.36 * x.meanSquare };
  }

  add(a: Value, b: Value): Value {
    return this.apply("Add", [a.name, b.name], a.shape, a.meanSquare + b.meanSquare);
  }

  multiply(a: Value, b: Value): Value {
    return this.apply("Mul", [a.name, b.name], a.shape, a.meanSquare * b.meanSquare);
  }

  /** Along the channels. */
  concat(...parts: readonly Value[]): Value {
    const [n, , ...spatial] = parts[0].shape;
    const channels = parts.reduce((sum, { shape }) => sum + shape[1], 0);
    const squares = parts.reduce((sum, { shape, meanSquare }) => sum + shape[1] * meanSquare, 0);
    const names = parts.map(({ name }) => name);
    return this.apply("Concat", names, [n, channels, ...spatial], squares / channels, { axis: 1 });
  }

  /** Two halves of the channels. */
  halves(x: Value): [Value, Value] {
    const [n, channels, ...spatial] = x.shape;
    const [left, right] = this.node("Split", [x.name, this.ints([channels / 2, channels / 2])], { axis: 1 }, 2);
    const half = { shape: [n, channels / 2, ...spatial], meanSquare: x.meanSquare };
    return [
      { ...half, name: left },
      { ...half, name: right },
    ];
  }

  reshape(x: Value, shape: readonly number[]): Value {
    return this.apply("Reshape", [x.name, this.ints(shape)], shape, x.meanSquare);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    const shape = perm.map((axis) => x.shape[axis]);
    return this.apply("Transpose", [x.name], shape, x.meanSquare, { perm });
  }

  maxPool(x: Value, kernel: number, options: PoolOptions = {}): Value {
    return this.#pool("MaxPool", x, kernel, options, 2 * x.meanSquare);
  }

  averagePool(x: Value, kernel: number, options: PoolOptions = {}): Value {
    return this.#pool("AveragePool", x, kernel, options, x.meanSquare / 2);
  }

  globalAveragePool(x: Value): Value {
    return this.apply("GlobalAveragePool", [x.name], [x.shape[0], x.shape[1], 1, 1], x.meanSquare / 3);
  }

  /** Mean over the image, N×C. */
  spatialMean(x: Value): Value {
    return this.apply("ReduceMean", [x.name], x.shape.slice(0, 2), x.meanSquare / 3, { axes: [2, 3], keepdims: 0 });
  }

  flatten(x: Value): Value {
    const [n, ...rest] = x.shape;
    return this.apply("Flatten", [x.name], [n, sizeOf(rest)], x.meanSquare, { axis: 1 });
  }

  /** The network whose output is `x`. */
  graph(x: Value): Graph {
    return {
      name: this.#name,
      opset: this.#opset,
      inputs: [{ name: this.input.name, shape: this.input.shape }],
      outputs: [x.name],
      nodes: this.#nodes,
      constants: this.#constants,
      metadata: new Map(),
    };
  }

  /** The ONNX file of the network whose output is `x`. */
  onnx(x: Value): Uint8Array {
    return writeOnnx(this.graph(x));
  }

  #pool(op: string, x: Value, kernel: number, options: PoolOptions, meanSquare: number): Value {
    const { stride = 1, pad = 0, ceil = false } = options;
    const [n, channels, ...spatial] = x.shape;
    const out = spatial.map((extent) => pooledExtent(extent, kernel, stride, pad, ceil));
    const attributes = { ...window(kernel, stride, pad), ceil_mode: ceil ? 1 : 0 };
    return this.apply(op, [x.name], [n, channels, ...out], meanSquare, attributes);
  }

  /** One node of one output. */
  apply(
    op: string,
    inputs: readonly string[],
    shape: readonly number[],
    meanSquare: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return { name: this.node(op, inputs, attributes, 1)[0], shape, meanSquare };
  }

  /** One node; the names of its outputs. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>>,
    outputCount: number,
  ): string[] {
    const name = `${op}_${this.#nodes.length}`;
    const outputs = Array.from({ length: outputCount }, (_, i) => `${name}:${i}`);
    this.#nodes.push({ name, op, inputs, outputs, attributes: new Map(Object.entries(attributes)) });
    return outputs;
  }

  #constant(constant: Constant): string {
    const name = `constant_${this.#constants.size}`;
    this.#constants.set(name, constant);
    return name;
  }

  scalar(number: number): string {
    return this.#constant(Constant.fromFloats(Float32Array.of(number), []));
  }

  index(number: number): string {
    return this.#constant(Constant.fromNumbers("int", [number], []));
  }

  /** A scalar of uint8. */
  byte(number: number): string {
    return this.#constant(Constant.fromNumbers("int", [number], [], "uint8"));
  }

  ints(numbers: readonly number[]): string {
    return this.#constant(Constant.fromNumbers("int", numbers, [numbers.length]));
  }

  /** Uniform between ±√(3 · variance), with variance = 1 / `inverseVariance`. */
  weight(shape: readonly number[], inverseVariance: number): string {
    const bound = Math.sqrt(3 / inverseVariance);
    return this.uniform(shape, -bound, bound);
  }

  /** A constant between two numbers. */
  uniform(shape: readonly number[], low: number, high: number): string {
    return this.#constant(Constant.fromFloats(this.#random.uniform(sizeOf(shape), low, high), shape));
  }
}

const window = (kernel: number, stride: number, pad: number) => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [pad, pad, pad, pad],
});

/** As PyTorch defines ceil mode: a window that would start in the right padding is left out. */
function pooledExtent(extent: number, kernel: number, stride: number, pad: number, ceil: boolean): number {
  const positions = (extent + 2 * pad - kernel) / stride;
  if (!ceil) return Math.floor(positions) + 1;
  const out = Math.ceil(positions) + 1;
  return (out - 1) * stride >= extent + pad ? out - 1 : out;
}

/** Marsaglia's xorshift32: a hundred million weights in well under a second. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  uniform(count: number, low: number, high: number): Float32Array {
    const out = new Float32Array(count);
    const middle = (low + high) / 2;
    const scale = (high - low) / 2 ** 32;
    let state = this.#state;
    for (let i = 0; i < count; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      out[i] = middle + state * scale;
    }
    this.#state = state;
    return out;
  }

  /** The same in another order (Fisher and Yates). */
  shuffled<T>(of: readonly T[]): T[] {
    const out = [...of];
    const draws = this.uniform(out.length, 0, 1);
    for (let i = out.length - 1; i > 0; i--) {
      // A draw can round up to 1.
      const j = Math.min(i, Math.floor(draws[i] * (i + 1)));
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }
}
