import { NetworkBuilder, type Value } from "./networks/builder";

/** One layer of a well-known network, by itself. */
export interface LayerEntry {
  readonly name: string;
  readonly input: readonly number[];
  readonly output: readonly number[];
  /** Multiply–accumulates of one layer; 0 where the work is moving bytes. */
  readonly macs: number;
  /** Bytes one layer must read and write at least, weights included. */
  readonly bytes: number;
  /**
   * Where the layer's output can be its input: how many more of it are in the longer of two files, whose difference is
   * the layer without the cost of the call and the copies. 0 elsewhere.
   */
  readonly repeats: number;
  /** Makes the ONNX file of `count` such layers in a row, each with weights of its own. */
  readonly build: (count: number) => Uint8Array;
}

type Layer = (net: NetworkBuilder, x: Value) => Value;

function entry(name: string, input: readonly number[], macs: number, layer: Layer, weights = 0): LayerEntry {
  const probe = new NetworkBuilder(name, input);
  const { shape } = layer(probe, probe.input);
  const size = (extents: readonly number[]): number => extents.reduce((product, extent) => product * extent, 1);
  // The difference of two files must stand out from the noise of a call.
  const isCheap = macs < 3e7 && weights < 1e6;
  return {
    name,
    input,
    output: shape,
    macs,
    bytes: 4 * (size(input) + size(shape) + weights),
    repeats: shape.join() === input.join() ? (isCheap ? 12 : 3) : 0,
    build: (count) => {
      const net = new NetworkBuilder(name, input);
      let x = net.input;
      for (let i = 0; i < count; i++) x = layer(net, x);
      return net.onnx(x);
    },
  };
}

interface ConvShape {
  readonly map: number;
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly depthwise?: boolean;
}

function conv(where: string, { map, from, to, kernel, stride = 1, depthwise = false }: ConvShape): LayerEntry {
  const fanIn = (depthwise ? 1 : from) * kernel ** 2;
  const out = Math.ceil(map / stride) ** 2 * to;
  const options = { stride, pad: (kernel - 1) / 2, groups: depthwise ? from : 1 };
  const channels = depthwise ? `${from} depthwise` : `${from}→${to}`;
  const name = `${where}: ${kernel}×${kernel}${stride > 1 ? ` s${stride}` : ""} ${map}² ${channels}`;
  return entry(
    name,
    [1, from, map, map],
    out * fanIn,
    (net, x) => net.relu(net.conv(x, to, kernel, options)),
    to * fanIn,
  );
}

function dense(where: string, inputs: number, outputs: number): LayerEntry {
  const macs = inputs * outputs;
  return entry(`${where}: dense ${inputs}→${outputs}`, [1, inputs], macs, (net, x) => net.linear(x, outputs), macs);
}

function maxPool(where: string, map: number, channels: number, stride: number): LayerEntry {
  const name = `${where}: max-pool 3×3 s${stride} ${map}² ${channels}`;
  return entry(name, [1, channels, map, map], 0, (net, x) => net.maxPool(x, 3, { stride, pad: 1 }));
}

/** The layer shapes of the comparison. Convolutions are followed by the ReLU that every engine fuses. */
export const layers: readonly LayerEntry[] = [
  conv("VGG-16", { map: 224, from: 64, to: 64, kernel: 3 }),
  conv("VGG-16", { map: 112, from: 128, to: 128, kernel: 3 }),
  conv("ResNet", { map: 56, from: 64, to: 64, kernel: 3 }),
  conv("ResNet", { map: 28, from: 128, to: 128, kernel: 3 }),
  conv("ResNet", { map: 14, from: 256, to: 256, kernel: 3 }),
  conv("ResNet", { map: 7, from: 512, to: 512, kernel: 3 }),
  conv("ResNet", { map: 56, from: 64, to: 128, kernel: 3, stride: 2 }),
  conv("ResNet", { map: 224, from: 3, to: 64, kernel: 7, stride: 2 }),
  conv("MobileNet", { map: 224, from: 3, to: 32, kernel: 3, stride: 2 }),
  conv("ResNet", { map: 56, from: 64, to: 64, kernel: 1 }),
  conv("DenseNet", { map: 28, from: 256, to: 256, kernel: 1 }),
  conv("ResNet", { map: 14, from: 256, to: 1024, kernel: 1 }),
  conv("ResNet", { map: 7, from: 512, to: 512, kernel: 1 }),
  conv("MobileNet", { map: 112, from: 32, to: 32, kernel: 3, depthwise: true }),
  conv("MobileNet", { map: 28, from: 192, to: 192, kernel: 3, depthwise: true }),
  conv("MobileNet", { map: 7, from: 960, to: 960, kernel: 3, depthwise: true }),
  conv("EfficientNet", { map: 14, from: 480, to: 480, kernel: 5, depthwise: true }),
  dense("VGG-16", 4096, 4096),
  dense("ResNet-50", 2048, 1000),
  maxPool("ResNet", 112, 64, 2),
  maxPool("GoogLeNet", 28, 256, 1),
];
