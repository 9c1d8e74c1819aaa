import { NetworkBuilder, type Value } from "./builder";
import { channelsFirst, channelsLast, layerNorm, perceptron } from "./token-layers";

/** Channels and blocks of each stage. */
const stages = [
  [96, 3],
  [192, 3],
  [384, 9],
  [768, 3],
] as const;

/** ConvNeXt-T, https://arxiv.org/abs/2201.03545, as torchvision has it. */
export function convnextT(): Uint8Array {
  const net = new NetworkBuilder("convnext-t", undefined, 17);
  const norm = (x: Value): Value => channelsFirst(net, layerNorm(net, channelsLast(net, x)));
  const block = (x: Value): Value => {
    const channels = x.shape[1];
    const filtered = channelsLast(net, net.conv(x, channels, 7, { pad: 3, groups: channels }));
    const mixed = channelsFirst(net, perceptron(net, layerNorm(net, filtered), 4 * channels));
    const scale = net.uniform([channels, 1, 1], 0.2, 0.6);
    return net.add(net.apply("Mul", [scale, mixed.name], x.shape, 0.17), x);
  };
  let x = norm(net.conv(net.input, 96, 4, { stride: 4 }));
  for (const [channels, blocks] of stages) {
    if (channels > 96) x = net.conv(norm(x), channels, 2, { stride: 2 });
    for (let i = 0; i < blocks; i++) x = block(x);
  }
  return net.onnx(net.linear(net.flatten(norm(net.globalAveragePool(x))), 1000));
}
