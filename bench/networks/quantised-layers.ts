import type { NetworkBuilder, Value } from "./builder";

export interface LayerOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly groups?: number;
}

/** What the network is put together of. */
export interface Layers {
  readonly input: Value;
  rectified(x: Value, out: number, kernel: number, options?: LayerOptions): Value;
  linear(x: Value, out: number): Value;
  add(a: Value, b: Value): Value;
  /** Mean over the image, and the scores. */
  head(x: Value, classes: number): Value;
}

/** TensorProto.DataType of int8. */
const int8 = 3;

/** Layers of integers as pairs of QuantizeLinear and DequantizeLinear: activations of uint8, weights of int8 with a scale for each output. */
export class QuantisedLayers implements Layers {
  readonly input: Value;
  readonly #net: NetworkBuilder;

  constructor(net: NetworkBuilder) {
    this.#net = net;
    this.input = this.#signed(net.input, 4);
  }

  /** Between 0 and 6, which is where the grid ends. */
  rectified(x: Value, out: number, kernel: number, options: LayerOptions = {}): Value {
    const y = this.#net.relu6(this.#conv(x, out, kernel, options));
    return this.#onGrid(y, 6 / 255, 0);
  }

  linear(x: Value, out: number): Value {
    return this.#signed(this.#conv(x, out, 1, {}), 5);
  }

  add(a: Value, b: Value): Value {
    return this.#signed(this.#net.add(a, b), 8);
  }

  head(x: Value, classes: number): Value {
    const net = this.#net;
    const mean = net.flatten(this.#onGrid(net.globalAveragePool(x), 2 / 255, 0));
    const weight = this.#weight([classes, x.shape[1]], x.shape[1] * mean.meanSquare);
    const bias = net.uniform([classes], -0.1, 0.1);
    const attributes = { alpha: 1, beta: 1, transB: 1 };
    return this.#signed(net.apply("Gemm", [mean.name, weight, bias], [1, classes], 1, attributes), 5);
  }

  #conv(x: Value, out: number, kernel: number, { stride = 1, pad = 0, groups = 1 }: LayerOptions): Value {
    const [n, channels, ...spatial] = x.shape;
    const perOutput = (channels / groups) * kernel ** 2;
    const weight = this.#weight([out, channels / groups, kernel, kernel], perOutput * x.meanSquare);
    const inputs = [x.name, weight, this.#net.uniform([out], -0.1, 0.1)];
    const extents = spatial.map((extent) => Math.floor((extent + 2 * pad - kernel) / stride) + 1);
    const pads = [pad, pad, pad, pad];
    const window = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads, dilations: [1, 1] };
    return this.#net.apply("Conv", inputs, [n, out, ...extents], 1, { ...window, group: groups });
  }

  /** Weights as floats that are quantised where the file is read, a scale for each output. */
  #weight(shape: readonly number[], inverseVariance: number): string {
    const net = this.#net;
    const [least, most] = [0.8, 1].map((part) => (part * Math.sqrt(3 / inverseVariance)) / 127);
    const scales = net.uniform([shape[0]], least, most);
    const floats = net.weight(shape, inverseVariance);
    const [integers] = net.node("QuantizeLinear", [floats, scales], { axis: 0, output_dtype: int8 }, 1);
    return net.node("DequantizeLinear", [integers, scales], { axis: 0 }, 1)[0];
  }

  #signed(x: Value, largest: number): Value {
    return this.#onGrid(x, (2 * largest) / 255, 128);
  }

  #onGrid(x: Value, step: number, zero: number): Value {
    const net = this.#net;
    const [scale, place] = [net.scalar(step), net.byte(zero)];
    const [integers] = net.node("QuantizeLinear", [x.name, scale, place], {}, 1);
    return net.apply("DequantizeLinear", [integers, scale, place], x.shape, x.meanSquare);
  }
}
